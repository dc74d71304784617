"""Half a year of 29 people, copied whole but for identity: who can be joined to whom, and how often."""

import asyncio
import os
from collections.abc import Callable
from datetime import date, datetime
from itertools import combinations

import pytest

from tests.people import eventually
from tests.tried import count
from tests.unlinkability import rates
from tests.unlinkability.attacks import astray, on_the_way, shared_values, tried
from tests.unlinkability.conftest import Copies
from tests.unlinkability.copies import files, kafkas_files, logs, records
from tests.unlinkability.nights import SHUFFLED

CLEANED_WITHIN = 120.0  # seconds; the cleaner comes by every 15
# Per store, the table that keeps the alias of who has left, so that it is refused for ever.
REFUSING = {
    "forum": "members",
    "events": "guests",
    "notifications": "departed",
    "analytics:membership": "study_aliases",
    "analytics:forum": "study_aliases",
    "analytics:events": "study_aliases",
}

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(600),
]  # the scenario is played once


def exactly(at: datetime) -> datetime:
    """To the second."""
    return at


async def test_no_two_aliases_of_a_person_share_a_value(taken: Copies) -> None:
    for one, other in combinations(taken.stores, 2):
        assert not shared_values(taken.stores[one], taken.stores[other]), (one, other)
        count("unlinkability", "pairs of stores searched for common values")


async def test_no_alias_of_one_service_stands_in_another_or_in_a_log(taken: Copies) -> None:
    places = {service: str([row.values for row in rows]) for service, rows in taken.services.items()}
    places |= {log: content.decode(errors="replace") for log, content in logs(taken.scenario.stage)}
    assert not astray(taken.people + taken.left, places)
    aliases = sum(map(len, taken.people + taken.left))
    count(
        "unlinkability", "aliases sought in other services' tables and in logs", aliases * (len(places) - 1)
    )


async def test_of_who_left_only_what_refuses_them_is_kept(taken: Copies) -> None:
    assert len(taken.left) == 2
    for person in taken.left:
        for store, alias in person.items():
            tables = {
                row.table for row in taken.services[store.partition(":")[0]] if alias in str(row.values)
            }
            topics = {row.table for row in taken.kafka if alias in str(row.values)}
            assert tables <= {REFUSING[store]}, (store, tables)
            assert all(topic.startswith(("local.identity.", "local.research.")) for topic in topics), topics
            assert not [row for row in taken.redis if alias in row.table + str(row.values)]


async def test_what_passed_the_switchboard_is_gone(taken: Copies) -> None:
    assert not on_the_way(taken.kafka)


async def test_redis_tells_of_no_key_when_it_was_used(taken: Copies) -> None:
    assert not [row for row in taken.redis if "idle" in row.values]


async def test_the_engines_notes_were_read(taken: Copies) -> None:
    for service, tables in SHUFFLED.items():
        store = taken.stores[service]
        lying = {(row.table, alias) for alias, row in store.lying}
        standing = {(f"{row.table} on disk", alias) for alias, row in store.standing if row.table in tables}
        assert standing
        assert standing <= lying
        assert [row for row in store.dump.rows if row.table == "__consumer_offsets"]


async def test_no_pair_of_stores_names_more_people_than_its_ceiling(taken: Copies) -> None:
    found = await asyncio.to_thread(taken.rates)  # the services go on meanwhile
    print(  # noqa: T201 - this is what the run shows
        "\n".join(["", rates.table(found), *(rate.told for rate in found)])
    )
    over = [rate.told for rate in found if rate.is_over]
    assert not over, over  # before anything is written
    if os.environ.get("RATES") == "write":
        rates.write(found)
    known = rates.written()
    assert known.keys() == {" × ".join(rate.stores) for rate in found}
    assert not rates.told_otherwise(found, known), "the document says something else: RATES=write"
    for rate in found:
        count("unlinkability", "attacks by pattern", len(rate.right) * len(rate.copies))


@pytest.mark.parametrize("told", [exactly, datetime.date])
async def test_times_of_answers_and_check_ins_would_be_found(
    taken: Copies, told: Callable[[datetime], datetime | date]
) -> None:
    partners = taken.partners("forum", "events")
    right = await asyncio.to_thread(tried, taken.stores["forum"], taken.with_times(told), partners)
    print(f"planted {told.__name__}: {right}")  # noqa: T201 - this too
    assert max(right.values()) > rates.AT_MOST, right  # what the rates of a real run are held to
    count("unlinkability", "planted times found in the copies")


async def test_canaries_stay_where_they_were_let_fly(taken: Copies) -> None:
    canaries, stage = taken.scenario.canaries, taken.scenario.stage

    async def in_segments() -> list[str]:
        await asyncio.sleep(1)
        return await asyncio.to_thread(lambda: canaries.astray(kafkas_files(stage)))

    # The words of those who left go from the segments as soon as Kafka's cleaner has come by.
    await eventually(in_segments, lambda astray: not astray, seconds=CLEANED_WITHIN)
    copied = [
        (f"tables {service}", str([row.values for row in rows]).encode())
        for service, rows in taken.services.items()
    ]
    kafka = await records(stage, taken.scenario.studies)
    copied += [(f"kafka {row.table}", str(row.values).encode()) for row in kafka]
    copied += [("redis", (row.table + str(row.values)).encode()) for row in taken.redis]
    assert not canaries.astray(copied)
    places = list(files(stage))
    assert not canaries.astray(places)
    count("unlinkability", "canaries", len(canaries.kept))
    count("unlinkability", "copies and places on disk searched for them", len(copied) + len(places))
