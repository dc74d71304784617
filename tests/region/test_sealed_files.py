"""A sealed file opens whole, under its own key, or not at all."""

import io
import os

import pytest

from deploy.embedded.sealed_files import CHUNK, MAGIC, TAG, Damaged, Sealing, opened

KEY, ANOTHER = b"k" * 32, b"a" * 32
SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK)
SEALED_CHUNK = CHUNK + TAG


def sealed(content: bytes) -> bytes:
    file = io.BytesIO()
    with Sealing(file, KEY) as sealing:
        for start in range(0, len(content), 300_000):
            sealing.write(content[start : start + 300_000])
    return file.getvalue()


def read(sealed: bytes, key: bytes = KEY) -> bytes:
    return b"".join(opened(io.BytesIO(sealed), key))


def opens(sealed: bytes, key: bytes) -> bool:
    try:
        read(sealed, key)
    except Damaged:
        return False
    return True


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_opens(size: int) -> None:
    content = os.urandom(size)
    assert read(sealed(content)) == content


def test_nothing_but_the_whole_file_opens_and_only_with_its_key() -> None:
    whole = sealed(os.urandom(2 * CHUNK + 5))
    chunks = [whole[len(MAGIC) :][i : i + SEALED_CHUNK] for i in range(0, len(whole), SEALED_CHUNK)]
    broken = {
        "another key": (whole, ANOTHER),
        "cut between chunks": (whole[: len(MAGIC) + SEALED_CHUNK], KEY),
        "cut within a chunk": (whole[:-1], KEY),
        "a bit changed": (whole[:-1] + bytes([whole[-1] ^ 1]), KEY),
        "chunks changed places": (MAGIC + chunks[1] + chunks[0] + chunks[2], KEY),
        "a chunk is missing": (MAGIC + chunks[0] + chunks[2], KEY),
        "something added": (whole + b"more", KEY),
        "not ours": (b"PGDMP" + whole, KEY),
        "nothing": (b"", KEY),
        "only its beginning": (MAGIC, KEY),
    }
    opening = {how for how, (file, key) in broken.items() if opens(file, key)}
    assert not opening


def test_an_interrupted_file_doesnt_open() -> None:
    file = io.BytesIO()
    sealing = Sealing(file, KEY)
    sealing.write(os.urandom(2 * CHUNK))
    sealing.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    with pytest.raises(Damaged):
        read(file.getvalue())
