"""Reads: SQL, no entities."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.keys import keys_of
from services.identity.models.credentials import PASSPHRASE
from services.identity.models.participants import Participant

VERIFIER_BY_NAME = text(
    "SELECT c.id, c.participant_id, c.verifier_sealed, p.status FROM credentials c"
    " JOIN participants p ON p.id = c.participant_id"
    " WHERE c.kind = 'passphrase' AND c.identifier_hash = :name"
)
VERIFIER_OF = text(
    "SELECT c.id, c.participant_id, c.verifier_sealed, p.status FROM credentials c"
    " JOIN participants p ON p.id = c.participant_id"
    " WHERE c.kind = 'passphrase' AND c.participant_id = :participant"
)
RECOVERY_CODE = text(
    "SELECT r.participant_id FROM recovery_codes r JOIN participants p ON p.id = r.participant_id"
    " JOIN credentials c ON c.participant_id = r.participant_id"
    " WHERE r.code_hash = :code AND c.kind = 'passphrase' AND c.identifier_hash = :name AND p.status = 'active'"
)
WAS_REPLACED = text(
    "SELECT EXISTS (SELECT FROM security_log WHERE alias = :participant"
    " AND event IN ('passphrase-changed', 'recovered'))"
)
COMMUNITIES = text(
    "SELECT id, name FROM communities WHERE id = ANY(CAST(:ids AS uuid[])) AND NOT erased ORDER BY name, id"
)
OPEN_COMMUNITIES = text(
    "SELECT count(*) FROM communities WHERE id = ANY(CAST(:ids AS uuid[])) AND open AND NOT erased"
)
OPEN_INVITATION = text(
    "SELECT role, communities FROM invitations WHERE code_hash = :code AND expires_on >= :today"
)
OPEN_INVITATIONS = text("SELECT count(*) FROM invitations WHERE made_by = :maker AND expires_on >= :today")
SOMEBODY = text("SELECT EXISTS (SELECT FROM participants WHERE role = :role AND status = 'active')")
LATEST_CONSENTS = text(
    "SELECT DISTINCT ON (kind) kind, version FROM consents WHERE participant_id = :participant"
    " ORDER BY kind, position DESC"
)
# Only a restore leaves a yes standing that doesn't count (use_cases/restoring.py).
SAID_YES = text(
    "SELECT given FROM consents WHERE participant_id = :participant AND kind = 'research'"
    " ORDER BY position DESC LIMIT 1"
)
STATEMENTS = text(
    "SELECT kind, version, language, given, stated_on FROM consents WHERE participant_id = :participant"
    " ORDER BY position"
)
SESSIONS = text(
    "SELECT client_id, level, authenticated_at, expires_at FROM sessions WHERE participant_id = :participant"
    " ORDER BY authenticated_at"
)
SECURITY_LOG = text(
    "SELECT happened_on, event FROM security_log WHERE alias = :participant ORDER BY happened_on, event"
)


@dataclass(frozen=True, slots=True, repr=False)
class Verifier:
    """What checks a passphrase, and whose it is. `active`: may sign in."""

    participant_id: UUID
    hash: str
    active: bool


@dataclass(frozen=True, slots=True)
class CommunityName:
    id: UUID
    name: str


async def verifier_by_name(session: AsyncSession, name_hash: bytes) -> Verifier | None:
    """The passphrase's verifier under a sign-in name's hash."""
    return await _verifier(session, VERIFIER_BY_NAME, {"name": name_hash})


async def verifier_of(session: AsyncSession, participant_id: UUID) -> Verifier | None:
    """A participant's passphrase verifier."""
    return await _verifier(session, VERIFIER_OF, {"participant": participant_id})


async def recovery_code_of(session: AsyncSession, name_hash: bytes, code_hash: bytes) -> UUID | None:
    """Whose recovery code this is, if they have that sign-in name, too, and may sign in."""
    found: UUID | None = await session.scalar(RECOVERY_CODE, {"name": name_hash, "code": code_hash})
    return found


async def passphrase_was_replaced(session: AsyncSession, participant_id: UUID) -> bool:
    """Whether it isn't the one any more that they joined with."""
    return bool(await session.scalar(WAS_REPLACED, {"participant": participant_id}))


async def _verifier(session: AsyncSession, statement: Any, values: dict[str, Any]) -> Verifier | None:
    row = (await session.execute(statement, values)).one_or_none()
    if row is None:
        return None
    opened = keys_of(session).open(row.verifier_sealed, PASSPHRASE, row.id).decode()
    return Verifier(row.participant_id, opened, row.status == "active")


async def community_names(session: AsyncSession, ids: Collection[UUID]) -> list[CommunityName]:
    """Names by which people know these communities; those not (yet) known here are left out."""
    rows = await session.execute(COMMUNITIES, {"ids": list(ids)})
    return [CommunityName(row.id, row.name) for row in rows]


async def all_open(session: AsyncSession, ids: Collection[UUID]) -> bool:
    """Whether each of these communities is known here and open."""
    return bool(await session.scalar(OPEN_COMMUNITIES, {"ids": list(ids)}) == len(set(ids)))


async def open_invitation(
    session: AsyncSession, code_hash: bytes, today: date
) -> tuple[str, list[UUID]] | None:
    """(role, communities) of an invitation that can be used today."""
    row = (await session.execute(OPEN_INVITATION, {"code": code_hash, "today": today})).one_or_none()
    return None if row is None else (row.role, list(row.communities))


async def open_invitations(session: AsyncSession, maker: UUID, today: date) -> int:
    """How many of a maker's invitations are open; never which."""
    return int(await session.scalar(OPEN_INVITATIONS, {"maker": maker, "today": today}) or 0)


async def has_joined(session: AsyncSession, role: str) -> bool:
    """Whether anybody active has this role."""
    return bool(await session.scalar(SOMEBODY, {"role": role}))


async def accepted_versions(session: AsyncSession, participant_id: UUID) -> dict[str, str]:
    """The latest version stated, per kind (participation, research, agreement)."""
    rows = await session.execute(LATEST_CONSENTS, {"participant": participant_id})
    return {row.kind: row.version for row in rows}


async def is_asked_again_about_research(session: AsyncSession, participant: Participant) -> bool:
    """Whether their last word on research was a yes that a restore has put aside."""
    if participant.research or participant.role != "member":
        return False
    return bool(await session.scalar(SAID_YES, {"participant": participant.id}))


async def account_data(session: AsyncSession, participant_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """What identity keeps about an account beside the account itself, for its owner's export."""
    values = {"participant": participant_id}
    return {
        "statements": [dict(row) for row in (await session.execute(STATEMENTS, values)).mappings()],
        "sessions": [dict(row) for row in (await session.execute(SESSIONS, values)).mappings()],
        "security": [dict(row) for row in (await session.execute(SECURITY_LOG, values)).mappings()],
    }
