"""Templates in each language, with what every page needs: the region's facts, dates in words, drawn marks."""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.support import Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.web.language import LANGUAGES, load_translations, long_day, reading_hours
from services.web.marks import drawn_mark
from shared import clock
from shared.region import RegionFacts, Words

HERE = Path(__file__).parent
STATIC = HERE / "static"


class Rendering:
    """One Jinja environment per language: translations are bound when a template is compiled, not per request."""

    def __init__(self, region: RegionFacts, neighbours: Mapping[str, Words]) -> None:
        self._translations = {language: load_translations(language) for language in LANGUAGES}
        assets = {file.name: _fingerprint(file) for file in STATIC.iterdir() if file.is_file()}
        self._environments = {
            language: _environment(language, region, neighbours, self._translations[language], assets)
            for language in LANGUAGES
        }

    def page(self, template: str, language: str, context: dict[str, Any]) -> str:
        return self._environments[language].get_template(template).render(context)

    def gettext(self, language: str) -> Callable[[str], str]:
        return self._translations[language].gettext

    def ngettext(self, language: str) -> Callable[[str, str, int], str]:
        return self._translations[language].ngettext


def _fingerprint(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _environment(
    language: str,
    region: RegionFacts,
    neighbours: Mapping[str, Words],
    translations: Translations,
    assets: dict[str, str],
) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    zone = ZoneInfo(region.time_zone)

    def day(value: str | date) -> str:
        """A day in words. Takes a date, or the ISO text of a date or a local wall time."""
        return long_day(date.fromisoformat(value[:10]) if isinstance(value, str) else value, language)

    def day_of(value: str) -> str:
        """The day of a moment in words, in the region's time. Takes its ISO text."""
        return long_day(datetime.fromisoformat(value).astimezone(zone).date(), language)

    def when_written(value: str) -> str:
        """The day somebody wrote, in the region's time: today, yesterday, or the date. No clock time: nobody is timed."""
        written = datetime.fromisoformat(value).astimezone(zone).date()
        days = (clock.today(region.time_zone) - written).days
        if days <= 0:
            return translations.gettext("today")
        return translations.gettext("yesterday") if days == 1 else long_day(written, language)

    def clock_time(value: str) -> str:
        """18:00, in both languages, as the reading hours are written."""
        return f"{datetime.fromisoformat(value):%H:%M}"

    def region_name(id_: str) -> str:
        """What a region calls itself; one whose name we weren't told is called by its id."""
        name = {**neighbours, region.id: region.name}.get(id_)
        return id_.capitalize() if name is None else name.in_language(language)

    environment.filters.update(
        day=day, day_of=day_of, when_written=when_written, clock_time=clock_time, region_name=region_name,
        in_language=_in(language),
    )  # fmt: skip
    environment.globals.update(
        region=region,
        language=language,
        reading_hours=reading_hours(region, language),
        asset=lambda name: f"/static/{name}?{assets[name]}",
        mark=drawn_mark,
        new_key=lambda: str(uuid.uuid4()),
    )
    return environment


def _in(language: str) -> Callable[[Any], str]:
    return lambda words: str(words.in_language(language))
