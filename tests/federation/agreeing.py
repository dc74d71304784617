"""Whether two regions have the same forum: row by row, by their digests, and as operators are told."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from deploy.federation.status import LinkStatus, status_of
from services.forum.replicas.tables import TABLES
from shared.contracts.topics import DIGESTS
from tests.federation.regions import Pair, other_than
from tests.people import eventually
from tests.region.running import RunningRegion

AGREED_SECONDS = 120  # on a loaded machine, where MirrorMaker may have to start first
# When a row came here, and how; the rest of it is what was said.
HERE_ALONE = ["arrived_at", "received", "projection", "read_back", "announced_at", "answered"]
ROWS = "SELECT id::text, (to_jsonb(t) - $1::text[])::text FROM {} t"
# Who wrote first in a thread is told by who came first; whether more than one did isn't.
ACTIVITY = "SELECT thread_id::text, (to_jsonb(t) - 'first_writer')::text FROM thread_activity t"
SUMS = "SELECT home, kind, bucket, sum FROM digests WHERE sum IS NOT NULL AND sum <> repeat('0', 16)"
OWN = "SELECT kind, bucket FROM digests WHERE home = $1 AND sum IS NOT NULL"
COMPARED = "SELECT kind, bucket, verdict, alarmed, repair_due, version FROM digest_comparisons"

Rows = dict[tuple[str, str], Any]  # (table, id) → the row


@asynccontextmanager
async def forum_database(region: RunningRegion) -> AsyncIterator[Any]:
    """The forum's own, as the forum."""
    connection = await asyncpg.connect(region.engines["postgres"]["forum"])
    try:
        yield connection
    finally:
        await connection.close()


async def forum_of(region: RunningRegion) -> Rows:
    """All that regions tell each other, and what follows from it for everybody."""
    found: Rows = {}
    async with forum_database(region) as connection:
        for table in TABLES.values():
            for id_, row in await connection.fetch(ROWS.format(table.name), HERE_ALONE):
                found[table.name, id_] = json.loads(row)
        for id_, row in await connection.fetch(ACTIVITY):
            found["thread_activity", id_] = json.loads(row)
    return found


async def differing(pair: Pair) -> list[tuple[Any, ...]]:
    """What north and south have otherwise: table, id, each one's row."""
    north, south = await forum_of(pair.north), await forum_of(pair.south)
    return [
        (*place, north.get(place), south.get(place))
        for place in sorted({*north, *south})
        if north.get(place) != south.get(place)
    ]


async def digests_differing(pair: Pair) -> list[tuple[Any, ...]]:
    """Sums that aren't the same, and buckets of which their home doesn't know that the other has them."""
    sums, unknown = {}, list[tuple[Any, ...]]()
    for name, region in pair.regions.items():
        async with forum_database(region) as connection:
            sums[name] = {tuple(row[:3]): row[3] for row in await connection.fetch(SUMS)}
            own = {tuple(row) for row in await connection.fetch(OWN, name)}
            compared = {tuple(row[:2]): tuple(row[2:5]) for row in await connection.fetch(COMPARED)}
        same = {place for place, said in compared.items() if said == ("same", False, False)}
        unknown += [(name, *place, compared.get(place)) for place in sorted(own - same)]
    return unknown + sorted(set(sums["north"].items()) ^ set(sums["south"].items()))


async def comparisons(pair: Pair) -> dict[tuple[str, str, int], int]:
    """Of each bucket the version of the digest that was compared last; it grows with each."""
    found = {}
    for name, region in pair.regions.items():
        async with forum_database(region) as connection:
            for row in await connection.fetch(COMPARED):
                found[name, row["kind"], row["bucket"]] = row["version"]
    return found


async def compared_once_more(pair: Pair) -> None:
    """Every bucket, from now on: every row was summed up again, told and heard."""
    before = await comparisons(pair)
    await eventually(
        lambda: comparisons(pair),
        lambda now: all(now[place] > version for place, version in before.items()),
        seconds=AGREED_SECONDS,
    )


async def links(pair: Pair) -> dict[str, LinkStatus]:
    """What operators of each region are told of its link to the other."""
    found = {}
    for name, region in pair.regions.items():
        _, [found[name]] = await status_of(region.data)
        assert found[name].neighbour == other_than(name)
    return found


def not_well(told: dict[str, LinkStatus]) -> list[tuple[Any, ...]]:
    """What isn't as it is when all is well and nothing is under way."""
    wrong: list[tuple[Any, ...]] = [
        (name, link.link) for name, link in told.items() if not link.well or link.muted
    ]
    for name, link in told.items():
        for topic in link.topics:
            waits = topic.records and topic.topic != DIGESTS.name  # of these there is always one under way
            if waits or topic.digests.behind or topic.digests.different:
                wrong.append((name, topic))
    return wrong


async def agree(pair: Pair) -> None:
    """Both have the same forum soon, find so themselves, and say so."""
    await eventually(lambda: differing(pair), lambda found: not found, seconds=AGREED_SECONDS)
    await eventually(lambda: digests_differing(pair), lambda found: not found, seconds=AGREED_SECONDS)

    async def wrong() -> list[tuple[Any, ...]]:
        return not_well(await links(pair))

    await eventually(wrong, lambda found: not found, seconds=AGREED_SECONDS)
    assert not await differing(pair)
