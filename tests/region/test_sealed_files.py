"""A sealed file opens whole, under its own key, or not at all; a backup says nothing that wasn't written with it."""

import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.embedded.backing_up import back_up
from deploy.embedded.backups import MANIFEST, ORDER, Manifest, Unusable, file_of, make_key, region_file_of
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


def a_backup(data: Path, backup: Path) -> Manifest:
    make_key(data)
    backup.mkdir()
    for name in ORDER:
        file_of(backup, name).touch()
    region_file_of(backup).write_text('id = "north"')
    made = Manifest("1", "north", "2026-11-21", "keys", "cluster", sizes=dict.fromkeys(ORDER, 0))
    made.write(backup, data)
    return Manifest.of(backup)


def test_nothing_of_a_manifest_or_of_the_region_can_be_changed(tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    made = a_backup(data, backup)
    made.check(backup, data)
    for changed in (
        replace(made, made_at="2026-11-20"),
        replace(made, region="south"),
        replace(made, kafka="another"),
        replace(made, sizes={}),
        replace(made, mac=""),
    ):
        with pytest.raises(Unusable, match="was changed"):
            changed.check(backup, data)
    make_key(tmp_path / "another")
    with pytest.raises(Unusable, match="was changed"):
        made.check(backup, tmp_path / "another")
    region_file_of(backup).write_text('id = "south"')
    with pytest.raises(Unusable, match="was changed"):
        made.check(backup, data)


def test_a_manifest_of_another_shape_is_no_backup(tmp_path: Path) -> None:
    a_backup(tmp_path / "data", tmp_path / "backup")
    path = tmp_path / "backup" / MANIFEST
    said = json.loads(path.read_text())
    shapes: list[object] = [[], said | {"more": 1}, {"id": "1"}, said | {"sizes": []}, said | {"mac": 1}]
    for shape in shapes:
        path.write_text(json.dumps(shape))
        with pytest.raises(Unusable, match="isn't a backup"):
            Manifest.of(tmp_path / "backup")


@pytest.mark.parametrize("to", ["", "backups", "secrets/../backups/today"])
def test_a_backup_lies_in_no_region(tmp_path: Path, to: str) -> None:
    with pytest.raises(Unusable, match="beside the keys"):
        back_up(tmp_path, tmp_path / to, lambda *_: None)
    assert not list(tmp_path.iterdir())
