"""A region's first people and communities: its operator, the region file's communities, the first invitation.

The operator's invitation is the only thing that doesn't come over HTTP: somebody has to let the first one in.
"""

import asyncio
import json
import time
from dataclasses import asdict
from pathlib import Path
from uuid import UUID

from deploy.embedded.addresses import Addresses
from deploy.embedded.secrets import folder, write
from deploy.operators import Account, Operator
from shared.region import RegionFacts

KNOWN_SECONDS = 30.0  # within which identity must have heard of a new community


def account_file(engines: Addresses) -> Path:
    """Where the embedded region keeps its operator's account."""
    return folder(engines.data) / "operator.json"


async def found(engines: Addresses, facts: RegionFacts, inner: str) -> str | None:
    """Make what is missing. Returns a fresh invitation for the first peer consultant, None once one has joined."""
    path = account_file(engines)
    if not path.exists():
        code = await _invite(engines, "operator", []) or ""
        account = await asyncio.to_thread(Account.joined, inner, code)
        write(path, asdict(account))
    account = Account(**json.loads(path.read_text()))
    communities = await asyncio.to_thread(_communities, inner, account, facts)
    deadline = time.monotonic() + KNOWN_SECONDS
    while True:
        try:
            return await _invite(engines, "consultant", communities)
        except _not_yet_known():
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


def _communities(inner: str, account: Account, facts: RegionFacts) -> list[UUID]:
    with Operator(inner, account) as operator:
        there = operator.communities()
        for community in facts.communities:
            if community.name not in there:
                there[community.name] = operator.add_community(community.name, community.area)
        return [UUID(there[community.name]) for community in facts.communities]


def _not_yet_known() -> type[Exception]:
    from services.identity.errors import CommunityUnknown

    return CommunityUnknown


async def _invite(engines: Addresses, role: str, communities: list[UUID]) -> str | None:
    """A code by identity's own use cases, on its own database."""
    from services.identity.database import sessions_with
    from services.identity.keys import load_keys
    from services.identity.use_cases.invitations import MakeInvitations, invite_first, make_invitations
    from shared.database.engine import make_engine

    engine = make_engine(engines.database("identity"), pool=1, application="founding")
    try:
        keys = load_keys(folder(engines.data) / "identity-keys.json", engines.secrets.service["identity"])
        async with sessions_with(engine, keys)() as session, session.begin():
            code = await invite_first(session, role, communities)
            if code is None and role == "operator":  # somebody joined, but a crash lost the account
                batch = await make_invitations(session, MakeInvitations(role, communities))
                code = batch.codes[0]
            return code
    finally:
        await engine.dispose()
