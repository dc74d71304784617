"""Releases what payloads are now: `python -m tests.contracts.release`.

`shared/contracts/released/<type>/` holds, per revision, the JSON Schema and one example. Files are only ever
added; a revision is added when the schema differs from the newest one, and only where that is an optional
addition. The checksums beside them make a later change of a file visible.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.contracts.payloads.payload import Payload
from tests.contracts.compatibility import breaks
from tests.contracts.examples import EXAMPLES

RELEASED = Path(__file__).parents[2] / "shared" / "contracts" / "released"
CHECKSUMS = "checksums.txt"


class BreakingChange(ValueError):
    """A payload is no longer what its released consumers and records expect."""


def revisions(folder: Path) -> list[int]:
    """The numbers of a type's revisions, oldest first."""
    return sorted(int(path.name.partition(".")[0]) for path in folder.glob("*.schema.json"))


def schema(folder: Path, revision: int) -> dict[str, Any]:
    """A released schema."""
    found: dict[str, Any] = json.loads((folder / f"{revision}.schema.json").read_text())
    return found


def example(folder: Path, revision: int) -> str:
    """A released example, as it stands."""
    return (folder / f"{revision}.example.json").read_text()


def present_schema(model: type[Payload]) -> dict[str, Any]:
    """What a record must look like to be read."""
    return model.model_json_schema()


def release(released: Path = RELEASED) -> list[str]:
    """Add what is new and return its file names. Raises BreakingChange."""
    added: list[str] = []
    for payload in EXAMPLES:
        folder = released / payload.type
        known = revisions(folder)
        present = present_schema(type(payload))
        if known:
            newest = schema(folder, known[-1])
            if newest == present:
                continue
            if broken := breaks(newest, present):
                raise BreakingChange(f"{payload.type}: {'; '.join(broken)}")
        number = known[-1] + 1 if known else 1
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (
            ("schema", json.dumps(present, indent=2, sort_keys=True)),
            ("example", json.dumps(json.loads(payload.model_dump_json()), indent=2)),
        ):
            path = folder / f"{number}.{name}.json"
            path.write_text(content + "\n")
            added.append(f"{path.relative_to(released)}")
    with (released / CHECKSUMS).open("a") as checksums:
        checksums.writelines(f"{checksum(released / name)}  {name}\n" for name in added)
    return added


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def listed(released: Path = RELEASED) -> Iterator[tuple[str, str]]:
    """Name and checksum of every released file."""
    for line in (released / CHECKSUMS).read_text().splitlines():
        found, name = line.split("  ", 1)
        yield name, found


if __name__ == "__main__":
    sys.stdout.writelines(f"{name}\n" for name in release())
