"""Identity on its real engines, and the people who use it."""

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import OKPKey
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.identity.app import create_app
from services.identity.keys import make_key_file
from services.identity.settings import Settings
from services.identity.switchboard import communities
from services.identity.use_cases.invitations import MakeInvitations, make_invitations
from shared import clock
from shared.bus.records import Received
from shared.contracts.payloads.events import CommunityRecorded
from shared.hlc import version_at
from shared.settings import KafkaSettings
from tests.engines import Engines

REGION = Path(__file__).parents[2] / "deploy" / "regions" / "north.toml"
PASSPHRASE = "four lamps over the quay"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
SESSION_TOKEN = "urn:peercafe:token-type:session"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Person:
    """Somebody who joined: what they wrote down, and their session."""

    identity: "Identity"
    sign_in_name: str
    recovery_codes: list[str]
    passphrase: str = PASSPHRASE
    client_id: str = "web"
    session: str = ""

    async def sign_in(self, passphrase: str | None = None, client_id: str | None = None) -> httpx.Response:
        """Sign in; keeps the session when it works."""
        self.client_id = client_id or self.client_id
        body = {
            "sign_in_name": self.sign_in_name,
            "passphrase": passphrase or self.passphrase,
            "client_id": self.client_id,
        }
        if self.client_id == "web":
            body["client_assertion"] = self.identity.assertion()
        answer = await self.identity.client.post("/sessions", json=body)
        if answer.status_code == 201:
            self.session = answer.json()["session"]
        return answer

    async def exchange(self, audience: str, **changed: str) -> httpx.Response:
        """Exchange the session for a token; a public client keeps its successor."""
        answer = await self.identity.exchange(self.session, audience, self.client_id, **changed)
        if answer.status_code == 200 and (successor := answer.json()["refresh_token"]):
            self.session = successor
        return answer

    async def token(self, audience: str) -> str:
        answer = await self.exchange(audience)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def claims(self, audience: str) -> dict[str, Any]:
        """What a fresh token for `audience` says."""
        return said_in(await self.token(audience))

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """A request as this person."""
        bearer = {"Authorization": f"Bearer {await self.token('identity')}"}
        return await self.identity.client.request(method, path, json=body, headers=bearer | headers)

    async def invite(self, role: str, ids: list[UUID], key: str | None = None, **more: Any) -> httpx.Response:
        body = {"role": role, "communities": [str(one) for one in ids]} | more
        return await self.call("POST", "/invitations", body, **{"Idempotency-Key": key or uuid4().hex})


def said_in(token: str, part: int = 1) -> dict[str, Any]:
    """What a token says, unchecked; part 0 is its header."""
    encoded = token.split(".")[part]
    said: dict[str, Any] = json.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return said


