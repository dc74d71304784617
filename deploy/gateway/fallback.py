"""What the gateway answers by itself: the help page, "leave quickly", and a page that says we are away.

Static, in both languages, without anything from elsewhere: it must stand when everything behind it is down.
"""

from collections.abc import Mapping
from html import escape
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from deploy.gateway.requests import header
from shared.api.problems import Busy, problem_response
from shared.region import RegionFacts

HELP = "/help"
LEAVE = "/leave"
CLEAR_ALL = {"Clear-Site-Data": '"cache", "cookies", "storage"'}

STYLE = (
    "body{font:18px/1.6 system-ui,sans-serif;max-width:34em;margin:0 auto;padding:1.5em;background:#fbf8f3;"
    "color:#22302f}a{color:#1c5f5a}h1{font-size:1.5em;line-height:1.3}dt{font-weight:600;margin-top:.8em}"
    "dd{margin:0;color:#55625f}button{font:inherit;padding:.6em 1.2em;min-height:44px;border:0;border-radius:6px;"
    "background:#1c5f5a;color:#fff}:focus-visible{outline:3px solid #1d4ed8;outline-offset:2px}"
    "@media(prefers-color-scheme:dark){body{background:#161d1c;color:#e8e4dc}a{color:#7fd1c7}dd{color:#a9b3af}"
    "button{background:#7fd1c7;color:#161d1c}}"
)
WORDS = {
    "en": {
        "help": "Need help now?",
        "help_text": "Nobody reads here at night, and this is no emergency service. These people answer:",
        "away": "We are away for a moment",
        "away_text": "Nothing was lost. Please try again in a little while.",
        "busy": "That was a lot at once",
        "busy_text": "Please wait a moment and try again. Nothing was lost.",
        "leave": "Leave quickly",
    },
    "nb": {
        "help": "Trenger du hjelp nå?",
        "help_text": "Ingen leser her om natten, og dette er ingen nødtjeneste. Disse svarer:",
        "away": "Vi er borte et øyeblikk",
        "away_text": "Ingenting gikk tapt. Prøv igjen om en liten stund.",
        "busy": "Det var mye på en gang",
        "busy_text": "Vent litt og prøv igjen. Ingenting gikk tapt.",
        "leave": "Forlat siden raskt",
    },
}
# As web's own: a page that could be anybody's.
NEUTRAL = (
    '<!doctype html><html lang="nb"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    f"<title>Vafler</title><style>{STYLE}</style><main><h1>Vafler</h1><p>3 egg, 1 dl sukker, 4 dl melk, 4 dl mel, "
    "1 ts kardemomme, 100 g smeltet smør.</p><p>Visp egg og sukker. Rør inn resten, smøret til slutt. La røren "
    "hvile en halv time, og stek vaflene gylne.</p></main></html>"
)
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Fallback:
    """An ASGI app in web's place while web is away."""

    def __init__(self, region: RegionFacts) -> None:
        self._help = _page("help", region)
        self._away = _page("away", region)
        self._busy = _page("busy", region)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._answer(scope)(scope, receive, send)

    def busy_page(self, headers: Mapping[str, str]) -> Response:
        """Says that somebody asked too much at once."""
        return HTMLResponse(self._busy, 429, headers={**SECURITY, **headers})

    def _answer(self, scope: Scope) -> Response:
        method, path = scope["method"], scope["path"]
        if path == HELP and method in ("GET", "HEAD"):
            return HTMLResponse(self._help, headers=SECURITY)
        if path == LEAVE and method == "POST":
            if not from_here(scope):
                return problem_response(403, "not-from-here", "This form was not sent from our own page.")
            return HTMLResponse(NEUTRAL, headers={**SECURITY, **CLEAR_ALL})
        if path == LEAVE and method in ("GET", "HEAD"):  # where a script leads
            return HTMLResponse(NEUTRAL, headers=SECURITY)
        if wants_a_page(scope):
            return HTMLResponse(self._away, 503, headers={**SECURITY, "Retry-After": "5"})
        return problem_response(Busy.status, Busy.type, Busy.title, headers={"Retry-After": "5"})


def from_here(scope: Scope) -> bool:
    """Whether a form was sent by one of our own pages: its Origin is the host it came to."""
    origin = header(scope, b"origin")
    host = header(scope, b"host") or b""
    return origin is None or urlsplit(origin.decode("latin-1")).netloc == host.decode("latin-1")


def wants_a_page(scope: Scope) -> bool:
    """Whether a person at a browser asks, not a client of the API."""
    return not scope["path"].startswith("/api/") and b"text/html" in (header(scope, b"accept") or b"")


def _page(name: str, region: RegionFacts) -> str:
    parts = [
        f'<section lang="{language}"><h1>{escape(words[name])}</h1><p>{escape(words[name + "_text"])}</p>'
        + ("" if name == "help" else f"<h2>{escape(words['help'])}</h2>")
        + _numbers(region, language)
        + f'<form method="post" action="/leave"><button>{escape(words["leave"])}</button></form></section>'
        for language, words in WORDS.items()
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Peercafe</title><style>{STYLE}</style><main>{''.join(parts)}</main></html>"
    )


def _numbers(region: RegionFacts, language: str) -> str:
    entries = "".join(
        f'<dt><a href="tel:{escape(entry.number.replace(" ", ""))}">{escape(entry.number)}</a> '
        f"{escape(entry.name.in_language(language))}</dt><dd>{escape(entry.hours.in_language(language))}</dd>"
        for entry in region.crisis
    )
    return f"<dl>{entries}</dl>"
