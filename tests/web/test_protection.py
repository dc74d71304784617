"""Headers, the cookie, form tokens, leaving quickly: seen from a browser, by the real application.

These need no service behind the web client: what is tested happens before one is asked, or while none answers.
"""

import json
import re
from collections.abc import AsyncIterator
from http.cookiejar import CookieJar

import httpx
import pytest
from joserfc.jwk import OKPKey
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from services.web.app import create_app
from services.web.session import Held, SessionCookie
from services.web.settings import Settings
from tests.region.running import ROOT

TEMPLATES = ROOT / "services" / "web" / "templates"
SECRET = "a secret of this test only, long enough"
COOKIE = SessionCookie(SECRET, "north", over_https=False)
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there


def _settings(public_url: str, region: str) -> Settings:
    key = OKPKey.generate_key("Ed25519")
    return Settings(
        region_file=ROOT / "deploy" / "regions" / f"{region}.toml",
        gateway_url=NOBODY,
        public_url=public_url,
        secret=SecretStr(SECRET),
        client_key=SecretStr(json.dumps(key.as_dict(private=True))),
    )


def _client(public_url: str, region: str = "north", jar: CookieJar | None = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(_settings(public_url, region)))
    return httpx.AsyncClient(transport=transport, base_url=public_url, cookies=jar)


@pytest.fixture
async def plain() -> AsyncIterator[httpx.AsyncClient]:
    async with _client("http://localhost:8080") as client:
        yield client


@pytest.fixture
async def secure() -> AsyncIterator[httpx.AsyncClient]:
    async with _client("https://peer.example") as client:
        yield client


def _signed_in(client: httpx.AsyncClient) -> Held:
    """Puts a cookie as signing in would; returns what it holds."""
    held = Held.anonymous().signed_in("an opaque session", "member")
    response = Response()
    COOKIE.write(response, held)
    client.cookies.set(COOKIE.name, response.headers["set-cookie"].split(";")[0].split("=", 1)[1].strip('"'))
    return held


def _token_in(answer: httpx.Response) -> str:
    """The form token that a page brings."""
    return answer.text.split('name="form_token" value="')[1].split('"')[0]


def _token(held: Held) -> str:
    return COOKIE.form_token(held)


PUBLIC = (
    "/",
    "/about",
    "/help",
    "/join",
    "/sign-in",
    "/recover",
    "/receipt",
    "/leave",
    "/api/docs",
    "/nowhere",
)


@pytest.mark.parametrize("path", PUBLIC)
async def test_every_page_carries_the_headers_and_is_stored_nowhere(
    plain: httpx.AsyncClient, path: str
) -> None:
    answer = await plain.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", PUBLIC)
async def test_pages_bring_nothing_from_elsewhere_and_nothing_inline(
    plain: httpx.AsyncClient, path: str
) -> None:
    html = (await plain.get(path)).text
    for forbidden in ("http://", "https://", "style=", "<style", "onclick", "javascript:", "<script>"):
        assert forbidden not in html.replace("http://www.w3.org/2000/svg", ""), forbidden


@pytest.mark.parametrize("path", [path for path in PUBLIC if path != "/leave"])
async def test_help_and_leaving_are_one_tap_away_everywhere(plain: httpx.AsyncClient, path: str) -> None:
    html = (await plain.get(path)).text
    assert 'href="/help"' in html
    assert 'action="/leave"' in html


async def test_the_cookie_is_sealed_and_kept_from_scripts(plain: httpx.AsyncClient) -> None:
    cookie = (await plain.get("/sign-in")).headers["set-cookie"]
    assert cookie.startswith("visit-north=")
    for flag in ("HttpOnly", "SameSite=lax", "Path=/"):
        assert flag in cookie
    assert "Secure" not in cookie, "plain http on localhost"
    assert "Max-Age" not in cookie, "it goes with the browser"


async def test_over_https_the_cookie_is_bound_to_the_host(secure: httpx.AsyncClient) -> None:
    answer = await secure.get("/sign-in")
    assert answer.headers["set-cookie"].startswith("__Host-visit-north=")
    assert "Secure" in answer.headers["set-cookie"]
    assert "Domain" not in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]


async def test_two_regions_on_one_machine_keep_each_others_visits() -> None:
    jar = CookieJar()  # as a browser's: it doesn't tell ports apart
    north, south = (
        _client("http://localhost:8080", "north", jar),
        _client("http://localhost:8081", "south", jar),
    )
    async with north, south:
        before = _token_in(await north.get("/sign-in"))
        assert _token_in(await south.get("/sign-in")) != before
        assert _token_in(await north.get("/sign-in")) == before


