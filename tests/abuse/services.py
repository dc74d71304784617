"""All five services in one process on real engines, with people of every role who have something to lose.

with everything(engines) as here:
    answer = here.ask("POST", "forum", "/threads", role="member", json={…})

Sync on purpose: hypothesis calls test bodies many times, all on one event loop.
"""

import asyncio
import contextvars
import importlib
import json
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from joserfc.jwk import OKPKey
from pydantic import SecretStr

from services.identity.keys import make_key_file
from shared import clock
from shared.api import limits
from shared.settings import KafkaSettings, LimitSettings
from tests.access.table import ANALYST, CONSULTANT, EVERYONE_SIGNED_IN, MEMBER, NOBODY, OPERATOR, TABLE
from tests.engines import Engines
from tests.events.conftest import CAFE
from tests.identity.conftest import Identity
from tests.identity.conftest import Person as Account
from tests.tokens import Issuer

REGION = Path(__file__).parents[2] / "deploy" / "regions" / "north.toml"
PLENTY = LimitSettings(rate=1_000_000, burst=1_000_000)
SERVICES = tuple(TABLE)
ROLES = (NOBODY, *sorted(EVERYONE_SIGNED_IN))
T = TypeVar("T")


def in_days(days: int) -> str:
    """The wall time at which a café of so many days from now begins."""
    return (clock.now() + timedelta(days=days)).strftime("%Y-%m-%dT18:00")


def problem_of(answer: httpx.Response) -> str:
    """The slug of a refusal, after checking that it is one: RFC 9457, and nothing else."""
    assert 400 <= answer.status_code < 500, f"{answer.status_code} {answer.text[:400]}"
    assert answer.headers["content-type"] == "application/problem+json", answer.headers
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["type"].startswith("/problems/")
    return str(body["type"]).removeprefix("/problems/")


@dataclass
class Here:
    """Everything that runs, and who uses it. `ids` are things that exist, by the name that paths give them."""

    runner: asyncio.Runner
    issuer: Issuer
    apps: dict[str, FastAPI]
    clients: dict[str, httpx.AsyncClient]
    identity: Identity
    accounts: dict[str, Account] = field(default_factory=dict)
    aliases: dict[str, UUID] = field(default_factory=lambda: {role: uuid4() for role in ROLES})
    communities: tuple[UUID, ...] = ()
    ids: dict[str, str] = field(default_factory=dict)
    pausable: str = ""  # a post of somebody whom no test needs to write
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)

    def ids_for(self, path: str) -> dict[str, str]:
        """`ids`, as far as it does no harm to try this path with them."""
        return self.ids | ({"post_id": self.pausable} if path.endswith("/sanction") else {})

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def bearer(self, service: str, role: str, alias: UUID | None = None) -> dict[str, str]:
        """A valid token of that role for that service, made once; with `alias` somebody else's."""
        if role == NOBODY:
            return {}
        key = (service, f"{role} {alias}")
        if key not in self.tokens:
            if service == "identity" and alias is None:
                self.tokens[key] = self.run(self.accounts[role].token("identity"))
            else:
                said: dict[str, Any] = {"alias": alias or self.aliases[role], "role": role}
                if role == CONSULTANT:
                    said["name"] = "Kari Nord" if alias is None else f"Kari {_letters(alias)}"
                if service == "events":
                    said["communities"] = self.communities
                self.tokens[key] = self.issuer.token(service, **said)
        return {"Authorization": f"Bearer {self.tokens[key]}"}

    def ask(
        self,
        method: str,
        service: str,
        path: str,
        *,
        role: str = NOBODY,
        alias: UUID | None = None,
        headers: Mapping[str, str] | None = None,
        **request: Any,
    ) -> httpx.Response:
        """Any answer; what comes back is never a fault of ours. Asked in a copy of the caller's context."""
        sent = {"Idempotency-Key": uuid4().hex} | self.bearer(service, role, alias) | dict(headers or {})
        asked = self.clients[service].request(method, path, headers=sent, **request)
        answer = self.runner.run(asked, context=contextvars.copy_context())
        assert answer.status_code < 500, f"{method} {service}{path}: {answer.status_code} {answer.text}"
        return answer

    def makes(self, service: str, path: str, body: object = None, **who: Any) -> Any:
        answer = self.ask("POST", service, path, json=body, **who)
        assert answer.is_success, answer.text
        return answer.json()


def _letters(alias: UUID) -> str:
    return "".join(chr(97 + byte % 26) for byte in alias.bytes).title()


@contextmanager
def everything(engines: Engines, folder: Path) -> Iterator[Here]:
    """The services, started; limits by alias are out of the way, and Redis is waited for on a busy machine, too."""
    with asyncio.Runner() as runner:
        stack = runner.run(_stack())
        try:
            # Else PostgreSQL counts in Redis' place, and nothing is equal. Other tests of this process wait as ever.
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(limits, "REDIS_SECONDS", 30.0)
                here = runner.run(_start(runner, stack, engines, folder))
            yield here
        finally:
            runner.run(stack.aclose())


