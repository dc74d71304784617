"""Two regions, started once for each file of tests; a test that breaks a link mends it."""

from collections.abc import Iterator

import pytest

from tests.federation.regions import Pair, joined_regions


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """North and south with one forum."""
    with joined_regions() as pair:
        yield pair
