"""What the scenario's searches would find is planted here once: values, aliases, records, notes of engines, canaries."""

import struct
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from shared.contracts.topics import ACTIVITY, ENGAGEMENT, NOTICES_ADDRESSED, Topic
from tests.unlinkability.attacks import astray, on_the_way, shared_values
from tests.unlinkability.canaries import Canaries
from tests.unlinkability.engines_notes import commit_in, versions_in
from tests.unlinkability.planted import BEGIN, Draw, store
from tests.unlinkability.sightings import Row


@pytest.mark.parametrize(
    "trace",
    [
        "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        {"headers": {"correlation_id": "2f1c7f0b44e34d0aa1f0aa4f0f0d9c11"}},
        BEGIN + timedelta(seconds=17.25),
        b"a keyed hash of both",
        1_772_434_817_250 << 16,
        "the words of a post",
    ],
)
def test_a_planted_common_value_is_found(draw: Draw, trace: object) -> None:
    mine, theirs = draw.ids(), draw.ids()
    one = store("forum", [Row("posts", {"alias": mine[0], "planted": trace}, 0)], mine)
    other = store("events", [Row("answers", {"alias": theirs[3], "also": [trace]}, 0)], theirs)
    assert shared_values(one, other)


def test_what_many_people_share_joins_nobody(draw: Draw) -> None:
    mine, theirs, community = draw.ids(), draw.ids(), draw.ids()[0]
    one = store("forum", [Row("members", {"alias": alias, "in": community}, 0) for alias in mine], mine)
    other = store("events", [Row("guests", {"alias": alias, "in": community}, 0) for alias in theirs], theirs)
    assert not shared_values(one, other)


def test_columns_of_the_same_name_join_nobody_but_an_id_as_a_key_does(draw: Draw) -> None:
    mine, theirs, thread = draw.ids(), draw.ids(), draw.ids()[0]
    for key, joins in (("occurred_at", False), (thread, True)):
        one = store("forum", [Row("outbox_sent", {"key": mine[0], "payload": {key: 1}}, 0)], mine)
        other = store("events", [Row("outbox_sent", {"key": theirs[3], "payload": {key: 2}}, 0)], theirs)
        assert bool(shared_values(one, other)) == joins


def test_an_id_in_the_words_of_a_text_is_found(draw: Draw) -> None:
    mine, theirs, thread = draw.ids(), draw.ids(), draw.ids()[0]
    one = store("forum", [Row("posts", {"alias": mine[0], "thread": thread}, 0)], mine)
    said = {"alias": theirs[3], "prompt": f"Do read /threads/{thread}, please."}
    assert shared_values(one, store("events", [Row("answers", said, 0)], theirs)) == [thread]


@pytest.mark.parametrize("place", ["events", "identity", "log services.log", "log postgres-forum.log"])
def test_an_alias_elsewhere_is_found(draw: Draw, place: str) -> None:
    mine, theirs = draw.ids(), draw.ids()
    people = [{"forum": one, "analytics:forum": other} for one, other in zip(mine, theirs, strict=True)]
    own = {"forum": str(mine), "analytics": str(theirs)}
    assert not astray(people, own)
    assert astray(people, own | {place: f'{{"event": "a batch failed", "key": "{mine[7]}"}}'}) == [
        ("forum", place)
    ]
    assert astray(people, own | {"forum": str(mine + theirs[4:5])}) == [("analytics:forum", "forum")]


@pytest.mark.parametrize("topic", [ACTIVITY["forum"], NOTICES_ADDRESSED, ENGAGEMENT["membership"]])
def test_a_record_that_stayed_on_the_way_is_found(draw: Draw, topic: Topic) -> None:
    stays = Row("local.identity.forum.v1", {"key": draw.ids()[0]}, 0)
    stayed = Row(topic.name, {"key": draw.ids()[0]}, 0)
    assert on_the_way([stays, stayed]) == [stayed]


def test_a_dead_row_is_found_in_its_page(draw: Draw, tmp_path: Path) -> None:
    [alias, other, *_] = draw.ids()
    page = bytearray(8192)
    versions = [(alias, 741), (other, 743)]
    struct.pack_into("<H", page, 12, 24 + 4 * len(versions))
    for number, (whose, transaction) in enumerate(versions):
        row = struct.pack("<II", transaction, 745) + bytes(16) + UUID(whose).bytes
        place = 8192 - 64 * (number + 1)
        page[place : place + len(row)] = row
        struct.pack_into("<I", page, 24 + 4 * number, place | 1 << 15 | len(row) << 17)
    file = tmp_path / "16384"
    file.write_bytes(bytes(8192) + page)
    found = versions_in("guests", file, {UUID(alias).bytes: alias})
    assert [(row.values["alias"], row.place, row.moment) for row in found] == [(alias, 1, 741)]


def test_the_time_of_an_offsets_commit_is_read() -> None:
    def text(said: str) -> bytes:
        return struct.pack(">h", len(said)) + said.encode()

    key = (
        struct.pack(">h", 1)
        + text("notifications")
        + text("local.notices.addressed.v1")
        + struct.pack(">i", 2)
    )
    time = struct.pack(">q", int(BEGIN.timestamp() * 1000))
    value = struct.pack(">hqi", 3, 41, 0) + text("") + time
    compact = struct.pack(">hqi", 4, 41, 0) + b"\x01" + time + b"\x00"
    for written in (value, compact):
        assert commit_in(key, written) == ("local.notices.addressed.v1", 2, BEGIN)
    assert commit_in(struct.pack(">h", 2) + text("notifications"), value) is None
    assert commit_in(key, None) is None


PLACES = ["tables events", "kafka local.activity.forum.v1", "redis", "log kafka.log", "postgres analytics"]


@pytest.mark.parametrize("place", PLACES)
def test_a_canary_that_strays_is_found(place: str) -> None:
    canaries = Canaries()
    typed = canaries.text("post", "postgres forum")
    canaries.name("forum name", "postgres forum")
    at_home = ("postgres forum", typed.encode())
    assert not canaries.astray([at_home, (place, b"nothing of it")])
    name, phone = typed.partition(" ")[0], typed.rpartition(" ")[2]
    for trace in (typed.upper(), name, phone, f"x{name}y", f"1{phone}2", f"{name}@example.org"):
        assert canaries.astray([at_home, (place, b"\0\1" + trace.encode() + b"\0")]) == [f"post in {place}"]
