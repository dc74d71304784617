"""The people of the scenario, and who is who: what only they, and never a store, know."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.identity.database import sessions_with
from services.identity.keys import Keys, load_keys
from services.identity.switchboard import enrolments
from services.identity.use_cases.invitations import invite_first
from shared.database.engine import make_engine
from tests.people import PASSPHRASE, People, Person
from tests.unlinkability.stage import Stage

SESSION_DAYS = 10  # a member's session lasts two weeks


class Cast(People):
    """Everybody, over one client in this process."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.http = stage.client()

    async def first_operator(self) -> Person:
        """Let in as the machine lets in its first operator."""
        engine, keys = make_engine(self._identity(), pool=1), self._keys()
        try:
            async with sessions_with(engine, keys)() as session, session.begin():
                code = await invite_first(session, "operator", [])
        finally:
            await engine.dispose()
        assert code is not None
        return await self.join(code)

    async def study_aliases(self, study: UUID) -> dict[UUID, dict[str, UUID]]:
        """Participant → source → study alias, as identity alone can open them."""
        engine, keys = make_engine(self._identity(), pool=1), self._keys()
        try:
            async with sessions_with(engine, keys)() as session:
                return {one.participant_id: one.aliases for one in await enrolments.in_study(session, study)}
        finally:
            await engine.dispose()

    async def participants(self, audience: str, aliases: list[UUID]) -> dict[UUID, UUID]:
        """Alias → participant, as identity alone can say."""
        from services.identity.switchboard.addresses import participants_of

        engine, keys = make_engine(self._identity(), pool=1), self._keys()
        try:
            async with sessions_with(engine, keys)() as session:
                return await participants_of(session, audience, aliases)
        finally:
            await engine.dispose()

    def _identity(self) -> str:
        return self.stage.databases["identity"].replace("postgresql://", "postgresql+asyncpg://")

    def _keys(self) -> Keys:
        return load_keys(self.stage.keys_file, self.stage.secrets["identity"])


@dataclass
class Member:
    """One member of the scenario, signed in anew when a session has run out."""

    cast: Cast
    index: int
    person: Person
    community: str
    aliases: dict[str, UUID] = field(
        default_factory=dict
    )  # audience → alias, read from the member's own tokens
    signed_in: float = 0.0

    async def comes(self) -> None:
        """Open Peercafe: tokens of the last visit have run out, the session perhaps too."""
        now = self.cast.stage.time.at.timestamp()
        if now - self.signed_in > SESSION_DAYS * 86_400:
            self.person = await self.cast.sign_in(self.person.sign_in_name, PASSPHRASE)
            self.signed_in = now
        self.person._tokens.clear()

    async def token(self, audience: str) -> str:
        """As `Person.token`; notes the alias it bears."""
        token = await self.person.token(audience)
        self.aliases[audience] = UUID(subject_of(token))
        return token

    async def composes_a_page(self) -> None:
        """What web asks for the first page: several services' reads, at one moment."""
        for audience in ("forum", "events", "notifications"):
            await self.token(audience)
        await self.person.reads("forum", "/for-you")
        await self.person.reads("events", "/for-you")
        await self.person.reads("notifications", "/waiting")


def subject_of(token: str) -> str:
    """The alias a token bears."""
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return str(claims["sub"])
