"""Consent and group agreement, versioned, in both languages. A changed text is a new version and a new file."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

Language = Literal["en", "nb"]
LANGUAGES: tuple[Language, ...] = ("en", "nb")
CONSENT_VERSION = "1"
AGREEMENT_VERSION = "1"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Section(_Frozen):
    heading: str
    text: str


class Research(_Frozen):
    """The separate choice: `question` stands beside the box, `text` explains it."""

    heading: str
    text: str
    question: str


class Consent(_Frozen):
    version: str
    title: str
    intro: str
    sections: tuple[Section, ...]
    research: Research
    yes: str  # beside the box that says yes to taking part
    adult: str  # beside the box that says 18 or older


class Agreement(_Frozen):
    version: str
    title: str
    intro: str
    sections: tuple[Section, ...]
    yes: str


class Texts(_Frozen):
    """What somebody reads before joining, in one language."""

    language: Language
    consent: Consent
    agreement: Agreement


@cache
def texts(language: Language) -> Texts:
    """The versions in force."""
    return Texts(
        language=language,
        consent=Consent(version=CONSENT_VERSION, **_read(f"consent.{CONSENT_VERSION}.{language}")),
        agreement=Agreement(version=AGREEMENT_VERSION, **_read(f"agreement.{AGREEMENT_VERSION}.{language}")),
    )


def _read(name: str) -> dict[str, object]:
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text("utf-8"))
