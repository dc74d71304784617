"""What forum's or events' copy lets one expect to be waiting for whom, held against the flags in notifications.

At a reply all who watch its thread get notices at once: whose flag is up and whose isn't divides people in two.
"""

from datetime import datetime
from typing import Any, Protocol

from tests.unlinkability.sightings import Dump


class Known(Protocol):
    """What is needed of a store."""

    @property
    def dump(self) -> Dump: ...

    @property
    def aliases(self) -> list[str]: ...

    @property
    def names(self) -> Any: ...


def as_expected(one: Known, other: Known) -> dict[tuple[str, str], float]:
    """1 for every pair of aliases of which both should have, or both lack, a flag; nothing for other stores."""
    if other.dump.store != "notifications" or one.dump.store not in CATEGORY:
        return {}
    category, expecting = CATEGORY[one.dump.store]
    expected = expecting(one)
    flagged = {
        row.values["alias"]
        for row in other.dump.rows
        if row.table == "waiting" and row.values["category"] == category
    }
    return {(a, b): float((a in expected) == (b in flagged)) for a in one.aliases for b in other.aliases}


def _replies(forum: Known) -> set[str]:
    """Who watches a thread in which somebody else wrote after they last read there."""
    written = [
        (row.values["thread_id"], row.values["arrived_at"], forum.names.get(row.values["author_id"]))
        for row in _of(forum, "posts")
        if not row.values["opening"]
    ]
    read = {
        (row.values["alias"], row.values["thread_id"]): row.values["read_until"]
        for row in _of(forum, "read_marks")
    }
    return {
        alias
        for row in _of(forum, "watching")
        for thread, at, author in written
        if thread == row.values["thread_id"]
        and author != (alias := row.values["alias"])
        and at > max(row.values["since"], read.get((alias, thread), row.values["since"]))
    }


def _cafes(events: Known) -> set[str]:
    """Who hasn't answered the last café that was planned in their community."""
    last: dict[str, tuple[datetime, str]] = {}
    for row in _of(events, "gatherings"):
        community, planned = row.values["community_id"], (row.values["starts"], row.values["id"])
        last[community] = max(planned, last.get(community, planned))
    answered = {(row.values["gathering_id"], row.values["alias"]) for row in _of(events, "answers")}
    return {
        row.values["alias"]
        for row in _of(events, "guests")
        for community in row.values["communities"]
        if community in last and (last[community][1], row.values["alias"]) not in answered
    }


def _of(store: Known, table: str) -> list[Any]:
    return [row for row in store.dump.rows if row.table == table]


CATEGORY = {"forum": ("replies", _replies), "events": ("cafes", _cafes)}
