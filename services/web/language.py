"""Which language a page speaks, and the catalogues behind it. msgids are English; bokmål stands in `translations/nb`."""

from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from starlette.requests import Request
from starlette.routing import Match

from shared.region import RegionFacts

LANGUAGES = ("en", "nb")
COOKIE = "language"
NORWEGIAN = ("nb", "no", "nn", "da", "sv")  # who reads these reads bokmål more easily than English
TRANSLATIONS = Path(__file__).parent / "translations"
LOCALES = {"en": Locale("en", "GB"), "nb": Locale("nb", "NO")}


def catalogue_path(language: str) -> Path:
    """The committed catalogue of a language."""
    return TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"


def load_translations(language: str) -> Translations:
    """The committed .po compiled in memory: there is no .mo to forget."""
    with catalogue_path(language).open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def choose_language(request: Request) -> str:
    """The one chosen in the footer; else the browser's first that we speak; else English."""
    chosen = request.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return chosen
    for wanted in _accepted(request.headers.get("accept-language", "")):
        if wanted in NORWEGIAN:
            return "nb"
        if wanted == "en":
            return "en"
    return "en"


def page_of_form(request: Request) -> str:
    """Where the other language can be fetched after a form: the page of the form's own address, else the first page."""
    asking = {**request.scope, "method": "GET"}
    there = any(route.matches(asking)[0] is Match.FULL for route in request.app.routes)
    return str(request.scope["path"]) if there else "/"


def _accepted(header: str) -> Iterator[str]:
    """Primary subtags of an Accept-Language header, most wanted first."""
    weighted: list[tuple[float, str]] = []
    for part in header.split(",")[:20]:
        tag, _, parameters = part.strip().partition(";")
        try:
            weight = float(parameters.strip().removeprefix("q=")) if parameters else 1.0
        except ValueError:
            continue
        weighted.append((weight, tag.split("-")[0].lower()))
    yield from (tag for weight, tag in sorted(weighted, key=lambda pair: -pair[0]) if weight > 0)


def long_day(day: date, language: str) -> str:
    """Saturday 21 November / lørdag 21. november."""
    pattern = "EEEE d. MMMM" if language == "nb" else "EEEE d MMMM"
    return format_date(day, pattern, locale=LOCALES[language])


def reading_hours(region: RegionFacts, language: str) -> str:
    """When peer consultants read, in words: `Monday-Friday 09:00-15:00`; several stretches after commas."""
    names = LOCALES[language].days["format"]["wide"]
    numbers = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}
    stretches = []
    for staffed in region.staffed:
        days = "–".join(names[numbers[day.strip().lower()[:3]]] for day in staffed.days.split("-"))
        stretches.append(f"{days} {staffed.since}–{staffed.until}")
    return ", ".join(stretches)
