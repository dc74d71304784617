"""Every text a person meets has its Norwegian, and every refusal its sentence."""

import ast
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from services.web.errors import Refused
from services.web.language import catalogue_path, reading_hours
from services.web.words import PROBLEMS, sentence_for
from shared.region import load_region

ROOT = Path(__file__).parents[2]
WEB = ROOT / "services" / "web"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"trimmed": "true"}}
# The same word in both languages, and looked at.
SAME = {"Forum", "Send", "Title"}
# Types that only clients of the API, analysts and operators can meet.
NOT_FOR_PAGES = {
    "audience-not-for-this-role", "approved-by-somebody-else", "client-refused", "community-name-taken",
    "ends-in-the-past", "field-without-source", "idempotency-key-needed", "not-now", "not-published",
    "same-as-doesnt-fit", "session-ended", "sign-in-needed", "study-not-started", "token-request-not-understood", "wrong-study-status",
    "zone-unknown",
}  # fmt: skip


def _extracted() -> set[str]:
    keywords = {"N_": None, "gettext": None, "ngettext": (1, 2), "_": None}
    found = extract_from_dir(WEB, METHODS, OPTIONS, keywords=keywords)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


@pytest.fixture(scope="module")
def norwegian() -> Catalog:
    with catalogue_path("nb").open("rb") as file:
        return read_po(file, locale="nb")


def _problems_of(catalogue: Catalog) -> list[str]:
    """What is wrong with a catalogue, by message."""
    wrong = []
    for message in catalogue:
        if not message.id:
            continue
        english = [message.id] if isinstance(message.id, str) else list(message.id)
        other = [message.string] if isinstance(message.string, str) else list(message.string or [""])
        if message.fuzzy:
            wrong.append(f"fuzzy: {english[0]}")
        elif not all(other):
            wrong.append(f"empty: {english[0]}")
        elif set(english) & set(other) and english[0] not in SAME:
            wrong.append(f"unchanged: {english[0]}")
        elif any(_placeholders(text) != _placeholders(english[-1]) for text in other):
            wrong.append(f"other places to fill in: {english[0]}")
    return wrong


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[sd]", text))


def test_every_text_is_translated(norwegian: Catalog) -> None:
    known = {
        message.id if isinstance(message.id, str) else message.id[0] for message in norwegian if message.id
    }
    assert sorted(_extracted() - known) == [], "not in the catalogue: extract again"
    assert sorted(known - _extracted()) == [], "no longer in the source"


def test_no_translation_is_empty_fuzzy_or_unchanged(norwegian: Catalog) -> None:
    assert _problems_of(norwegian) == []


@pytest.mark.parametrize(
    ("english", "other", "flags"), [("Leave", "", ()), ("Leave", "Leave", ()), ("Leave", "Gå", ("fuzzy",)),
                                    ("%(day)s", "dag", ())]
)  # fmt: skip
def test_the_guard_finds_what_it_must(english: str, other: str, flags: tuple[str, ...]) -> None:
    planted = Catalog(locale="nb")
    planted.add(english, other, flags=flags)
    assert len(_problems_of(planted)) == 1


def test_every_refusal_of_a_service_has_a_sentence_for_a_person() -> None:
    sources = [*ROOT.glob("services/*/errors.py"), *ROOT.glob("shared/api/*.py")]
    types = {
        str(node.value.value)
        for source in sources
        if source.parent.name != "web"
        for statement in ast.walk(ast.parse(source.read_text("utf-8")))
        if isinstance(statement, ast.ClassDef)
        for node in statement.body
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Constant)
        and "type" in ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
    }  # fmt: skip
    assert len(types) > 40
    assert sorted(types - PROBLEMS.keys() - NOT_FOR_PAGES - {"bad-request"}) == []


def test_an_unknown_refusal_says_that_nothing_was_changed() -> None:
    assert "Nothing was changed" in sentence_for(Refused(409, "something-new"))


def test_words_that_never_stand_on_a_screen() -> None:
    never = r"\b(user|content|engagement|submit|violation|patient|case|no-show)s?\b"
    texts = [text for text in _extracted() if re.search(never, text, re.IGNORECASE)]
    assert texts == []


@pytest.mark.parametrize(
    ("language", "hours"),
    [
        ("en", "Monday–Friday 09:00–15:00, Tuesday–Thursday 18:00–20:00"),
        ("nb", "mandag–fredag 09:00–15:00, tirsdag–torsdag 18:00–20:00"),
    ],
)
def test_reading_hours_in_words(language: str, hours: str) -> None:
    assert reading_hours(load_region(ROOT / "deploy" / "regions" / "north.toml"), language) == hours
