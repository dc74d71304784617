"""The keys that sign access tokens come, wait and go."""

import json
from datetime import datetime, timedelta
from uuid import uuid4

from joserfc.jwk import OKPKey
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.keys import keys_of
from services.identity.tokens import SigningKey
from shared.auth import ALGORITHM

SIGNING_KEY = "signing key"
AFTER_LAST_TOKEN = timedelta(minutes=10)  # an old key stays published this long after its last token's end

# Several processes start at once: one makes the key, the others find it.
LOCK = text("SELECT pg_advisory_xact_lock(hashtext('signing keys'))")
ALL = text("SELECT kid, private_sealed, signs_from FROM signing_keys ORDER BY signs_from")
ADD = text(
    "INSERT INTO signing_keys (kid, public, private_sealed, signs_from)"
    " VALUES (:kid, CAST(:public AS jsonb), :private_sealed, :signs_from)"
)
RETIRE = text("DELETE FROM signing_keys WHERE kid = :kid")


async def renew_signing_keys(
    session: AsyncSession, *, at: datetime, every: timedelta, lead: timedelta, token_lifetime: timedelta
) -> list[SigningKey]:
    """The keys to hold: with the next one when it is time, without those whose last token ended.

    The first key signs at once; each later one is published `lead` before it signs.
    """
    await session.execute(LOCK)
    ring = await _all(session)
    if not ring:
        ring.append(await _add(session, signs_from=at))
    elif ring[-1].signs_from + every <= at + lead:
        ring.append(await _add(session, signs_from=at + lead))
    kept = ring[-1:]
    for old, successor in zip(reversed(ring[:-1]), reversed(ring[1:]), strict=True):
        if successor.signs_from + token_lifetime + AFTER_LAST_TOKEN <= at:
            await session.execute(RETIRE, {"kid": old.key.kid})
        else:
            kept.insert(0, old)
    return kept


async def _all(session: AsyncSession) -> list[SigningKey]:
    keys = keys_of(session)
    return [
        SigningKey(
            OKPKey.import_key(json.loads(keys.open(row.private_sealed, SIGNING_KEY, row.kid.encode()))),
            row.signs_from,
        )
        for row in await session.execute(ALL)
    ]


async def _add(session: AsyncSession, *, signs_from: datetime) -> SigningKey:
    kid = uuid4().hex
    key = OKPKey.generate_key("Ed25519", {"kid": kid, "alg": ALGORITHM, "use": "sig"})
    private = json.dumps(key.as_dict(private=True)).encode()
    await session.execute(
        ADD,
        {
            "kid": kid,
            "public": json.dumps(key.as_dict(private=False)),
            "private_sealed": keys_of(session).seal(private, SIGNING_KEY, kid.encode()),
            "signs_from": signs_from,
        },
    )
    return SigningKey(key, signs_from)
