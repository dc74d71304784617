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
# Told by the month, in an order that is drawn for each study: as many studies as nights, known as `…:1` and so on.
DRAWN = "analytics:membership"
OUTSIDE = tuple(service for service in SERVICES if service != "identity")


@dataclass
class Copies:
    """What an attacker has (`stores`, `kafka`, `services`, `redis`, the stage's disk) and the truth (`people`)."""

    scenario: Scenario
    services: dict[str, list[Row]]
    kafka: list[Row]
    redis: list[Row]
    people: list[dict[str, str]]  # per person: store → alias, of the other studies too
    left: list[dict[str, str]]  # the same, of those who have left
    nights: list[
        dict[str, Store]
    ]  # the stores' copies of one night after the other, each with another study's draw

    @property
    def stores(self) -> dict[str, Store]:
        """The last night's, with the study of all sources."""
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
            again = self.nights if {one, other} & {*SHUFFLED, DRAWN} else self.nights[-1:]
            partners = self.partners(one, other)
            attempts = [tried(night[one], night[other], partners) for night in again]
            found.append(Rate(pair, len(partners), len(self.stores[other].aliases), attempts))
        return found


async def _who_is_who(scenario: Scenario) -> list[dict[str, str]]:
    enrolled, *others = [await scenario.cast.study_aliases(study) for study in scenario.studies]
    forum = [member.aliases["forum"] for member in scenario.members.values()]
    participants = await scenario.cast.participants("forum", forum)
    people = []
    for member in scenario.members.values():
        await member.comes()
        for audience in ("events", "notifications"):
            await member.token(audience)
        own = {audience: str(alias) for audience, alias in member.aliases.items()}
        participant = participants[member.aliases["forum"]]
        studied = {f"analytics:{source}": alias for source, alias in enrolled[participant].items()}
        drawn = {
            f"{DRAWN}:{number}": other[participant]["membership"] for number, other in enumerate(others, 1)
        }
        people.append(own | {store: str(alias) for store, alias in (studied | drawn).items()})
    return people


async def take(scenario: Scenario) -> Copies:
    """Copy everything outside identity, once what passed the switchboard was wiped as it is every quarter minute."""
    stage = scenario.stage
    for bus in stage.buses:
        await bus.wipe_handled()
    services = {service: await copies.tables(stage, service) for service in OUTSIDE}
    kafka = await copies.records(stage, scenario.studies)
    redis = await copies.redis_keys(stage)
    people = await _who_is_who(scenario)
    drawn = [*(f"{DRAWN}:{number}" for number in range(1, len(scenario.studies))), DRAWN]
    # Alias → under which it is known here: that of the first study.
    spaces = {
        store: {
            person[store]: person[store if store in STORES else DRAWN] for person in people if store in person
        }
        for store in {*STORES, *drawn}
    }
    noted = await engines_notes.commits(stage, scenario.moves, spaces)
    known = _stores(services, kafka, spaces, noted)
    left = [{store: str(alias) for store, alias in member.aliases.items()} for member in scenario.left]
    copied: list[dict[str, Store]] = []
    async for night in nights(stage):
        for service, tables in SHUFFLED.items():
            on_disk = await engines_notes.pages(stage, service, tables, spaces[service])
            services[service] = night[service] + on_disk
        rewritten = _stores(services, kafka, {store: spaces[store] for store in SHUFFLED}, noted)
        stores = known | rewritten | {DRAWN: known[drawn[len(copied)]]}
        copied.append({store: stores[store] for store in STORES})
    return Copies(scenario, services, kafka, redis, people, left, copied)


def _stores(
    services: dict[str, list[Row]],
    kafka: list[Row],
    spaces: dict[str, dict[str, str]],
    noted: dict[str, list[Row]],
) -> dict[str, Store]:
    stores = {}
    for store, dump in copies.stores(services, kafka, spaces).items():
        names = dict(spaces[store])
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
                | {"whose": [alias for alias in row.values["whose"] if names[alias] in there]},
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
