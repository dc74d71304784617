"""Analytics' composition root."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI

from services.analytics import consumers, http, read_back
from services.analytics.http import Service
from services.analytics.settings import Settings
from services.analytics.use_cases import publishing, studies
from shared import clock
from shared.api import callers, health, idempotency, limits, metrics, problems, transactions
from shared.api.limits import Limiter, make_redis
from shared.auth import FetchKeys, TokenVerifier, fetch_from
from shared.bus.broker import make_broker
from shared.bus.bus import Bus
from shared.bus.read_back import read_back as reading_back
from shared.database.engine import make_engine, make_sessions
from shared.due import in_background, in_batches, run_every
from shared.outbox.relay import Relay
from shared.region import load_region


def create_app(settings: Settings, fetch_keys: FetchKeys | None = None) -> FastAPI:
    """The service as an ASGI application. `fetch_keys` replaces asking identity for its public keys (tests)."""
    region = load_region(settings.region_file)
    engine = make_engine(
        settings.database_url.get_secret_value(), pool=settings.database_pool, application="analytics"
    )
    sessions = make_sessions(engine)
    redis = make_redis(settings.redis_url.get_secret_value())
    relay = Relay("analytics", settings)
    bus = Bus(make_broker(settings.kafka, "analytics"), sessions, "analytics", settings, relay.wake)
    consumers.subscribe(bus, zone=region.time_zone, home=settings.region)

    async def close_ended() -> None:
        today, home = clock.today(region.time_zone), settings.region
        if await in_batches(
            sessions, lambda session: studies.close_next_ended(session, clock.now(), today, home)
        ):
            relay.wake()

    async def complete_closings() -> None:
        today, home = clock.today(region.time_zone), settings.region
        if await in_batches(
            sessions,
            lambda session: publishing.complete_next(
                session, minimum=settings.minimum_cell, today=today, home=home
            ),
        ):
            relay.wake()

    async def tidy() -> None:
        async with sessions() as session, session.begin():
            await idempotency.forget_old(session)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as ends:  # in reverse: consumers first, the database last
            ends.push_async_callback(engine.dispose)
            ends.push_async_callback(redis.aclose)
            ends.push_async_callback(relay.close)
            await reading_back(bus, partial(read_back.compare, settings=settings, zone=region.time_zone))
            if settings.relay:
                in_background(ends, relay.run())
            if settings.consumers:
                for seconds, work, name in (
                    (settings.close_every_seconds, close_ended, "closings"),
                    (settings.close_every_seconds, complete_closings, "publications"),
                    (settings.tidy_every_seconds, tidy, "tidying"),
                ):
                    in_background(ends, run_every(seconds, work, name=name))
            await bus.start()
            ends.push_async_callback(bus.stop)
            in_background(ends, run_every(settings.metrics_seconds, told.look, name="metrics"))
            yield

    app = FastAPI(title="Peercafe analytics", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.service = Service(settings, region.time_zone)
    app.state.relay = relay
    problems.install(app)
    transactions.install(app, sessions)
    verifier = TokenVerifier(
        fetch_keys or fetch_from(settings.identity_url), issuer=settings.issuer, audience="analytics"
    )
    callers.install(app, verifier)
    limits.install(
        app,
        Limiter(redis, settings.redis_prefix, settings.secret.get_secret_value().encode()),
        calls=settings.calls,
    )
    app.include_router(http.router)
    health.install(app, bus)
    told = metrics.install(app, bus=bus, engine=engine, relay=relay)
    return app
