"""Half a year of 29 people, copied whole but for identity: nobody can be joined to anybody."""

import os
from itertools import combinations

import pytest

from tests.unlinkability import rates
from tests.unlinkability.attacks import shared_values
from tests.unlinkability.conftest import Copies

AT_MOST = 3  # of 29
NEAR = 3.0  # what chance makes of a rate from run to run

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(600),
]  # the scenario is played once


async def test_no_two_aliases_of_a_person_share_a_value(taken: Copies) -> None:
    for one, other in combinations(taken.stores, 2):
        assert not shared_values(taken.stores[one], taken.stores[other]), (one, other)


async def test_no_alias_of_one_service_stands_in_another_or_in_a_log(taken: Copies) -> None:
    for person in taken.people:
        for store, alias in person.items():
            for service, rows in taken.services.items():
                if service != store.partition(":")[0]:
                    assert alias not in str([row.values for row in rows]), (store, service)
            assert not [
                place
                for place, content in taken.files
                if place.startswith("log") and alias.encode() in content
            ]


async def test_what_passed_the_switchboard_is_gone(taken: Copies) -> None:
    passing = ("local.activity", "local.notices", "local.engagement")
    assert not [row.table for row in taken.kafka if row.table.startswith(passing)]


async def test_patterns_name_at_most_three_of_29(taken: Copies) -> None:
    found = taken.rates()
    print(  # noqa: T201 - this is what the run shows
        "\n" + rates.table(found)
    )
    for rate in found:
        print(  # noqa: T201 - this is what the run shows
            rate.stores, {attack: round(right, 1) for attack, right in rate.right.items()}
        )
    if os.environ.get("RATES") == "write":
        rates.write(found)
    known = rates.written()
    assert known.keys() == {" × ".join(rate.stores) for rate in found}
    for rate in found:
        assert rate.named <= known[" × ".join(rate.stores)] + NEAR, rate
        if not any(store.startswith("analytics") for store in rate.stores):
            assert rate.named <= AT_MOST, rate


async def test_canaries_stay_where_they_were_let_fly(taken: Copies) -> None:
    canaries = taken.scenario.canaries
    copied = [
        (f"postgres {service}", str([row.values for row in rows]).encode())
        for service, rows in taken.services.items()
    ]
    copied += [(f"kafka {row.table}", str(row.values).encode()) for row in taken.kafka]
    copied += [("redis", (row.table + str(row.values)).encode()) for row in taken.redis]
    print(  # noqa: T201 - this is what the run shows
        f"\n{len(canaries.kept)} canaries sought in {len(copied)} copies and {len(taken.files)} places on disk"
    )
    assert not canaries.astray(copied)
    assert not canaries.astray(taken.files)
