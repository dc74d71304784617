"""The committed table of confusable characters, and how it is made from Unicode's own files.

    python services/forum/names/table.py confusables.txt DerivedCoreProperties.txt

`confusables.txt` (UTS #39) comes with the sources of ICU (Debian: `apt-get source icu`),
`DerivedCoreProperties.txt` with Debian's `unicode-data`. All regions must use one table: a new Unicode version is a
migration of every stored skeleton, never an update in passing.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("table.txt")
CONFUSABLE = re.compile(r"^([0-9A-F]+) ;\t([0-9A-F ]+) ;\tMA\b")
IGNORABLE = re.compile(r"^([0-9A-F]+)(?:\.\.([0-9A-F]+))?\s*; Default_Ignorable_Code_Point\b")
IGNORED = "-"  # stands for the empty prototype of a character that isn't shown


@dataclass(frozen=True, slots=True)
class ConfusableTable:
    """Prototypes by code point, for `str.translate`."""

    prototypes: dict[int, str]

    def map(self, text: str) -> str:
        """Each character as its prototype; characters that aren't shown vanish."""
        return text.translate(self.prototypes)


def read_table(path: Path = TABLE) -> ConfusableTable:
    """The committed table."""
    prototypes: dict[int, str] = {}
    for line in path.read_text("ascii").splitlines():
        if line.startswith("#"):
            continue
        source, target = line.split(";")
        first, _, last = source.partition("..")
        prototype = "" if target == IGNORED else "".join(chr(int(point, 16)) for point in target.split())
        for point in range(int(first, 16), int(last or first, 16) + 1):
            prototypes[point] = prototype
    return ConfusableTable(prototypes)


def make_table(confusables: str, properties: str) -> Iterator[str]:
    """The lines of the table from the two files' texts."""
    version = re.search(r"^# Version: (\S+)", confusables, re.MULTILINE)
    yield f"# UTS #39 confusables and default ignorables, Unicode {version[1] if version else '?'}"
    yield "# Copyright Unicode, Inc.; terms of use: https://www.unicode.org/terms_of_use.html"
    for line in confusables.splitlines():
        if found := CONFUSABLE.match(line):
            yield f"{found[1]};{found[2]}"
    for line in properties.splitlines():
        if found := IGNORABLE.match(line):
            yield f"{found[1]}..{found[2]};{IGNORED}" if found[2] else f"{found[1]};{IGNORED}"


if __name__ == "__main__":
    made = make_table(*(Path(name).read_text("utf-8-sig") for name in sys.argv[1:3]))
    TABLE.write_text("\n".join(made) + "\n", "ascii")
