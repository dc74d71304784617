"""The search that finds nothing astray finds what is planted: in every form, wherever it begins."""

import gzip
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest

from tests.federation.searching import Needles, files
from tests.unlinkability.canaries import Canaries

ALIAS, OTHER = uuid4(), uuid4()
NOISE = bytes(range(256)) * 3


def sought(*ids: UUID) -> Needles:
    return Needles.of(ids, Canaries())


@pytest.mark.parametrize(
    "written",
    [
        ALIAS.bytes,
        str(ALIAS).encode(),
        str(ALIAS).upper().encode(),
        ALIAS.hex.encode(),
        b"0123abc" + ALIAS.hex.encode() + b"def",
        b'{"alias":"' + str(ALIAS).encode() + b'"}',
    ],
    ids=["bytes", "text", "capitals", "without dashes", "in a longer number", "json"],
)
@pytest.mark.parametrize("before", [0, 1, 7, 8191])
def test_an_id_is_found_in_every_form_wherever_it_begins(written: bytes, before: int) -> None:
    content = (NOISE * 11)[:before] + written + NOISE
    assert sought(ALIAS, OTHER).found_in(content) == {ALIAS.bytes}
    assert sought(OTHER).found_in(content) == set()


def test_an_id_is_found_where_another_begins_just_before_it() -> None:
    assert sought(ALIAS).found_in(OTHER.bytes[:9] + ALIAS.bytes) == {ALIAS.bytes}
    assert sought(ALIAS).found_in(b"a" + str(ALIAS).encode() + str(OTHER).encode()) == {ALIAS.bytes}


def test_planted_words_are_found_in_any_writing() -> None:
    canaries = Canaries()
    words = canaries.text("a place").encode()
    needles = Needles.of([], canaries)
    assert needles.found_in(NOISE + words) == needles.all
    assert needles.found_in(NOISE + words.upper()) == needles.all
    assert needles.found_in(NOISE + gzip.compress(words)) == set(), "that is why records are unpacked, too"


def test_every_file_is_looked_through_however_deep(tmp_path: Path) -> None:
    deep = tmp_path / "postgres" / "forum" / "base" / "5"
    deep.mkdir(parents=True)
    (deep / "16384_fsm").write_bytes(NOISE + ALIAS.bytes + b"\0" * 9000)
    (tmp_path / "engines.json").write_text("{}")
    places = dict(files(SimpleNamespace(data=tmp_path)))  # type: ignore[arg-type]
    found = {place: sought(ALIAS).found_in(content) for place, content in places.items()}
    assert found == {"file postgres/forum/base/5/16384_fsm": {ALIAS.bytes}, "file engines.json": set()}
