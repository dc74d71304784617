"""A region's neighbours: `DATA/federation.json`, readable by the owner only, since it holds what they let us in with.

    Federation.of(data)                     # one without neighbours where there is no file
    Federation.of(data).joined(Neighbour("south", "10.0.0.7:9093", password)).write(data)

The running region looks at the file twice a second: links stop and start by it. Whose records the forum believes it
reads at its start only.
"""

import json
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from deploy.embedded.errors import StartFailure
from deploy.embedded.secrets import write as write_secretly
from shared.contracts.topics import CATALOGUE, Topic

FILE = "federation.json"


class Unreadable(StartFailure):
    """The file is half saved, or says something it can't."""


@dataclass(frozen=True)
class Neighbour:
    """A region whose shared topics are mirrored into ours. There our name is our region's id."""

    region: str
    bootstrap: str  # host:port of its listener for neighbours
    password: str  # that it gave us
    linked: bool = True  # False: stopped by an operator, until started again


@dataclass(frozen=True)
class Doorway:
    """Our Kafka's own listener for neighbours. `advertised`: host:port under which they reach it."""

    address: str
    port: int
    advertised: str = ""

    @property
    def place(self) -> str:
        """Host:port that neighbours are told."""
        return self.advertised or f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Federation:
    """What a region knows of the others."""

    neighbours: tuple[Neighbour, ...] = ()
    doorway: Doorway | None = None
    admitted: dict[str, str] = field(default_factory=dict)  # neighbour → password that we gave it
    left: tuple[str, ...] = ()  # neighbours that aren't any more: Kafka has to forget their password

    @classmethod
    def of(cls, data: Path) -> "Federation":
        """As the data folder has it. Raises Unreadable."""
        try:
            content = json.loads((data / FILE).read_text())
            doorway = content["doorway"]
            return cls(
                tuple(Neighbour(**one) for one in content["neighbours"]),
                doorway and Doorway(**doorway),
                content["admitted"],
                tuple(content["left"]),
            )
        except FileNotFoundError:
            return cls()
        except (ValueError, TypeError, KeyError) as error:
            raise Unreadable(f"{data / FILE} can't be read: {type(error).__name__}.") from error

    def write(self, data: Path) -> None:
        """As a whole or not at all."""
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_secretly(data / FILE, asdict(self))

    @property
    def regions(self) -> tuple[str, ...]:
        """Whose mirrored topics are read, whether or not the link runs."""
        return tuple(neighbour.region for neighbour in self.neighbours)

    @property
    def linked(self) -> tuple[Neighbour, ...]:
        """Those that MirrorMaker is to pull from."""
        return tuple(neighbour for neighbour in self.neighbours if neighbour.linked)

    def neighbour(self, region: str) -> Neighbour:
        """Raises KeyError."""
        for neighbour in self.neighbours:
            if neighbour.region == region:
                return neighbour
        raise KeyError(region)

    def joined(self, neighbour: Neighbour) -> "Federation":
        """With this neighbour, in place of what was known of it."""
        others = tuple(one for one in self.neighbours if one.region != neighbour.region)
        left = tuple(region for region in self.left if region != neighbour.region)
        return replace(self, neighbours=(*others, neighbour), left=left)

    def admitting(self, region: str) -> "Federation":
        """With a password for this neighbour; the one it has stays."""
        password = self.admitted.get(region) or secrets.token_urlsafe(32)
        return replace(self, admitted={**self.admitted, region: password})

    def without(self, region: str) -> "Federation":
        """As if that neighbour had never joined, but for what Kafka still has to forget."""
        return replace(
            self,
            neighbours=tuple(one for one in self.neighbours if one.region != region),
            admitted={name: password for name, password in self.admitted.items() if name != region},
            left=tuple(sorted({*self.left, region})),
        )

    def linking(self, region: str, *, linked: bool) -> "Federation":
        """With that neighbour's link stopped or started. Raises KeyError."""
        return self.joined(replace(self.neighbour(region), linked=linked))


def mirrored_topics(neighbours: Iterable[str]) -> list[Topic]:
    """The copies in our cluster of what each neighbour publishes; made before anything is mirrored."""
    return [topic.mirrored_from(region) for region in neighbours for topic in CATALOGUE if topic.mirrored]
