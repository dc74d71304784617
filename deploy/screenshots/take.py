"""Takes the pictures."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from deploy.operators import Account, Operator
from deploy.screenshots.chromium import Chromium, NoChromium
from deploy.screenshots.example import Example, filled
from replay.gateway import Gateway
from replay.people import Person

WIDTHS = (360, 1280)
LANGUAGES = ("en", "nb")
SHOWN = ("front", "first-page", "forum", "thread", "cafe", "help")


# Paths by name; the braces are filled from the example.
STRANGERS = {"front": "/", "sign-in": "/sign-in", "join": "/join", "api": "/api/docs"}
MEMBERS = {
    "first-page": "/",
    "forum": "/forum",
    "write": "/forum/write",
    "name": "/forum/name",
    "thread": "/forum/threads/{thread}",
    "search": "/forum/search",
    "cafes": "/cafes",
    "cafe": "/cafes/{cafe}",
    "for-you": "/for-you",
    "me": "/me",
    "research": "/me/research",
    "data": "/me/data",
    "erase": "/me/erase",
    "help": "/help",
}
CONSULTANTS = {
    "unanswered": "/forum/unanswered",
    "plan": "/cafes/plan",
    "cafe-staff": "/cafes/{cafe}",
    "invite": "/invite",
}
AFTER_FORMS = {"agree", "way-in", "cards"}


class Photographer:
    """One browser, one language and width at a time."""

    def __init__(self, browser: Chromium, url: str, out: Path, wanted: frozenset[str]) -> None:
        self._browser = browser
        self._url = url
        self._out = out
        self._wanted = wanted
        self.too_wide: list[str] = []

    def round(self, language: str, width: int, example: Example, *, dark: bool) -> None:
        """All pages wanted, as a stranger, a member and a peer consultant."""
        self._suffix = f"{width}-{language}{'-dark' if dark else ''}.png"
        self._browser.ask("Storage.clearCookies")
        self._browser.look(language, width, dark=dark)
        self._take(STRANGERS, example)
        self._join(example)
        self._sign_in(example.member)
        self._take(MEMBERS, example)
        self._sign_in(example.consultant)
        self._take(CONSULTANTS, example)
        if "cards" in self._wanted:
            self._browser.open(f"{self._url}/invite")
            self._browser.send_form("/invite", count="2")
            self._keep("cards")

    def _join(self, example: Example) -> None:
        if not self._wanted & {"agree", "way-in"}:
            return
        self._browser.open(f"{self._url}/join#{example.invitation}")
        self._browser.send_form("/join")
        self._keep("agree")
        self._browser.send_form("/join/agree", over_18="yes", consent="yes", agreement="yes", research="no")
        self._keep("way-in")

    def _sign_in(self, person: Person) -> None:
        self._browser.ask("Storage.clearCookies")
        self._browser.open(f"{self._url}/sign-in")
        self._browser.send_form("/sign-in", sign_in_name=person.sign_in_name, passphrase=person.passphrase)

    def _take(self, paths: dict[str, str], example: Example) -> None:
        for name, path in paths.items():
            if name in self._wanted:
                self._browser.open(self._url + path.format(thread=example.thread, cafe=example.cafe))
                self._keep(name)

    def _keep(self, name: str) -> None:
        if name not in self._wanted:
            return
        if self._browser.overflows():
            self.too_wide.append(f"{name} {self._suffix}")
        self._browser.picture(self._out / f"{name}-{self._suffix}")


async def take(url: str, account: Account, out: Path, wanted: frozenset[str], *, dark: bool) -> list[str]:
    """Pictures of the region at `url`, whose operator is `account`. Returns the pages wider than their screen."""
    with Chromium() as browser, Operator(url, account) as operator:
        photographer = Photographer(browser, url, out, wanted)
        async with Gateway(url) as gateway:
            for language in LANGUAGES:
                example = await filled(gateway, operator, language)
                for width in WIDTHS:
                    photographer.round(language, width, example, dark=dark)
        return photographer.too_wide


def command() -> None:
    """Read the arguments, take the pictures."""

    def run(
        data: Annotated[Path, typer.Option(help="The folder of a running region.")] = Path(".peercafe"),
        out: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path("docs/pictures"),
        page: Annotated[list[str] | None, typer.Option(help="Pages by name; all: every one.")] = None,
        dark: Annotated[bool, typer.Option(help="As on a dark screen.")] = False,
    ) -> None:
        """Pictures of the pages at two widths in both languages."""
        everything = {*STRANGERS, *MEMBERS, *CONSULTANTS, *AFTER_FORMS}
        wanted = frozenset(everything if page and "all" in page else page or SHOWN)
        try:
            url = str(json.loads((data / "engines.json").read_text())["gateway"])
            account = Account(**json.loads((data / "secrets" / "operator.json").read_text()))
            out.mkdir(parents=True, exist_ok=True)
            too_wide = asyncio.run(take(url, account, out, wanted, dark=dark))
        except (NoChromium, FileNotFoundError) as error:
            typer.echo(f"{error}", err=True)
            raise typer.Exit(1) from None
        if too_wide:
            typer.echo(f"Wider than the screen: {', '.join(too_wide)}", err=True)
            raise typer.Exit(1)

    typer.run(run)
