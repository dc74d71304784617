"""What a region file (`deploy/regions/*.toml`) says: who runs the region, when, and whom to call."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(_Frozen):
    """One member-facing text in both languages."""

    en: str
    nb: str

    def in_language(self, language: str) -> str:
        return self.nb if language == "nb" else self.en


class Staffed(_Frozen):
    """Hours (local wall time) when peer consultants read."""

    days: str  # "mon-fri"
    since: str  # "09:00"
    until: str


class CrisisNumber(_Frozen):
    """Whom to call in need, with the hours they answer."""

    number: str
    name: Words
    hours: Words


class CommunityFacts(_Frozen):
    name: str
    area: str


class RegionFacts(_Frozen):
    id: str
    name: Words
    run_by: Words
    contact: str
    time_zone: str
    staffed: tuple[Staffed, ...]
    crisis: tuple[CrisisNumber, ...]
    communities: tuple[CommunityFacts, ...] = ()
    answers_within_a_day: bool = False


def load_region(path: Path) -> RegionFacts:
    """Raises OSError, tomllib.TOMLDecodeError or pydantic.ValidationError for an unusable file."""
    return RegionFacts.model_validate(tomllib.loads(path.read_text("utf-8")))
