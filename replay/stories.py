"""The study's texts, read from `study_texts/`: who takes part, what they write, and who comes to which café.

A story file holds threads, in the order of time:

    == Title | wish
    @Writer | language
    What they write, in one paragraph.
"""

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "study_texts"
CONSULTANT = "Ingrid"


class NotReadable(ValueError):
    """A story file that isn't written as the others are; says where."""


@dataclass(frozen=True, slots=True)
class Post:
    """One text. `number` counts all posts of the study in order, consultant's included."""

    number: int
    writer: str
    language: str
    body: str

    @property
    def by_member(self) -> bool:
        return self.writer != CONSULTANT


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread with its posts in order; the first opens it."""

    title: str
    wish: str
    posts: tuple[Post, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who takes part. Readers are called by a number here and by nothing there."""

    name: str
    community: str
    language: str
    writes: bool


@dataclass(frozen=True, slots=True)
class Community:
    name: str
    area: str
    zone: str  # IANA
    place: dict[str, Any]  # what a café's page says of it


@dataclass(frozen=True, slots=True)
class Cafe:
    """`came` is who was there, `answers` what they and others said before, `prompt` a thread's title."""

    community: str
    title: str
    met_by: str
    prompt: str | None
    came: tuple[str, ...]
    answers: dict[str, tuple[str, ...]]


class Stories:
    """Everything that happens in the study, from a folder of texts."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._people = tomllib.loads((folder / "people.toml").read_text("utf-8"))
        self._cafes = tomllib.loads((folder / "cafes.toml").read_text("utf-8"))

    @cached_property
    def threads(self) -> tuple[Thread, ...]:
        """All threads in order. Raises NotReadable."""
        threads: list[Thread] = []
        number = 0
        for file in sorted(self._folder.glob("*.txt")):
            found = _threads(file, number)
            number += sum(len(thread.posts) for thread in found)
            threads += found
        return tuple(threads)

    @property
    def consultant_names(self) -> tuple[str, ...]:
        """What the consultant may be called, by preference."""
        return tuple(f"{CONSULTANT} {surname}" for surname in self._people["consultant"]["surnames"])

    @cached_property
    def communities(self) -> tuple[Community, ...]:
        return tuple(
            Community(one["name"], one["area"], one["zone"], self._cafes["places"][one["name"]])
            for one in self._people["communities"]
        )

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """All members, by community; writers before readers."""
        return tuple(
            member
            for place, one in enumerate(self._people["communities"], start=1)
            for member in (
                *(
                    Member(n, one["name"], lang, writes=True)
                    for lang in one["writers"]
                    for n in one["writers"][lang]
                ),
                *(
                    Member(f"reader {place}.{lang}.{i}", one["name"], lang, writes=False)
                    for lang, count in one["readers"].items()
                    for i in range(count)
                ),
            )
        )

    @cached_property
    def cafes(self) -> tuple[Cafe, ...]:
        return tuple(
            Cafe(
                community=community.name,
                title=cafe["title"],
                met_by=self._cafes["met_by"][cafe["language"]],
                prompt=cafe.get("prompt"),
                came=tuple(cafe["came"]),
                answers=self._answers(cafe),
            )
            for community in self.communities
            for cafe in self._cafes[community.name]
        )

    def _answers(self, cafe: dict[str, Any]) -> dict[str, tuple[str, ...]]:
        """What was said before: as written, else "come" by whoever came and says so."""
        come = {name: ("come",) for name in cafe["came"] if name not in self._cafes["unannounced"]}
        return come | {name: tuple(said) for name, said in cafe.get("answers", {}).items()}


def _threads(file: Path, first_number: int) -> list[Thread]:
    """One file's threads. Raises NotReadable."""
    threads: list[tuple[str, str, list[Post]]] = []
    number = first_number
    heading: tuple[str, str] | None = None
    for place, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        where = f"{file.name}, line {place}"
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("== "):
            title, wish = _two(line.removeprefix("== "), where)
            threads.append((title, wish, []))
        elif line.startswith("@"):
            heading = _two(line.removeprefix("@"), where)
        elif heading is None or not threads:
            raise NotReadable(f"{where}: a text without its writer")
        else:
            threads[-1][2].append(Post(number, *heading, line.strip()))
            number, heading = number + 1, None
    return [Thread(title, wish, tuple(posts)) for title, wish, posts in threads]


def _two(line: str, where: str) -> tuple[str, str]:
    first, bar, second = (part.strip() for part in line.rpartition("|"))
    if not bar or not first or not second:
        raise NotReadable(f"{where}: two parts with a bar between them are expected")
    return first, second
