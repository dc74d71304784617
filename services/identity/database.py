"""Sessions on identity's database; they carry the keys that open what it seals."""

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from services.identity.keys import Keys
from shared.database.engine import make_sessions


def sessions_with(engine: AsyncEngine, keys: Keys) -> async_sessionmaker[AsyncSession]:
    """Sessions in which `keys_of(session)` finds `keys`."""
    sessions = make_sessions(engine)
    sessions.configure(info=keys.in_session())
    return sessions
