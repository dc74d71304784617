"""Identity's composition root."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI

from services.identity import consumers, http, read_back
from services.identity.authentication import Authentication
from services.identity.clients import Clients
from services.identity.database import sessions_with
from services.identity.http.service import Service
from services.identity.keys import load_keys
from services.identity.passphrases import Passphrases
from services.identity.settings import Settings
from services.identity.switchboard.runners import make_switchboard, runners
from services.identity.throttle import Throttle, forget_old_failures
from services.identity.tokens import KeyRing
from services.identity.use_cases.invitations import forget_expired_invitations
from services.identity.use_cases.sessions import Lifetimes, forget_expired_sessions
from services.identity.use_cases.signing_keys import renew_signing_keys
from shared import clock
from shared.api import callers, health, idempotency, limits, metrics, problems, transactions
from shared.api.limits import Limiter, make_redis
from shared.auth import TokenVerifier
from shared.bus.broker import make_broker
from shared.bus.bus import Bus
from shared.database.engine import make_engine
from shared.due import in_background, run_every
from shared.outbox.relay import Relay


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application. Raises OSError or ValueError for a missing or broken key file."""
    keys = load_keys(settings.keys_file, settings.secret.get_secret_value())
    engine = make_engine(
        settings.database_url.get_secret_value(), pool=settings.database_pool, application="identity"
    )
    sessions = sessions_with(engine, keys)
    redis = make_redis(settings.redis_url.get_secret_value())
    passphrases = Passphrases(settings)
    token_lifetime = timedelta(seconds=settings.token_seconds)
    ring = KeyRing(settings.issuer, token_lifetime)
    relay = Relay("identity", settings)
    bus = Bus(make_broker(settings.kafka, "identity"), sessions, "identity", settings, relay.wake)
    board = make_switchboard(settings)
    consumers.subscribe(bus, board)

    async def renew_keys() -> None:
        async with sessions.begin() as session:
            held = await renew_signing_keys(
                session,
                at=clock.now(),
                every=timedelta(days=settings.signing_key_days),
                lead=timedelta(seconds=settings.signing_key_lead_seconds),
                token_lifetime=token_lifetime,
            )
        ring.hold(held)

    async def tidy() -> None:
        async with sessions.begin() as session:
            await forget_expired_sessions(session)
            await forget_expired_invitations(session)
            await forget_old_failures(session)
            await idempotency.forget_old(session)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as ends:  # in reverse: consumers first, the database last
            ends.callback(passphrases.close)
            ends.push_async_callback(engine.dispose)
            ends.push_async_callback(redis.aclose)
            ends.push_async_callback(relay.close)
            await renew_keys()
            await read_back.begin(bus, board)
            if settings.relay:
                in_background(ends, relay.run())
            in_background(ends, run_every(settings.renew_keys_every_seconds, renew_keys, name="signing keys"))
            if settings.consumers:
                in_background(ends, run_every(settings.tidy_every_seconds, tidy, name="tidying"))
                for runner in runners(sessions, settings, board, relay.wake):
                    in_background(ends, runner.run())
            await bus.start()
            ends.push_async_callback(bus.stop)
            in_background(ends, run_every(settings.metrics_seconds, told.look, name="metrics"))
            yield

    app = FastAPI(title="Peercafe identity", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.relay = relay
    app.state.service = Service(
        keys=keys,
        ring=ring,
        clients=Clients(settings, redis, keys),
        authentication=Authentication(sessions, keys, Throttle(redis, sessions, settings), passphrases),
        lifetimes=Lifetimes(
            member=timedelta(hours=settings.member_session_hours),
            staff=timedelta(hours=settings.staff_session_hours),
            predecessor=timedelta(seconds=settings.predecessor_seconds),
        ),
        sessions=sessions,
    )
    problems.install(app)
    transactions.install(app, sessions)
    callers.install(app, TokenVerifier(ring.fetch, issuer=settings.issuer, audience="identity"))
    limits.install(
        app,
        Limiter(redis, settings.redis_prefix, keys.secret),
        reads=settings.reads,
        writes=settings.writes,
        confirmations=settings.confirmations,
    )
    app.include_router(http.router)
    health.install(app, bus)
    told = metrics.install(app, bus=bus, engine=engine, relay=relay)
    return app
