"""People who use a region through its public HTTP API, as any client does.

operator = await People(region).operator()
kari = await operator.invites("consultant", [community], name="Kari")
anna = await kari.invites("member", [community], forum_name="Heather")
thread = await anna.makes("forum", "/threads", {"title": …, "wish": "listen", "body": …})
"""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx

from tests.region.running import RunningRegion

LETTERS = "abcdefghijklmnoprstuvy"
PASSPHRASE = "seven plain pebbles in a row"
TOKEN_SECONDS = 200  # a token lives for 300
T = TypeVar("T")


class Answer(AssertionError):
    """An answer nobody expected; shows status and problem."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(
            f"{response.request.method} {response.url.path}: {response.status_code} {response.text}"
        )
        self.response = response


class People:
    """Everybody in a test, over one HTTP client that is closed with the block."""

    def __init__(self, region: RunningRegion) -> None:
        self.region = region
        transport = httpx.AsyncHTTPTransport(local_address=an_address())
        self.http = httpx.AsyncClient(base_url=region.url, timeout=30, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.aclose()

    async def operator(self) -> "Person":
        """The embedded region's own operator, signed in."""
        account = json.loads((self.region.data / "secrets" / "operator.json").read_text())
        return await self.sign_in(account["sign_in_name"], account["passphrase"])

    async def sign_in(self, sign_in_name: str, passphrase: str = PASSPHRASE) -> "Person":
        """A new session of an account."""
        body = {"sign_in_name": sign_in_name, "passphrase": passphrase, "client_id": "app"}
        opened = await self.http.post("/api/identity/sessions", json=body)
        return Person(self, sign_in_name, _good(opened)["session"])

    async def join(self, invitation: str, *, name: str | None = None, research: bool = True) -> "Person":
        """Join and sign in; `name` is a consultant's display name."""
        texts = _good(await self.http.get("/api/identity/texts"))
        names = _good(await self.http.get("/api/identity/sign-in-names"))
        body = {
            "invitation": invitation,
            "over_18": True,
            "consent_version": texts["consent"]["version"],
            "research": research,
            "agreement_version": texts["agreement"]["version"],
            "offer": names["offer"],
            "sign_in_name": names["names"][0],
            "passphrase": PASSPHRASE,
        } | ({"display_name": name} if name else {})
        _good(await self.http.post("/api/identity/members", json=body))
        return await self.sign_in(names["names"][0])

    async def community(
        self, operator: "Person", *, name: str | None = None, area: str = "By the fjord"
    ) -> str:
        """A new community, known to identity."""
        named = {"name": name or f"Fjellvik {uuid4().hex[:6]}", "area": area}
        made = await operator.makes("events", "/communities", named)
        invitation = {"role": "member", "communities": [made["id"]], "count": 1, "days": 1}

        async def invitable() -> int:
            key = {"Idempotency-Key": uuid4().hex}
            answer = await operator.asks("POST", "identity", "/invitations", json=invitation, headers=key)
            return answer.status_code

        await eventually(invitable, lambda status: status == 201)
        return str(made["id"])


class Person:
    """Someone with an account, signed in."""

    def __init__(self, people: People, sign_in_name: str, session: str) -> None:
        self.people = people
        self.sign_in_name = sign_in_name
        self.session = session
        self._tokens: dict[str, tuple[str, float]] = {}
        self._exchanging = asyncio.Lock()

    async def exchange(self, audience: str, **more: str) -> httpx.Response:
        """Any answer to a token exchange; `more`: `scope`."""
        asked = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": self.session,
            "subject_token_type": "urn:peercafe:token-type:session",
            "audience": audience,
            "client_id": "app",
            **more,
        }
        answer = await self.people.http.post("/api/identity/token", data=asked)
        if answer.is_success:
            self.session = answer.json()["refresh_token"]
        return answer

    def holds(self, audience: str) -> bool:
        """Whether a token for that service was given."""
        return audience in self._tokens

    async def token(self, audience: str) -> str:
        """An access token for one service, kept while it is good."""
        async with self._exchanging:
            token, until = self._tokens.get(audience, ("", 0.0))
            if time.monotonic() >= until:
                token = _good(await self.exchange(audience))["access_token"]
                self._tokens[audience] = token, time.monotonic() + TOKEN_SECONDS
            return token

    async def asks(self, method: str, service: str, path: str, **request: Any) -> httpx.Response:
        """Any answer."""
        headers = {"Authorization": f"Bearer {await self.token(service)}"} | request.pop("headers", {})
        return await self.people.http.request(method, f"/api/{service}{path}", headers=headers, **request)

    async def reads(self, service: str, path: str, **query: Any) -> Any:
        """GET; raises Answer for anything but success."""
        return _good(await self.asks("GET", service, path, params=query))

    async def makes(self, service: str, path: str, body: object = None, *, key: str | None = None) -> Any:
        """POST with an idempotency key."""
        headers = {"Idempotency-Key": key or uuid4().hex}
        return _good(await self.asks("POST", service, path, json=body or {}, headers=headers))

    async def puts(self, service: str, path: str, body: object = None) -> Any:
        """PUT."""
        return _good(await self.asks("PUT", service, path, **({} if body is None else {"json": body})))

    async def deletes(self, service: str, path: str) -> Any:
        """DELETE."""
        return _good(await self.asks("DELETE", service, path))

    async def invites(
        self,
        role: str,
        communities: list[str] | None = None,
        *,
        name: str | None = None,
        forum_name: str | None = None,
        research: bool = True,
    ) -> "Person":
        """A new person who joins by an invitation of this one; with a forum name where one is given."""
        batch = {"role": role, "communities": communities or [], "count": 1, "days": 14}
        made = await self.makes("identity", "/invitations", batch)
        joined = await self.people.join(made["invitations"][0], name=name, research=research)
        if forum_name is not None or role == "consultant":
            await joined.makes("forum", "/profile", {"name": forum_name or name})
        return joined


def an_address() -> str:
    """An address of this machine that no other test uses: the gateway limits joining and signing in by address."""
    return f"127.{secrets.randbelow(254) + 1}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"


def a_name(like: str) -> str:
    """A name nobody else has: consultants' are letters only."""
    return f"{like} {''.join(secrets.choice(LETTERS) for _ in range(8)).title()}"


def _good(answer: httpx.Response) -> Any:
    if not answer.is_success:
        raise Answer(answer)
    return answer.json() if answer.content else None


async def eventually(
    ask: Callable[[], Awaitable[T]], wanted: Callable[[T], bool], *, seconds: float = 30
) -> T:
    """Ask until the answer is as wanted; fails with the last answer."""
    deadline = time.monotonic() + seconds
    while not wanted(answer := await ask()):
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        await asyncio.sleep(0.1)
    return answer
