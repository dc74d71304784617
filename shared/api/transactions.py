"""The edge that commits: one request, one transaction."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker


async def transaction(request: Request) -> AsyncIterator[AsyncSession]:
    """Commits before the answer goes out (scope="function"), so that what is acknowledged is kept."""
    sessions: async_sessionmaker[AsyncSession] = request.app.state.sessions
    async with sessions() as session, session.begin():
        yield session
    relay = getattr(request.app.state, "relay", None)
    if relay is not None and request.method not in ("GET", "HEAD"):
        relay.wake()


Session = Annotated[AsyncSession, Depends(transaction, scope="function")]


def install(app: FastAPI, sessions: async_sessionmaker[AsyncSession]) -> None:
    """`Session` parameters of `app` come from these sessions; `app.state.relay`, if set, is woken after commits."""
    app.state.sessions = sessions
