"""Fixtures that all tests share."""

import os
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import class_archive, left_open, tried
from tests.engines import Engines, chosen, running_engines
from tests.people import People
from tests.region.running import ARegion, RunningRegion, regions

# Of how busy the machine is no example may fail.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")

LONGEST = ("test_unlinkability.py", "test_study.py")


def pytest_configure(config: pytest.Config) -> None:
    """Event loops are watched; before a run in several processes there's the archive their engines start from."""
    left_open.watch()
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        class_archive.make()


def pytest_report_header() -> str:
    """Says on which engines this run stands, and lets its other processes stand on the same without looking again."""
    which, why = chosen()
    os.environ["ENGINES"] = which
    return f"engines: {which} ({why}); whole regions: embedded"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: begun last, one process would play it alone while the other has nothing left to do.

    Last those that use the session's region: begun earlier it would run, and cost, beside all the others.
    """
    in_region = {item.path for item in items if "region" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: (item.path.name not in LONGEST, item.path in in_region))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """An event loop that ends with this test leaves no connection open (tests/left_open.py)."""
    try:
        yield
    finally:
        found = left_open.told()
    assert not found, found


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes hands over what it tried."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tried"] = tried.counted()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """One of several processes has ended."""
    tried.add(getattr(node, "workeroutput", {}).get("tried", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how much the suites tried (tests/tried.py)."""
    if told := list(tried.lines()):
        terminalreporter.section("tried")
        for line in told:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    """PostgreSQL, Redis and Kafka, each started when first asked for (tests/engines.py)."""
    with running_engines() as running:
        yield running


READ_BY_PAGES = ("IDENTITY", "FORUM", "EVENTS", "NOTIFICATIONS")


@pytest.fixture(scope="session")
def region() -> Iterator[RunningRegion]:
    """One whole region for all tests that only use it (tests/region/running.py).

    Its services let everybody read as often as they like: a test looks at pages quicker than any person and, on a quick
    machine, met the limit of reads (which tests/forum/test_reading.py looks at).
    """
    often = '{"rate": 1000, "burst": 1000}'
    with regions() as make:
        yield make(env={f"PEERCAFE_{service}_READS": often for service in READ_BY_PAGES}).start()


@pytest.fixture
def a_region() -> Iterator[ARegion]:
    """A factory of regions for a test that stops, kills or breaks them."""
    with regions() as make:
        yield make


@pytest.fixture
async def people(region: RunningRegion) -> AsyncIterator[People]:
    """Everybody who uses the session's region (tests/people.py)."""
    async with People(region) as people:
        yield people
