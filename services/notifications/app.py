"""Notifications' composition root."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from services.notifications import consumers, http, read_back
from services.notifications.settings import Settings
from shared.api import callers, health, limits, metrics, problems, transactions
from shared.api.limits import Limiter, make_redis
from shared.auth import FetchKeys, TokenVerifier, fetch_from
from shared.bus.broker import make_broker
from shared.bus.bus import Bus
from shared.bus.read_back import read_back as reading_back
from shared.database.engine import make_engine, make_sessions
from shared.due import in_background, run_every


def create_app(settings: Settings, fetch_keys: FetchKeys | None = None) -> FastAPI:
    """The service as an ASGI application. `fetch_keys` replaces asking identity for its public keys (tests)."""
    secret = settings.secret.get_secret_value().encode()
    engine = make_engine(
        settings.database_url.get_secret_value(), pool=settings.database_pool, application="notifications"
    )
    sessions = make_sessions(engine)
    redis = make_redis(settings.redis_url.get_secret_value())
    bus = Bus(make_broker(settings.kafka, "notifications"), sessions, "notifications", settings)
    consumers.subscribe(bus)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as ends:  # in reverse: consumers first, the database last
            ends.push_async_callback(engine.dispose)
            ends.push_async_callback(redis.aclose)
            await reading_back(bus, read_back.compare)
            await bus.start()
            ends.push_async_callback(bus.stop)
            in_background(ends, run_every(settings.metrics_seconds, told.look, name="metrics"))
            yield

    app = FastAPI(
        title="Peercafe notifications", version="1", lifespan=lifespan, docs_url=None, redoc_url=None
    )
    problems.install(app)
    transactions.install(app, sessions)
    callers.install(
        app,
        TokenVerifier(
            fetch_keys or fetch_from(settings.identity_url), issuer=settings.issuer, audience="notifications"
        ),
    )
    limits.install(app, Limiter(redis, settings.redis_prefix, secret), reads=settings.reads)
    app.include_router(http.router)
    health.install(app, bus)
    told = metrics.install(app, bus=bus, engine=engine)
    return app
