"""Our pages in a real browser, with what a failed sanitiser would let through planted in them.

A listener of the test's own plays the foreign host: what the browser asks it for was not kept from it. `reports` says
for the end of the run which browser it was, or that there is none (tests/abuse/conftest.py).
"""

import asyncio
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy.embedded.listeners import Listener, bind
from deploy.screenshots.chromium import Chromium, NoChromium
from tests.abuse.services import Here
from tests.abuse.web import web_at

POLICY = b"content-security-policy"
reports: list[str] = []


def a_browser() -> Chromium | None:
    """The one that is installed; what the run says about it is kept."""
    try:
        with warnings.catch_warnings():  # it forks while threads of other tests live; it execs at once
            warnings.simplefilter("ignore", DeprecationWarning)
            browser = Chromium()
    except NoChromium:
        reports.append("abuse: no browser installed: the pages' policy was parsed only")
        return None
    reports.append(f"abuse: the pages' policy was kept by {browser.ask('Browser.getVersion')['product']}")
    return browser


@dataclass
class Planted:
    """An ASGI app that adds to every page of `app`; with `bare` the page comes without its policy."""

    app: ASGIApp
    html: str = ""
    bare: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                await self._pass_on(start, bytes(body), send)

        await self.app(scope, receive, collect)

    async def _pass_on(self, start: Message, body: bytes, send: Send) -> None:
        if any(name == b"content-type" and b"html" in value for name, value in start["headers"]):
            body = body.replace(b"</main>", self.html.encode() + b"</main>")
        dropped = {b"content-length"} | ({POLICY} if self.bare else set())
        headers = [(name, value) for name, value in start["headers"] if name not in dropped]
        headers.append((b"content-length", b"%d" % len(body)))
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@dataclass
class Foreign:
    """The host that nothing may be asked of."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    page: str = "<title>foreign</title>"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/favicon.ico":
            self.asked.append(scope["path"])
        kind = {"script": "text/javascript", "style": "text/css"}.get(
            scope["path"][1:7].rstrip("-"), "text/html"
        )
        text = "document.title = 'a foreign script ran'" if "script" in scope["path"] else self.page
        answer = HTMLResponse(
            text, headers={"Content-Type": kind, "Access-Control-Allow-Origin": "*"}, media_type=kind
        )
        await answer(scope, receive, send)


@dataclass
class Street:
    """Both hosts on their sockets, and a browser between them."""

    here: Here
    browser: Chromium
    ours: str
    planted: Planted
    foreign: Foreign

    def drive(self, steps: Callable[[Chromium], Any]) -> Any:
        """What the browser does, in a thread, while both hosts answer."""
        return self.here.run(asyncio.to_thread(steps, self.browser))


@contextmanager
def street(here: Here, browser: Chromium) -> Iterator[Street]:
    """Web before the real services, and a foreign host, both listening."""
    foreign = Foreign()
    socket, other = bind("127.0.0.1", 0), bind("127.0.0.1", 0)
    ours = f"http://127.0.0.1:{socket.getsockname()[1]}"
    gateway, web = web_at(here, ours)
    planted = Planted(web)
    gateway.web = planted
    listeners = [Listener(gateway.inner, socket), Listener(foreign, other)]
    foreign.port = listeners[1].port
    for listener in listeners:
        here.run(listener.start())
    try:
        yield Street(here, browser, ours, planted, foreign)
    finally:
        for listener in listeners:
            here.run(listener.stop())
        here.run(web.state.site.gateway.close())
