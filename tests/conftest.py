"""Fixtures that all tests share."""

from collections.abc import Iterator

import pytest

from tests.engines import Engines, chosen, running_engines


def pytest_report_header() -> str:
    """Says on which engines this run stands."""
    which, why = chosen()
    return f"engines: {which} ({why})"


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    """PostgreSQL, Redis and Kafka, each started when first asked for (tests/engines.py)."""
    with running_engines() as running:
        yield running