async def test_a_changed_cookie_is_nobody(plain: httpx.AsyncClient) -> None:
    _signed_in(plain)
    value = plain.cookies[COOKIE.name]
    plain.cookies.clear()
    plain.cookies.set(COOKIE.name, value[:-6] + "AAAAAA")
    assert (await plain.get("/me")).headers["location"] == "/sign-in"


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("/forum/threads/0199d4d2-0000-7000-8000-000000000000?after=1", None),
        ("/me?" + "x" * 300, "/me"),
        ("/me/erase?said=//evil.example", None),
    ],
)
@pytest.mark.parametrize("host", ["localhost:8080", "evil.example/else?"])
async def test_the_page_that_was_asked_for_is_kept_sealed_while_signing_in(
    plain: httpx.AsyncClient, asked: str, wanted: str | None, host: str
) -> None:
    plain.cookies.clear()
    answer = await plain.get(asked, headers={"host": host})
    assert answer.headers["location"] == "/sign-in", "it stands in no address"
    value = answer.headers["set-cookie"].split(";")[0].split("=", 1)[1].strip('"')
    request = Request({"type": "http", "headers": [(b"cookie", f"{COOKIE.name}={value}".encode())]})
    held = COOKIE.read(request)
    assert held is not None
    assert (held.session, held.wanted) == (None, wanted or asked)


async def test_a_form_open_elsewhere_stays_good_when_somebody_is_sent_to_sign_in(
    plain: httpx.AsyncClient,
) -> None:
    token = _token_in(await plain.get("/join"))
    await plain.get("/forum")
    assert f'value="{token}"' in (await plain.get("/join")).text


@pytest.mark.parametrize(
    ("path", "english", "norwegian"),
    [
        ("/", "Peercafe", "Peercafe"),
        ("/help", "Help", "Hjelp"),
        ("/sign-in", "Sign in", "Logg inn"),
        ("/nowhere", "This can’t be shown", "Dette kan ikke vises"),
    ],
)
async def test_a_title_says_what_kind_of_page_it_is(
    plain: httpx.AsyncClient, path: str, english: str, norwegian: str
) -> None:
    for language, title in (("en", english), ("nb", norwegian)):
        html = (await plain.get(path, headers={"accept-language": language})).text
        assert f"<title>{title}</title>" in html


def test_no_title_holds_anything_but_words_of_ours() -> None:
    templates = [file.read_text("utf-8") for file in TEMPLATES.glob("*.html")]
    pages = [text for text in templates if '{% extends "base.html" %}' in text]
    titles = [text.partition("{% block title %}")[2].partition("{% endblock %}")[0] for text in pages]
    assert len(pages) > 40
    ours = re.compile(r'\{\{ _\("[^"]+"\)( if signed_in else "Peercafe")? \}\}')
    assert [title for title in titles if not ours.fullmatch(title)] == []


