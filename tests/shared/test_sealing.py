"""Sealed values open only with their key and in their context."""

import pytest

from shared.keys import CannotOpen, SealingKeys, derive, keyed_hash

OLD, NEW = bytes(32), bytes(range(32))


def test_a_sealed_value_opens_in_its_context_and_nowhere_else() -> None:
    keys = SealingKeys({1: OLD})
    sealed = keys.seal(b"Kari", b"vault:1")
    assert keys.open(sealed, b"vault:1") == b"Kari"
    with pytest.raises(CannotOpen):
        keys.open(sealed, b"vault:2")


def test_old_values_open_after_a_rotation_and_new_ones_use_the_new_key() -> None:
    sealed = SealingKeys({1: OLD}).seal(b"Kari", b"c")
    rotated = SealingKeys({1: OLD, 2: NEW})
    assert rotated.open(sealed, b"c") == b"Kari"
    with pytest.raises(CannotOpen):
        SealingKeys({1: OLD}).open(rotated.seal(b"Kari", b"c"), b"c")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x09" + bytes(40), b"\x01" + bytes(40)])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(CannotOpen):
        SealingKeys({1: OLD}).open(sealed, b"c")


def test_the_same_value_seals_differently_each_time() -> None:
    keys = SealingKeys({1: OLD})
    assert keys.seal(b"Kari", b"c") != keys.seal(b"Kari", b"c")


def test_no_two_lists_of_parts_hash_alike() -> None:
    assert keyed_hash(OLD, "ab", "c") != keyed_hash(OLD, "a", "bc")
    assert keyed_hash(OLD, "a", "") != keyed_hash(OLD, "a")
    assert keyed_hash(OLD, "a") != keyed_hash(NEW, "a")


def test_keys_of_two_purposes_differ() -> None:
    assert derive(b"secret", "one") != derive(b"secret", "two")
