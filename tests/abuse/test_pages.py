"""The pages, with the real services behind them: policy, cookies, fixation, forms, stored and reflected scripts."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy.gateway.router import Gateway
from tests.abuse.services import Here
from tests.abuse.web import URL, web_before
from tests.identity.conftest import PASSPHRASE

CANARY = "\"><x-canary onfocus=alert(1)>'><script>alert(1)</script></textarea></title>{{7*7}}"
PUBLIC = (
    "/",
    "/help",
    "/join",
    "/sign-in",
    "/recover",
    "/receipt",
    "/leave",
    "/api/docs",
    "/nowhere",
    "/static/none",
)
SIGNED_IN = (
    "/forum",
    "/forum/write",
    "/forum/name",
    "/forum/community",
    "/forum/search",
    "/cafes",
    "/for-you",
    "/me",
    "/me/data",
    "/me/erase",
)


class Read(HTMLParser):
    """Elements, and the hidden form token."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    @property
    def form_token(self) -> str:
        return next(a["value"] for _, a in self.elements if a.get("name") == "form_token")


@pytest.fixture(scope="module")
def web(here: Here) -> Gateway:
    return web_before(here)


class Visitor:
    """A browser's cookies, forms and address."""

    def __init__(self, here: Here, web: Gateway) -> None:
        self.here = here
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(web.inner), base_url=URL)

    def open(self, path: str, **request: Any) -> httpx.Response:
        return self.here.run(self.http.get(path, **request))

    def post(self, page: str, path: str, **fields: str) -> httpx.Response:
        token = Read(self.open(page).text).form_token
        headers = {"Origin": URL, "Sec-Fetch-Site": "same-origin"}
        return self.here.run(self.http.post(path, data={"form_token": token, **fields}, headers=headers))

    def sign_in(self, name: str) -> httpx.Response:
        return self.post("/sign-in", "/sign-in", sign_in_name=name, passphrase=PASSPHRASE)


@pytest.fixture
def visitor(here: Here, web: Gateway) -> Iterator[Visitor]:
    made = Visitor(here, web)
    yield made
    here.run(made.http.aclose())


@pytest.fixture
def member(here: Here, visitor: Visitor) -> Visitor:
    return signed_in(here, visitor)


def signed_in(here: Here, visitor: Visitor) -> Visitor:
    """That visitor as a member with a forum name."""
    answer = visitor.sign_in(here.accounts["member"].sign_in_name)
    assert answer.status_code == 303, answer.text
    if 'name="body"' not in visitor.open("/forum/write").text:
        visitor.post("/forum/name", "/forum/name", name=f"Sorrel {uuid4().hex[:6]}")
    return visitor


def policy(answer: httpx.Response) -> dict[str, list[str]]:
    """Directives by name; each may come once, and a second header would only be another policy."""
    headers = answer.headers.get_list("content-security-policy")
    assert len(headers) == 1
    directives = [part.split() for part in headers[0].split(";") if part.strip()]
    names = [directive[0] for directive in directives]
    assert len(names) == len(set(names))
    return {name: sources for name, *sources in directives}


def judge_page(answer: httpx.Response) -> None:
    """What the policy must say, and that the page needs nothing beyond it."""
    said = policy(answer)
    assert said["default-src"] == said["base-uri"] == said["frame-ancestors"] == ["'none'"]
    assert said["form-action"] == said["script-src"] == said["style-src"] == ["'self'"]
    assert said["require-trusted-types-for"] == ["'script'"]
    assert all(source in ("'self'", "'none'", "'script'") for sources in said.values() for source in sources)
    if "html" not in answer.headers.get("content-type", ""):
        return
    for tag, attributes in Read(answer.text).elements:
        assert tag not in ("x-canary", "iframe", "object", "embed", "base", "style"), tag
        assert not [name for name in attributes if name.startswith("on") or name == "style"], attributes
        assert tag != "script" or attributes["src"].startswith("/static/")
        assert (
            not attributes.get("href", "").lower().strip().startswith(("javascript:", "data:", "vbscript:"))
        )
        assert tag not in ("form", "button") or not attributes.get("action", "/").startswith(("http", "//"))
    assert "x-canary" not in answer.text or "7*7" in answer.text, "no template read it"


def test_every_page_says_and_keeps_the_policy(member: Visitor) -> None:
    for path in PUBLIC + SIGNED_IN:
        judge_page(member.open(path))


def test_cookies_are_this_hosts_secure_and_hidden_from_scripts(member: Visitor) -> None:
    for answer in (member.open("/sign-in"), member.open("/help?language=nb"), member.open("/me")):
        for cookie in answer.headers.get_list("set-cookie"):
            parts = {part.strip().lower() for part in cookie.split(";")}
            assert {"secure", "samesite=lax", "path=/"} <= parts, cookie
            assert not [part for part in parts if part.startswith("domain")]
            assert "httponly" in parts or not cookie.startswith("__Host-visit"), cookie


