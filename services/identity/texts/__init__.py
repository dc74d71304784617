"""Consent and group agreement, versioned, in both languages. A changed text is a new version and a new file."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

Language = Literal["en", "nb"]
LANGUAGES: tuple[Language, ...] = ("en", "nb")
ConsentVersion = Literal["1"]  # all that somebody may have said yes to
AgreementVersion = Literal["1"]
CONSENT_VERSION: ConsentVersion = "1"
AGREEMENT_VERSION: AgreementVersion = "1"


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
    """What somebody reads before joining, or reads again, in one language."""

    language: Language
    consent: Consent
    agreement: Agreement


@cache
def texts(
    language: Language,
    consent: ConsentVersion = CONSENT_VERSION,
    agreement: AgreementVersion = AGREEMENT_VERSION,
) -> Texts:
    """The versions in force, or earlier ones."""
    return Texts(
        language=language,
        consent=Consent(version=consent, **_read(f"consent.{consent}.{language}")),
        agreement=Agreement(version=agreement, **_read(f"agreement.{agreement}.{language}")),
    )


def _read(name: str) -> dict[str, object]:
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text("utf-8"))
