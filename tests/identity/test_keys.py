"""The keys that identity keeps outside its database."""

import stat
from pathlib import Path
from uuid import uuid4

import pytest

from services.identity.keys import load_keys, make_key_file
from shared.keys import CannotOpen


def test_a_key_file_is_private_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    make_key_file(path)
    made = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        make_key_file(path)
    assert path.read_bytes() == made
    assert [file.name for file in tmp_path.iterdir()] == ["keys.json"], "no draft is left behind"


@pytest.mark.parametrize("content", ["", "{}", '{"aliases": "zz", "sealing": {}}', "[1]"])
def test_a_broken_key_file_stops_the_start(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys.json").write_text(content)
    with pytest.raises(ValueError, match="key file"):
        load_keys(tmp_path / "keys.json", "secret")


def test_what_is_sealed_opens_for_its_owner_and_purpose_only(tmp_path: Path) -> None:
    make_key_file(tmp_path / "keys.json")
    keys, owner = load_keys(tmp_path / "keys.json", "secret"), uuid4()
    sealed = keys.seal(b"Kari", "display name", owner)
    assert keys.open(sealed, "display name", owner) == b"Kari"
    for context, somebody in (("display name", uuid4()), ("passphrase", owner)):
        with pytest.raises(CannotOpen):
            keys.open(sealed, context, somebody)


def test_keys_show_nothing_of_themselves(tmp_path: Path) -> None:
    make_key_file(tmp_path / "keys.json")
    assert "secret" not in repr(load_keys(tmp_path / "keys.json", "a secret"))
