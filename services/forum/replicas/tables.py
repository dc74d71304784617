"""How each kind of record fills its table: one statement a batch, the higher version wins."""

# ruff: noqa: S608 - statements are put together from fragments of ours only

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextClause, text

from services.forum.models import (
    PROJECTION,
    Erasure,
    Moderation,
    Post,
    Profile,
    Reaction,
    Replicated,
    Report,
    Thread,
)
from services.forum.names import skeleton
from services.forum.rendering import render
from services.forum.rules.counting import written
from services.forum.rules.identities import time_of
from shared.contracts.payloads.forum import PostPublished, ProfilePresented
from shared.contracts.topics import ERASURES, MODERATION, POSTS, PROFILES, REACTIONS, REPORTS, THREADS, Topic

Columns = dict[str, str]  # column → its type in the record

STATE: Columns = {"home": "text", "version": "bigint", "erased": "boolean"}
NONCE: Columns = {"id": "uuid", "nonce": "bytea"}
MADE: Columns = {"made_ms": "bigint"}  # of what is shown apart
APART = """greatest(CAST(:at AS timestamptz), least(
    TIMESTAMPTZ 'epoch' + r.made_ms * INTERVAL '1 millisecond' + CAST(:apart AS interval),
    CAST(:at AS timestamptz) + 2 * CAST(:apart AS interval)))"""
AUTHORED: Columns = {**NONCE, "author_id": "uuid", "author_nonce": "bytea"}


def _nothing_more(_state: Any) -> dict[str, object]:
    return {}


@dataclass(frozen=True)
class Table:
    """A topic's table: the whole record goes with its version.

    `computed` gives columns that the record doesn't have. `projection`: how the columns are filled.
    """

    topic: Topic
    name: str
    columns: Columns
    entity: type[Replicated]
    computed: Callable[[Any], dict[str, object]] = _nothing_more
    projection: int = PROJECTION
    shown_apart: bool = False

    @property
    def upsert(self) -> TextClause:
        """Takes :records (a JSON array), :at, :buckets, :apart. `arrived_at` is that of the first version that came; of what
        is `shown_apart` it is when that stands for others, as `Home.stands_from` has it.

        Which state stands: `rules.merging`. The buckets are to be summed up anew (`marking`): a statement of their own
        would cost each batch a round trip.
        """
        columns = {**self.columns, **STATE, "received": "jsonb"}
        told = columns | (MADE if self.shown_apart else {})
        values = ", ".join(_value(c, t) for c, t in columns.items())
        sets = ", ".join(f"{c} = excluded.{c}" for c in [*columns, "projection"] if c not in ("id", "home"))
        return text(
            "WITH marked AS (INSERT INTO buckets_to_sum (kind, bucket)"
            f" SELECT '{self.name}', bucket FROM unnest(CAST(:buckets AS bigint[])) AS bucket)"
            f" INSERT INTO {self.name} AS t ({', '.join(columns)}, projection, arrived_at)"
            f" SELECT {values}, {self.projection},"
            f" {APART if self.shown_apart else 'CAST(:at AS timestamptz)'}"
            f" FROM jsonb_to_recordset(CAST(:records AS jsonb)) AS r ({_types(told)}) ORDER BY r.id"
            f" ON CONFLICT (id) DO UPDATE SET {sets}"
            " WHERE (excluded.erased, excluded.version) > (t.erased, t.version)"
        )

    @property
    def project(self) -> TextClause:
        """Takes :records as `upsert` does; fills the columns anew of those rows that still are what was received."""
        sets = ", ".join(f"{c} = {_value(c, t)}" for c, t in self.columns.items() if c != "id")
        return text(
            f"UPDATE {self.name} t SET {sets}, projection = {self.projection}"
            f" FROM jsonb_to_recordset(CAST(:records AS jsonb)) AS r ({_types({**self.columns, **STATE})})"
            " WHERE t.id = r.id AND (t.version, t.erased) = (r.version, r.erased) AND t.received IS NOT NULL"
        )

    @property
    def read_back(self) -> TextClause:
        """Takes :ids, :last, :highest (of our own records); gives the ids whose newest version isn't the last sent."""
        return text(
            "WITH own AS (SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:last AS bigint[]),"
            " CAST(:highest AS bigint[])) AS o (id, last, highest)),"
            f" before AS (SELECT t.id, t.read_back, o.last, o.highest FROM {self.name} t JOIN own o ON t.id = CAST("
            f"o.id AS {self.id_type}) ORDER BY t.id FOR UPDATE OF t)"
            f" UPDATE {self.name} t SET read_back = greatest(b.read_back, b.highest) FROM before b WHERE t.id = b.id"
            f" RETURNING t.id, {overtaken('t.erased', 't.version')} AS overtaken"
        )

    @property
    def id_type(self) -> str:
        return self.columns["id"]

    def row(self, state: Any, received: object) -> dict[str, object]:
        """A record as `upsert` takes it."""
        content = state.model_dump(mode="json")
        wanted = {**self.columns, **STATE}
        made = {"made_ms": time_of(state.id)} if self.shown_apart else {}
        return {c: content.get(c) for c in wanted} | self.computed(state) | made | {"received": received}