@pytest.mark.parametrize(
    "path", ["/sign-in", "/join", "/recover", "/forum/write", "/me/erase", "/cafes/plan", "/sign-out"]
)
async def test_a_form_without_this_sessions_token_is_refused(plain: httpx.AsyncClient, path: str) -> None:
    _signed_in(plain)
    for form in ({}, {"form_token": "0" * 64}, {"form_token": _token(Held.anonymous())}):
        answer = await plain.post(path, data=form)
        assert answer.status_code == 403, path


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://localhost:8080"},
    ],
)
async def test_a_form_from_another_site_is_refused_even_with_a_token(
    plain: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    held = _signed_in(plain)
    answer = await plain.post("/forum/write", data={"form_token": _token(held), "body": "x"}, headers=headers)
    assert answer.status_code == 403
    assert (await plain.post("/leave", headers=headers)).status_code == 403


async def test_leaving_clears_the_device_and_needs_neither_token_nor_services(
    plain: httpx.AsyncClient,
) -> None:
    _signed_in(plain)
    answer = await plain.post(
        "/leave", headers={"origin": "http://localhost:8080", "sec-fetch-site": "same-origin"}
    )
    assert answer.status_code == 303, "the address says nothing, and a reload asks nothing"
    assert answer.headers["clear-site-data"] == '"cache", "cookies", "storage"'
    assert f'{COOKIE.name}=""' in answer.headers["set-cookie"]
    shown = await plain.get(answer.headers["location"])
    assert "Waffles" in shown.text
    assert "eercafe" not in shown.text


async def test_the_icon_that_browsers_ask_for_is_there(plain: httpx.AsyncClient) -> None:
    answer = await plain.get("/favicon.ico")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "eercafe" not in answer.text


async def test_where_nothing_is_the_heading_comes_first(plain: httpx.AsyncClient) -> None:
    html = (await plain.get("/nowhere")).text
    assert html.index("<h1>") < html.index("There is no page here.")
    assert 'class="audience"' not in html


async def test_text_comes_back_while_the_forum_is_away(plain: httpx.AsyncClient) -> None:
    held = _signed_in(plain)
    form = {
        "form_token": _token(held),
        "key": "the-same-key",
        "title": "T",
        "wish": "listen",
        "body": "Lange <tanker>",
    }
    answer = await plain.post(
        "/forum/write", data=form, headers={"accept-language": "nb-NO,nb;q=0.9,en;q=0.5"}
    )
    assert answer.status_code == 503
    assert "Teksten din er fortsatt her" in answer.text
    assert "Lange &lt;tanker&gt;" in answer.text
    assert 'value="the-same-key"' in answer.text


async def test_a_passphrase_never_comes_back(plain: httpx.AsyncClient) -> None:
    held = _signed_in(plain)
    for path, name in (("/sign-in", "passphrase"), ("/recover", "new_passphrase"), ("/me/erase", "passphrase"),
                       ("/join/finish", "passphrase"), ("/me/passphrase", "new_passphrase")):  # fmt: skip
        form = {"form_token": _token(held), name: "lykt-bølge-stein", "sure": "yes", "sign_in_name": "a b c"}
        answer = await plain.post(path, data=form)
        assert answer.status_code >= 400
        assert "lykt-bølge-stein" not in answer.text, path


async def test_a_long_text_comes_whole_in_any_alphabet(plain: httpx.AsyncClient) -> None:
    held, text = _signed_in(plain), "å😀" * 5_000
    parts = {"form_token": _token(held), "title": "T", "wish": "listen", "key": "a key", "body": text}
    asked = plain.build_request(
        "POST", "/forum/write", files={name: (None, value) for name, value in parts.items()}
    )
    assert int(asked.headers["content-length"]) < 64 * 1024, "what the gateway takes"
    answer = await plain.send(asked)
    assert text in answer.text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("nb", "nb"), ("no,en", "nb"), ("nn-NO", "nb"), ("en-GB,nb;q=0.5", "en"), ("de,nb;q=0.1", "nb"), ("", "en"),
     ("x;q=nonsense", "en")],
)  # fmt: skip
async def test_the_language_follows_the_browser(
    plain: httpx.AsyncClient, accepted: str, language: str
) -> None:
    answer = await plain.get("/", headers={"accept-language": accepted})
    assert answer.headers["content-language"] == language
    assert f'<html lang="{language}">' in answer.text


async def test_the_language_can_be_chosen_and_stays(plain: httpx.AsyncClient) -> None:
    answer = await plain.get("/help?language=nb")
    assert answer.headers["location"] == "/help"
    assert "Trenger du hjelp nå?" in (await plain.get("/help")).text


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/forum/write", "/forum/write"),
        ("/forum/threads/0d9a3f0e-0000-4000-8000-000000000000/replies", "/"),  # nothing to fetch there
    ],
)
async def test_what_answers_a_form_leads_to_the_other_language_and_keeps_what_was_typed(
    plain: httpx.AsyncClient, path: str, page: str
) -> None:
    form = {"form_token": _token(_signed_in(plain)), "title": "T", "wish": "listen", "body": "Lange tanker"}
    answer = await plain.post(path, data=form)
    link = f'<a href="{page}?language=nb" target="_blank" rel="noopener" lang="nb" hreflang="nb">Norsk ('
    assert link in answer.text, "in a tab of its own: nothing here is lost"
    assert (await plain.get(f"{page}?language=nb")).headers["location"] == page
    again = await plain.post(path, data=form)
    assert again.headers["content-language"] == "nb"
    assert "Lange tanker" in again.text
    assert f'<a href="{page}?language=en" target="_blank"' in again.text


async def test_our_files_may_be_kept_for_a_year_under_their_fingerprint(plain: httpx.AsyncClient) -> None:
    html = (await plain.get("/")).text
    address = html.split('rel="stylesheet" href="')[1].split('"')[0]
    assert "?" in address
    answer = await plain.get(address)
    assert "immutable" in answer.headers["cache-control"]
    assert "content-security-policy" in answer.headers


async def test_the_page_of_all_apis_says_which_service_is_away(plain: httpx.AsyncClient) -> None:
    answer = await plain.get("/api/docs")
    assert answer.status_code == 200
    assert answer.text.count("can’t be reached just now") == 5
