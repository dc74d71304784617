"""The scenario is played once; its copies serve every test."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import combinations

import pytest
import pytest_asyncio

from tests.engines import SERVICES
from tests.unlinkability import copies, engines_notes
from tests.unlinkability.attacks import Store, tried
from tests.unlinkability.nights import SHUFFLED, nights
from tests.unlinkability.planted import Draw
from tests.unlinkability.rates import Rate
from tests.unlinkability.scenario import Scenario, played
from tests.unlinkability.sightings import Dump, Row, aliases_in

STORES = (
    "forum",
    "events",
    "notifications",
    "analytics:membership",
    "analytics:forum",
    "analytics:events",
)
OUTSIDE = tuple(service for service in SERVICES if service != "identity")


@dataclass
class Copies:
    """What an attacker has (`stores`, `kafka`, `services`, `redis`, the stage's disk) and the truth (`people`)."""

    scenario: Scenario
    services: dict[str, list[Row]]
    kafka: list[Row]
    redis: list[Row]
    people: list[dict[str, str]]  # per person: store → alias
    left: list[dict[str, str]]  # the same, of those who have left
    nights: list[dict[str, Store]]  # the stores' copies of one night after the other

    @property
    def stores(self) -> dict[str, Store]:
        """The last night's."""
        return self.nights[-1]

    def partners(self, one: str, other: str) -> dict[str, str]:
        """Alias → alias of everybody who stands in both stores."""
        here, there = set(self.stores[one].aliases), set(self.stores[other].aliases)
        return {
            person[one]: person[other]
            for person in self.people
            if person.get(one) in here and person.get(other) in there
        }

    def with_times(self, told: Callable[[datetime], datetime | date]) -> Store:
        """Events' copy as it would be if answers and check-ins bore what is `told` of the moment of the act."""
        events, acts = self.stores["events"], self.scenario.cafe_acts
        rows = []
        for row in events.dump.rows:
            values = row.values
            at = acts.get((row.table, values.get("gathering_id", ""), values.get("alias", "")))
            rows.append(row if at is None else replace(row, values={**values, "planted": told(at)}))
        assert rows != events.dump.rows
        return Store.read(Dump("events", rows), events.names)

    def rates(self) -> list[Rate]:
        """What the attacker achieves, for every pair of stores, in each night's copies."""
        found = []
        for pair in combinations(STORES, 2):
            one, other = pair
            again = self.nights if {one, other} & set(SHUFFLED) else self.nights[-1:]
            partners = self.partners(one, other)
            attempts = [tried(night[one], night[other], partners) for night in again]
            found.append(Rate(pair, len(partners), len(self.stores[other].aliases), attempts))
        return found


async def _who_is_who(scenario: Scenario) -> list[dict[str, str]]:
    enrolled = await scenario.cast.study_aliases(scenario.study)
    forum = [member.aliases["forum"] for member in scenario.members.values()]
    participants = await scenario.cast.participants("forum", forum)
    people = []
    for member in scenario.members.values():
        await member.comes()
        for audience in ("events", "notifications"):
            await member.token(audience)
        own = {audience: str(alias) for audience, alias in member.aliases.items()}
        studied = enrolled[participants[member.aliases["forum"]]]
        people.append(own | {f"analytics:{source}": str(alias) for source, alias in studied.items()})
    return people


async def take(scenario: Scenario) -> Copies:
    """Copy everything outside identity, once what passed the switchboard was wiped as it is every quarter minute."""
    stage = scenario.stage
    for bus in stage.buses:
        await bus.wipe_handled()
    services = {service: await copies.tables(stage, service) for service in OUTSIDE}
    kafka = await copies.records(stage, scenario.study)
    redis = await copies.redis_keys(stage)
    people = await _who_is_who(scenario)
    spaces = {store: {person[store] for person in people if store in person} for store in STORES}
    noted = await engines_notes.commits(stage, scenario.moves, spaces)
    known = _stores(services, kafka, spaces, noted)
    left = [{store: str(alias) for store, alias in member.aliases.items()} for member in scenario.left]
    copied = []
    async for night in nights(stage):
        for service, tables in SHUFFLED.items():
            on_disk = await engines_notes.pages(stage, service, tables, spaces[service])
            services[service] = night[service] + on_disk
        copied.append(known | _stores(services, kafka, {store: spaces[store] for store in SHUFFLED}, noted))
    return Copies(scenario, services, kafka, redis, people, left, copied)


def _stores(
    services: dict[str, list[Row]],
    kafka: list[Row],
    spaces: dict[str, set[str]],
    noted: dict[str, list[Row]],
) -> dict[str, Store]:
    stores = {}
    for store, dump in copies.stores(services, kafka, spaces).items():
        names = {alias: alias for alias in spaces[store]}
        if store == "forum":
            pseudonyms = copies.profiles(services["forum"])
            names |= {profile: alias for profile, alias in pseudonyms.items() if alias in names}
            dump.rows += [
                row for row in kafka if row.table.startswith("shared.forum.") and _ids(row) & set(names)
            ]
        there = {alias for row in dump.rows for alias in aliases_in(row, names)}
        dump.rows += [
            replace(
                row,
                values=dict(row.values)
                | {"whose": [alias for alias in row.values["whose"] if alias in there]},
            )
            for row in noted[store]
        ]
        stores[store] = Store.read(dump, names)
    return stores


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> Draw:
    """This test's own chance."""
    return Draw(request.node.name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def taken() -> AsyncIterator[Copies]:
    """The copies, taken when the scenario had come to the present."""
    async with played(datetime.now(UTC)) as scenario:
        yield await take(scenario)


def _ids(row: Row) -> set[str]:
    body = row.values["body"]
    return {str(body.get("author_id")), str(body.get("id"))} if isinstance(body, dict) else set()