def overtaken(erased: str, version: str) -> str:
    """Whether a row is to be published again; `b` has what was read back. As `is_to_be_published_again` says."""
    newest = "greatest(b.read_back, b.highest)"
    return f"(b.last < {newest} OR {erased} AND {newest} > {version})"


def _types(columns: Columns) -> str:
    return ", ".join(f"{c} {'text' if t == 'bytea' else t}" for c, t in columns.items())


def _value(column: str, type_: str) -> str:
    return f"decode(r.{column}, 'hex')" if type_ == "bytea" else f"r.{column}"


def _profile(state: ProfilePresented) -> dict[str, object]:
    return {"skeleton": None if state.name is None else skeleton(state.name)}


def _post(state: PostPublished) -> dict[str, object]:
    return {"written": written(state), "body_html": None if state.body is None else render(state.body)}


def _moderation(state: Any) -> dict[str, object]:
    return {
        "hide_ids": [str(hide.id) for hide in state.hides],
        "hide_reasons": [hide.reason for hide in state.hides],
    }


TABLES = {
    table.topic.name: table
    for table in (
        Table(
            PROFILES,
            "profiles",
            {
                **NONCE,
                "role": "text",
                "name": "text",
                "skeleton": "text",
                "mark": "integer",
                "community": "text",
                "same_as": "uuid",
            },
            Profile,
            _profile,
        ),
        Table(THREADS, "threads", {**AUTHORED, "title": "text", "wish": "text"}, Thread, shown_apart=True),
        Table(
            POSTS,
            "posts",
            {
                **AUTHORED,
                "thread_id": "uuid",
                "written": "bigint",
                "opening": "boolean",
                "body": "text",
                "body_html": "text",
                "edited": "boolean",
            },
            Post,
            _post,
            shown_apart=True,
        ),
        Table(REACTIONS, "reactions", {**AUTHORED, "post_id": "uuid", "kind": "text"}, Reaction),
        Table(
            MODERATION,
            "moderation",
            {
                "id": "text",
                "target_id": "uuid",
                "target_kind": "text",
                "hide_ids": "uuid[]",
                "hide_reasons": "text[]",
                "lifts": "uuid[]",
            },
            Moderation,
            _moderation,
        ),
        Table(REPORTS, "reports", {**NONCE, "post_id": "uuid", "category": "text"}, Report),
        Table(
            ERASURES,
            "erasures",
            {
                "id": "text",
                "erasure_id": "uuid",
                "profiles": "uuid[]",
                "threads": "uuid[]",
                "posts": "uuid[]",
                "reactions": "uuid[]",
                "acknowledged": "boolean",
            },
            Erasure,
        ),
    )
}
