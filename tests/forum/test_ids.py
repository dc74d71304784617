"""Ids prove their home from the record alone, and don't show it."""

from hypothesis import given
from hypothesis import strategies as st

from services.forum.ids import Home
from services.forum.rules.identities import entity_id, is_entity_of, is_profile_of, profile_id, time_of
from shared.hlc import HybridLogicalClock

homes = st.from_regex(r"\A[a-z][a-z0-9-]{0,30}\Z")
times = st.integers(0, 2**48 - 1)
nonces = st.binary(min_size=16, max_size=16)


@given(homes, times, nonces)
def test_an_entitys_id_is_a_uuid_of_version_7_that_recomputes(home: str, ms: int, nonce: bytes) -> None:
    made = entity_id(home, ms, nonce)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert time_of(made) == ms
    assert is_entity_of(made, home, nonce)


@given(homes, nonces)
def test_a_profiles_id_is_a_uuid_of_version_8_that_recomputes(home: str, nonce: bytes) -> None:
    made = profile_id(home, nonce)
    assert (made.version, made.variant) == (8, "specified in RFC 4122")
    assert is_profile_of(made, home, nonce)


@given(homes, homes, times, nonces, nonces)
def test_no_other_home_time_or_nonce_gives_the_id(
    home: str, other: str, ms: int, nonce: bytes, another: bytes
) -> None:
    entity, profile = entity_id(home, ms, nonce), profile_id(home, nonce)
    if other != home:
        assert not is_entity_of(entity, other, nonce)
        assert not is_profile_of(profile, other, nonce)
    if another != nonce:
        assert not is_entity_of(entity, home, another)
        assert not is_profile_of(profile, home, another)
    assert not is_entity_of(entity, home, nonce[:-1])
    assert not is_entity_of(profile, home, nonce)


def test_home_and_nonce_cant_be_shifted_into_each_other() -> None:
    assert entity_id("ab", 1, b"c" * 16) != entity_id("a", 1, b"c" * 16)
    assert profile_id("a" + "\x00", b"\x00" * 16) != profile_id("a", b"\x00" * 16)


def test_the_bytes_are_these_in_every_region_for_ever() -> None:
    nonce = bytes(range(16))
    assert str(entity_id("north", 1_700_000_000_000, nonce)) == ENTITY
    assert str(profile_id("north", nonce)) == PROFILE


def test_versions_go_on_above_the_row_also_when_the_clock_is_behind() -> None:
    home = Home("north", HybridLogicalClock())
    far = home.clock.tick() + (86_400_000 << 16)
    assert home.version_after(far) == far + 1


ENTITY = "018bcfe5-6800-7192-b8b0-54eb22e8a096"
PROFILE = "b714a1c3-db76-8960-a77d-1f86c901ae6d"