@dataclass
class Identity:
    """The service, its database, and the web client's key."""

    app: FastAPI
    client: httpx.AsyncClient
    settings: Settings
    web_key: OKPKey
    sessions: async_sessionmaker[AsyncSession] = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = self.app.state.sessions

    def assertion(self, key: OKPKey | None = None, **changed: Any) -> str:
        """The web client's proof; `changed` replaces claims."""
        now = int(clock.now().timestamp())
        claims = {"iss": "web", "sub": "web", "aud": self.settings.issuer, "jti": uuid4().hex}
        claims |= {"iat": now, "exp": now + 60} | changed
        header = {"alg": "Ed25519", "typ": "JWT", "kid": self.web_key.kid}
        return jwt.encode(header, claims, key or self.web_key, algorithms=["Ed25519"])

    async def exchange(self, session: str, audience: str, client_id: str, **changed: str) -> httpx.Response:
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": session,
            "subject_token_type": SESSION_TOKEN,
            "audience": audience,
            "client_id": client_id,
        }
        if client_id == "web":
            form |= {"client_assertion_type": JWT_BEARER, "client_assertion": self.assertion()}
        return await self.client.post("/token", data=form | changed)

    async def community(
        self, name: str = "Fjordby", *, is_open: bool = True, id_: UUID | None = None
    ) -> UUID:
        """A community, as events would have told it."""
        recorded = CommunityRecorded(
            id=id_ or uuid4(),
            home="north",
            version=version_at(clock.now()),
            name=name,
            area=name,
            open=is_open,
        )
        body = recorded.model_dump_json().encode()
        record = Received(
            "local.events.communities.v1",
            None,
            0,
            0,
            str(recorded.id),
            uuid4(),
            recorded.type,
            clock.now(),
            recorded,
            body,
        )
        async with self.sessions.begin() as session:
            await communities.apply(session, [record])
        return recorded.id

    async def invitation(self, role: str = "member", ids: list[UUID] | None = None, **more: Any) -> str:
        """A code, made by the machine's operator."""
        async with self.sessions.begin() as session:
            batch = await make_invitations(session, MakeInvitations(role, ids or [], **more))
        return batch.codes[0]

    async def joining(self, code: str, **changed: Any) -> dict[str, Any]:
        """The body of somebody who joins by `code`; `changed` replaces parts."""
        offered = (await self.client.get("/sign-in-names")).json()
        body = {
            "invitation": code,
            "over_18": True,
            "consent_version": "1",
            "research": True,
            "agreement_version": "1",
            "offer": offered["offer"],
            "sign_in_name": offered["names"][0],
            "passphrase": PASSPHRASE,
        }
        return body | changed

    async def joined(
        self, role: str = "member", ids: list[UUID] | None = None, *, client_id: str = "web", **changed: Any
    ) -> Person:
        """Somebody who has joined and signed in."""
        if role == "consultant":
            changed = {"display_name": f"Kari {''.join(chr(97 + b % 26) for b in uuid4().bytes)}"} | changed
        if ids is None:
            ids = [] if role in ("analyst", "operator") else [await self.community()]
        body = await self.joining(await self.invitation(role, ids), **changed)
        answer = await self.client.post("/members", json=body)
        assert answer.status_code == 201, answer.text
        person = Person(self, body["sign_in_name"], answer.json()["recovery_codes"], body["passphrase"])
        signed_in = await person.sign_in(client_id=client_id)
        assert signed_in.status_code == 201, signed_in.text
        return person

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        """Rows of identity's database."""
        async with self.sessions() as session:
            return list(await session.execute(text(statement), values))


@asynccontextmanager
async def running(settings: Settings, web_key: OKPKey) -> AsyncIterator[Identity]:
    """The service with its lifespan, spoken to over ASGI."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://identity") as client,
    ):
        yield Identity(app, client, settings, web_key)


@pytest.fixture
def web_key() -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": "web-1", "alg": "Ed25519"})


@dataclass
class Home:
    """Where an identity keeps things: a database, made at first use, and the keys to it."""

    keys_file: Path
    dsn: str = ""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One for all tests of a module: each brings its own people."""
    keys_file = tmp_path_factory.mktemp("identity") / "keys.json"
    make_key_file(keys_file)
    return Home(keys_file)


async def settings_of(home: Home, engines: Engines, web_key: OKPKey) -> Settings:
    home.dsn = home.dsn or await engines.database("identity")
    return Settings(
        region_file=REGION,
        database_url=SecretStr(home.dsn),
        redis_url=SecretStr(engines.redis_url("identity")),
        kafka=KafkaSettings(),
        identity_url="http://identity",
        secret=SecretStr("a secret of thirty-two bytes or more"),
        keys_file=home.keys_file,
        web_client_keys=json.dumps({"keys": [web_key.as_dict(private=False)]}),
        argon2_time_cost=1,
        argon2_memory_kib=1024,
        argon2_lanes=1,
        relay=False,
        consumers=False,
    )


@pytest.fixture
async def settings(home: Home, engines: Engines, web_key: OKPKey) -> Settings:
    return await settings_of(home, engines, web_key)


@pytest.fixture
async def identity(settings: Settings, web_key: OKPKey) -> AsyncIterator[Identity]:
    async with running(settings, web_key) as service:
        yield service


@pytest.fixture
async def empty_identity(engines: Engines, tmp_path: Path, web_key: OKPKey) -> AsyncIterator[Identity]:
    """One that nobody has ever joined."""
    make_key_file(tmp_path / "keys.json")
    settings = await settings_of(Home(tmp_path / "keys.json"), engines, web_key)
    async with running(settings, web_key) as service:
        yield service