def test_a_cookie_from_before_sign_in_is_worth_nothing_after(
    here: Here, visitor: Visitor, web: Gateway
) -> None:
    visitor.open("/sign-in")
    planted = dict(visitor.http.cookies)
    before = Read(visitor.open("/sign-in").text).form_token
    assert visitor.sign_in(here.accounts["member"].sign_in_name).status_code == 303
    assert dict(visitor.http.cookies) != planted
    attacker = Visitor(here, web)
    attacker.http.cookies.update(planted)
    assert attacker.open("/me").headers["location"] == "/sign-in"
    old = here.run(visitor.http.post("/sign-out", data={"form_token": before}, headers={"Origin": URL}))
    assert old.status_code == 403, "a form token from before is none either"


def test_a_cookie_copied_before_signing_out_opens_nothing(here: Here, member: Visitor, web: Gateway) -> None:
    thief = Visitor(here, web)
    thief.http.cookies.update(member.http.cookies)
    assert member.open("/forum").status_code == 200
    member.post("/me", "/sign-out")
    assert thief.open("/forum").status_code != 200


def test_another_sites_form_changes_nothing(here: Here, member: Visitor) -> None:
    token = Read(member.open("/forum/write").text).form_token
    form = {"form_token": token, "title": "T", "wish": "listen", "body": "B", "key": uuid4().hex}
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://region.test.evil.example"},
        {"Origin": "https://region.test@evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        refused = here.run(member.http.post("/forum/write", data=form, headers=headers))
        assert refused.status_code == 403, headers
        judge_page(refused)
    as_json = here.run(member.http.post("/forum/write", json=form, headers={"Origin": URL}))
    assert as_json.status_code == 403


def test_what_is_typed_comes_back_as_text(member: Visitor) -> None:
    for page, path, fields in (
        (
            "/forum/write",
            "/forum/write",
            {"title": CANARY + "\x00", "wish": CANARY, "body": CANARY, "key": CANARY},
        ),
        ("/forum/search", "/forum/search", {"q": CANARY}),
        ("/forum/name", "/forum/name", {"name": CANARY}),
        ("/forum/write", "/sign-in", {"sign_in_name": CANARY, "passphrase": CANARY}),
        ("/forum/write", "/join", {"invitation": CANARY}),
        (
            "/forum/write",
            "/recover",
            {"sign_in_name": CANARY, "recovery_code": CANARY, "new_passphrase": CANARY},
        ),
        ("/forum/write", "/receipt", {"receipt": CANARY}),
    ):
        answer = member.post(page, path, **fields)
        assert answer.status_code < 500, (path, answer.status_code)
        judge_page(answer)
    for path in (
        "/forum?after=",
        "/forum?said=",
        "/cafes?after=",
        "/nowhere/",
        "/help?language=",
        "/sign-in?next=",
    ):
        judge_page(member.open(path + httpx.URL("", params={"x": CANARY}).query.decode()[2:]))


def test_what_is_stored_stays_text_on_every_page(here: Here, member: Visitor) -> None:
    made = here.makes(
        "events", "/communities", {"name": f"{CANARY} {uuid4().hex[:6]}", "area": CANARY}, role="operator"
    )
    alias = here.issuer.bearer("forum", alias=uuid4())
    here.makes("forum", "/profile", {"name": f"Reed {uuid4().hex[:6]}"}, headers=alias)
    thread = here.makes(
        "forum", "/threads", {"title": CANARY, "wish": "listen", "body": CANARY}, headers=alias
    )
    reply = here.makes("forum", f"/threads/{thread['id']}/posts", {"body": CANARY}, headers=alias)
    here.makes("forum", f"/posts/{reply['id']}/hides", {"reason": CANARY}, role="consultant")
    assert made["name"].startswith('"><x-canary'), "kept as it was typed"
    shown = member.open(f"/forum/threads/{thread['id']}")
    assert shown.status_code == 200
    assert "&lt;x-canary" in shown.text
    for path in ("/forum", "/for-you", "/cafes", f"/forum/threads/{thread['id']}"):
        judge_page(member.open(path))
    judge_page(member.post("/forum/search", "/forum/search", q="canary"))


def test_a_redirect_stays_here_whatever_host_was_borrowed(member: Visitor) -> None:
    for path in (
        "/me",
        "/sign-in",
        "/help?language=nb",
        "//evil.example/help",
        "/sign-out",
        "/join/finish",
        "/leave",
        "/help/",
        "/sign-in/",
        "/forum/",
        "/static/",
    ):
        answer = member.open(path, headers={"Host": "evil.example"})
        assert "evil" not in answer.headers.get("location", ""), (path, answer.headers["location"])