async def _stack() -> AsyncExitStack:
    return AsyncExitStack()


async def _start(runner: asyncio.Runner, stack: AsyncExitStack, engines: Engines, folder: Path) -> Here:
    issuer, web_key = Issuer(), OKPKey.generate_key("Ed25519", {"kid": "web-1", "alg": "Ed25519"})
    keys_file = folder / "keys.json"
    make_key_file(keys_file)
    own: dict[str, dict[str, Any]] = {
        "identity": {
            "keys_file": keys_file,
            "web_client_keys": json.dumps({"keys": [web_key.as_dict(private=False)]}),
            "argon2_time_cost": 1,
            "argon2_memory_kib": 1024,
            "argon2_lanes": 1,
            "reads": PLENTY,
            "writes": PLENTY,
            "confirmations": PLENTY,
        },
        "forum": {
            "posts": PLENTY,
            "threads": PLENTY,
            "profiles": PLENTY,
            "reads": PLENTY,
            "exports": PLENTY,
            "reports": PLENTY,
        },
        "events": {"reads": PLENTY, "writes": PLENTY, "check_ins": PLENTY},
        "notifications": {"reads": PLENTY},
        "analytics": {"calls": PLENTY, "kafka": KafkaSettings(bootstrap_servers=engines.kafka)},
    }
    apps: dict[str, Any] = {}
    clients: dict[str, httpx.AsyncClient] = {}
    settings: dict[str, Any] = {}

    async def fetch_keys() -> dict[str, Any]:
        """The test's issuer and identity itself: both kinds of tokens are good."""
        return {"keys": [*issuer.jwks()["keys"], *apps["identity"].state.service.ring.jwks()["keys"]]}

    for service in SERVICES:
        settings[service] = importlib.import_module(f"services.{service}.settings").Settings(
            region_file=REGION,
            database_url=SecretStr(await engines.database(service)),
            redis_url=SecretStr(engines.redis_url(service)),
            identity_url="http://identity",
            secret=SecretStr("for tests, thirty-two bytes at least"),
            relay=False,
            consumers=False,
            **own[service],
        )
        make = importlib.import_module(f"services.{service}.app").create_app
        apps[service] = make(settings[service], *(() if service == "identity" else (fetch_keys,)))
        await stack.enter_async_context(apps[service].router.lifespan_context(apps[service]))
        transport = httpx.ASGITransport(apps[service], raise_app_exceptions=False)
        clients[service] = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url=f"http://{service}")
        )
    identity = Identity(apps["identity"], clients["identity"], settings["identity"], web_key)
    return Here(runner, issuer, apps, clients, identity)


def settle(here: Here) -> Here:
    """Somebody of each role joins, and makes one of everything that paths can name."""
    community = here.run(here.identity.community())
    for role in sorted(EVERYONE_SIGNED_IN):
        communities = [] if role in (ANALYST, OPERATOR) else [community]
        here.accounts[role] = here.run(here.identity.joined(role, communities))
    made = here.makes("events", "/communities", {"name": "Fjellvik", "area": "North"}, role=OPERATOR)
    here.communities = (UUID(made["id"]),)
    here.makes("forum", "/profile", {"name": "Heather"}, role=MEMBER)
    make_things(here)
    return here


def make_things(here: Here) -> None:
    """One of everything that paths can name, as nobody has changed it yet."""
    community = str(here.communities[0])
    cafe = CAFE | {"community_id": community, "starts": in_days(2)}
    here.ids["gathering_id"] = here.makes("events", "/gatherings", cafe, role=CONSULTANT)["ids"][0]
    thread = here.makes("forum", "/threads", {"title": "T", "wish": "listen", "body": "B"}, role=MEMBER)
    here.ids["thread_id"], here.ids["post_id"] = thread["id"], thread["posts"][0]["id"]
    here.ids["profile_id"] = thread["author"]["id"]
    here.ids["kind"] = "thanks"
    somebody = here.issuer.bearer("forum", alias=uuid4(), role=MEMBER)
    here.makes("forum", "/profile", {"name": f"Bracken {uuid4().hex[:8]}"}, headers=somebody)
    other = here.makes("forum", "/threads", {"title": "T", "wish": "listen", "body": "B"}, headers=somebody)
    here.pausable = other["posts"][0]["id"]
    ends = str(clock.now().date() + timedelta(days=30))
    study = {"title": "Walks", "communities": [community], "ends_on": ends}
    here.ids["study_id"] = here.makes("analytics", "/studies", study, role=ANALYST)["id"]
