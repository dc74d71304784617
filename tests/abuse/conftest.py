"""Everything that can be attacked, started once for all attacks on it."""

from collections.abc import Iterator

import pytest

from tests.abuse.browser import reports
from tests.abuse.services import Here, everything, settle
from tests.engines import Engines


@pytest.fixture(scope="package")
def here(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """All five services in this process, limits by alias out of the way (tests/abuse/services.py)."""
    with everything(engines, tmp_path_factory.mktemp("identity")) as made:
        yield settle(made)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which browser kept the pages' policy, or that none is installed."""
    for line in reports:
        terminalreporter.write_line(line)
