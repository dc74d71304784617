"""Events' composition root."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from functools import partial

from fastapi import FastAPI

from services.events import consumers, http, read_back
from services.events.http.service import Service
from services.events.settings import Settings
from services.events.use_cases import called_names
from services.events.use_cases.past_cafes import forget_who_came
from services.events.use_cases.shuffling import forget_the_order
from shared import clock
from shared.api import callers, health, idempotency, limits, metrics, problems, transactions
from shared.api.limits import Limiter, make_redis
from shared.auth import FetchKeys, TokenVerifier, fetch_from
from shared.bus.broker import make_broker
from shared.bus.bus import Bus
from shared.bus.read_back import read_back as reading_back
from shared.database.engine import make_engine, make_sessions
from shared.due import in_background, run_every
from shared.outbox.relay import Relay
from shared.region import load_region


def create_app(settings: Settings, fetch_keys: FetchKeys | None = None) -> FastAPI:
    """The service as an ASGI application. `fetch_keys` replaces asking identity for its public keys (tests)."""
    region = load_region(settings.region_file)
    secret = settings.secret.get_secret_value().encode()
    engine = make_engine(
        settings.database_url.get_secret_value(), pool=settings.database_pool, application="events"
    )
    sessions = make_sessions(engine)
    redis = make_redis(settings.redis_url.get_secret_value())
    relay = Relay("events", settings)
    bus = Bus(make_broker(settings.kafka, "events"), sessions, "events", settings, relay.wake)
    consumers.subscribe(bus)

    shuffled_on: date | None = None

    async def forget_what_is_past() -> None:
        nonlocal shuffled_on
        async with sessions() as session, session.begin():
            await called_names.forget(session, secret, clock.now())
        async with sessions() as session, session.begin():
            await idempotency.forget_old(session)
        if shuffled_on != (today := clock.today(region.time_zone)):
            async with sessions() as session, session.begin():
                await forget_who_came(session, today)
            async with sessions() as session, session.begin():
                await forget_the_order(session)
            shuffled_on = today

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as ends:  # in reverse: consumers first, the database last
            ends.push_async_callback(engine.dispose)
            ends.push_async_callback(redis.aclose)
            ends.push_async_callback(relay.close)
            await reading_back(bus, partial(read_back.compare, home=settings.region))
            if settings.relay:
                in_background(ends, relay.run())
            if settings.consumers:
                in_background(
                    ends, run_every(settings.tidy_every_seconds, forget_what_is_past, name="tidying")
                )
            await bus.start()
            ends.push_async_callback(bus.stop)
            in_background(ends, run_every(settings.metrics_seconds, told.look, name="metrics"))
            yield

    app = FastAPI(title="Peercafe events", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.service = Service(settings, region.time_zone)
    app.state.relay = relay
    problems.install(app)
    transactions.install(app, sessions)
    callers.install(
        app,
        TokenVerifier(
            fetch_keys or fetch_from(settings.identity_url), issuer=settings.issuer, audience="events"
        ),
    )
    limits.install(
        app,
        Limiter(redis, settings.redis_prefix, secret),
        reads=settings.reads,
        writes=settings.writes,
        check_ins=settings.check_ins,
        looks_at_guests=settings.looks_at_guests,
    )
    app.include_router(http.router)
    health.install(app, bus)
    told = metrics.install(app, bus=bus, engine=engine, relay=relay)
    return app
