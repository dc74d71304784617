"""People with browsers, in communities of their own in the session's region."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from uuid import uuid4

import pytest

from deploy.operators import Account, Operator, Refused
from tests.region.running import RunningRegion
from tests.web.browser import Browser

ARRIVES_WITHIN = 60.0  # seconds
PASSPHRASE = "lykt bølge stein vind"
WORDS = {
    "en": {"look": "Look at my invitation", "on": "Go on", "join": "Join", "choose": "Choose this name"},
    "nb": {"look": "Se på invitasjonen", "on": "Gå videre", "join": "Bli med", "choose": "Velg dette navnet"},
}


@dataclass
class People:
    """Makes communities and browsers of people who joined them."""

    url: str
    operator: Operator
    browsers: list[Browser] = field(default_factory=list)

    @cached_property
    def town(self) -> str:
        """A community for whoever needs any."""
        return self.community()

    def community(self) -> str:
        """A fresh community that people can be invited to; its name."""
        name = f"Sted {uuid4().hex[:6]}"
        self.operator.add_community(name, "ved fjorden")
        deadline = time.monotonic() + ARRIVES_WITHIN
        while True:
            try:
                self.operator.invite("member", [name])
            except Refused:  # identity hears of it over the bus
                assert time.monotonic() < deadline, "identity never heard of the community"
            else:
                return name

    def invitation(self, role: str, *communities: str) -> str:
        """A code."""
        return self.operator.invite(role, list(communities))[0]

    def stranger(self, language: str = "en") -> Browser:
        """A browser that was never here."""
        browser = Browser(self.url, language)
        self.browsers.append(browser)
        return browser

    def joined(
        self, role: str, *communities: str, language: str = "en", research: str = "no", name: str = ""
    ) -> Browser:
        """Somebody who has joined through the pages, and stands at their recovery codes."""
        browser, words = self.stranger(language), WORDS[language]
        browser.open("/join")
        browser.press(words["look"], invitation=self.invitation(role, *communities))
        browser.press(words["on"], over_18="yes", consent="yes", agreement="yes", research=research)
        own = {"display_name": name} if role == "consultant" else {}
        browser.press(words["join"], "/join/finish", passphrase=PASSPHRASE, **own)
        return browser

    def member(self, community: str, language: str = "en", research: str = "no") -> Browser:
        """A member with a forum name."""
        browser = self.joined("member", community, language=language, research=research)
        browser.open("/forum/name")
        browser.press(WORDS[language]["choose"], name=f"Måke {uuid4().hex[:8]}")
        return browser

    def consultant(self, *communities: str, language: str = "en") -> Browser:
        """A peer consultant."""
        return self.joined("consultant", *communities, language=language, name=open_name())


def open_name() -> str:
    """A name that no other peer consultant of the region has."""
    letters = "".join("abcdefghijklmnop"[int(digit, 16)] for digit in uuid4().hex[:10])
    return f"Kari {letters.capitalize()}"


@pytest.fixture(scope="session")
def people(region: RunningRegion) -> Iterator[People]:
    """The region's operator makes the invitations."""
    account = Account(**json.loads((region.data / "secrets" / "operator.json").read_text()))
    with Operator(region.url, account) as operator:
        made = People(region.url, operator)
        yield made
        for browser in made.browsers:
            browser.http.close()
