"""Somebody who joins a region, signs in, and calls its services: what any client of the API does."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from replay.gateway import Gateway, Refused

CLIENT = "cli"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105
SESSION_TOKEN = "urn:peercafe:token-type:session"  # noqa: S105
EARLY = 20.0  # seconds before its end in which a token is renewed
KNOWN_SECONDS = 60.0  # in which a new community must be known to identity


@dataclass(frozen=True, slots=True)
class Consent:
    """The versions of the texts in force, read before joining."""

    consent_version: str
    agreement_version: str


async def read_texts(gateway: Gateway) -> Consent:
    """What everybody reads before joining."""
    texts = (await _ok(gateway.send("GET", "/api/identity/texts"))).json()
    return Consent(texts["consent"]["version"], texts["agreement"]["version"])


@dataclass
class Person:
    """An account with its session and its tokens. Made by `join`."""

    gateway: Gateway
    sign_in_name: str
    passphrase: str = field(repr=False)
    display_name: str | None = None
    _session: str = field(default="", repr=False)
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict, repr=False)
    _entering: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    @classmethod
    async def join(
        cls,
        gateway: Gateway,
        consent: Consent,
        invitation: str,
        *,
        language: str = "en",
        research: bool = False,
        display_names: tuple[str, ...] = (),
    ) -> "Person":
        """Use up an invitation. A peer consultant takes the first free one of `display_names`. Raises Refused."""
        open_names = list(display_names)
        while True:
            offered = await _ok(
                gateway.send("GET", "/api/identity/sign-in-names", params={"language": language})
            )
            offer = offered.json()
            person = cls(
                gateway,
                secrets.choice(offer["names"]),
                secrets.token_urlsafe(18),
                open_names.pop(0) if open_names else None,
            )
            body = {
                "invitation": invitation,
                "over_18": True,
                "consent_version": consent.consent_version,
                "research": research,
                "agreement_version": consent.agreement_version,
                "offer": offer["offer"],
                "sign_in_name": person.sign_in_name,
                "passphrase": person.passphrase,
            } | ({"display_name": person.display_name} if person.display_name else {})
            answer = await gateway.send("POST", "/api/identity/members", json=body)
            if answer.is_success:
                return person
            refused = Refused(answer)
            if refused.slug == "sign-in-name-taken" and person.display_name:
                open_names.insert(0, person.display_name)
            elif refused.slug != "sign-in-name-taken" and not (
                refused.slug == "display-name-taken" and open_names
            ):
                raise refused

    async def call(
        self, service: str, method: str, path: str, *, key: str | None = None, **options: Any
    ) -> Any:
        """The JSON of a service's answer (None without one); `key` makes a POST create once. Raises Refused."""
        answer = await self.answer(service, method, path, key=key, **options)
        if answer.is_error:
            raise Refused(answer)
        return answer.json() if answer.content else None

    async def answer(
        self, service: str, method: str, path: str, *, key: str | None = None, **options: Any
    ) -> httpx.Response:
        """As `call`, with refusals as answers."""
        for _attempt in range(3):
            token = await self._token(service)
            headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
            answer = await self.gateway.send(method, f"/api/{service}{path}", headers=headers, **options)
            if answer.status_code != httpx.codes.UNAUTHORIZED:
                break
            self._forget(service, token)
        return answer

    async def _token(self, audience: str) -> str:
        async with self._entering:  # sessions rotate: one exchange at a time
            token, until = self._tokens.get(audience, ("", 0.0))
            if until > time.monotonic():
                return token
            answer = await self._exchange(audience) if self._session else None
            if answer is None or answer.is_error:
                await self._sign_in()
                answer = await self._exchange(audience)
            if answer.is_error:
                raise Refused(answer)
            given = answer.json()
            self._session = given.get("refresh_token") or self._session
            self._tokens[audience] = (
                given["access_token"],
                time.monotonic() + given["expires_in"] - EARLY,
            )
            return str(given["access_token"])

    def _forget(self, audience: str, token: str) -> None:
        if self._tokens.get(audience, ("", 0.0))[0] == token:
            del self._tokens[audience]

    async def _sign_in(self) -> None:
        body = {"sign_in_name": self.sign_in_name, "passphrase": self.passphrase, "client_id": CLIENT}
        answer = await _ok(self.gateway.send("POST", "/api/identity/sessions", json=body))
        self._session = answer.json()["session"]

    async def _exchange(self, audience: str) -> httpx.Response:
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": self._session,
            "subject_token_type": SESSION_TOKEN,
            "audience": audience,
            "client_id": CLIENT,
        }
        return await self.gateway.send("POST", "/api/identity/token", data=form)

    async def make_community(self, wanted: str, area: str, key: Callable[[str], str]) -> str:
        """The id of a new community of that name, or of that name with the first number that is free."""
        number = 1
        while True:
            name = wanted if number == 1 else f"{wanted} {number}"
            body = {"name": name, "area": area}
            try:
                made = await self.call(
                    "events", "POST", "/communities", key=key(f"community {name}"), json=body
                )
                return str(made["id"])
            except Refused as refused:
                if refused.status != httpx.codes.CONFLICT:
                    raise
            number += 1

    async def invite(
        self, role: str, communities: list[str], count: int, key: str, *, same_as: str | None = None
    ) -> list[str]:
        """Codes of a batch of invitations; a community made a moment ago is waited for. Raises Refused.

        `same_as`: the forum profile that a peer consultant has in another region.
        """
        body = {"role": role, "communities": communities, "count": count, "days": 7, "same_as": same_as}
        deadline = time.monotonic() + KNOWN_SECONDS
        while True:
            try:
                made = await self.call("identity", "POST", "/invitations", key=key, json=body)
                return [str(code) for code in made["invitations"]]
            except Refused as refused:
                if refused.slug != "community-unknown" or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)

    async def take_forum_name(self, wanted: str) -> str:
        """The name, or the name with the first number that is free."""
        number = 1
        while True:
            name = wanted if number == 1 else f"{wanted} {number}"
            looked = await self.call("forum", "POST", "/names/check", json={"name": name})
            if looked["free"]:
                try:
                    await self.call("forum", "POST", "/profile", json={"name": name})
                    return name
                except Refused as refused:
                    if refused.slug == "profile-exists":  # an earlier try whose answer was lost
                        return name
                    if refused.slug != "name-taken":
                        raise
            number += 1


async def _ok(sending: Any) -> httpx.Response:
    answer: httpx.Response = await sending
    if answer.is_error:
        raise Refused(answer)
    return answer
