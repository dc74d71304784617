"""Two regions whose clock stands still until it is moved."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from shared.clock import SettableClock, stopped_at
from tests.engines import Engines
from tests.forum.digests.regions import Federation, Region, federation


@pytest.fixture
def clock() -> Iterator[SettableClock]:
    with stopped_at(datetime(2026, 11, 18, 12, 0, tzinfo=UTC)) as clock:
        yield clock


@pytest.fixture
async def both(engines: Engines, clock: SettableClock) -> AsyncIterator[Federation]:
    async with federation(engines, clock, "north", "south") as both:
        yield both


@pytest.fixture
def north(both: Federation) -> Region:
    return both.regions["north"]


@pytest.fixture
def south(both: Federation) -> Region:
    return both.regions["south"]
