"""The forum's composition root."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.forum import consumers, due, http, read_back
from services.forum.digests.metrics import Told
from services.forum.digests.rounds import Pace, Rounds
from services.forum.http.service import Service
from services.forum.ids import Home
from services.forum.policy import STANDS_AFTER
from services.forum.replicas.applying import Replicas
from services.forum.settings import Settings
from services.forum.use_cases.writers import Writers
from shared.api import callers, health, limits, metrics, problems, routes, transactions
from shared.api.limits import Limiter, make_redis
from shared.auth import FetchKeys, TokenVerifier, fetch_from
from shared.bus.broker import make_broker
from shared.bus.bus import Bus
from shared.bus.read_back import read_back as reading_back
from shared.database.engine import make_engine, make_sessions
from shared.database.statements import Statements
from shared.due import in_background, run_every
from shared.hlc import HybridLogicalClock
from shared.outbox.relay import Relay


def create_app(settings: Settings, fetch_keys: FetchKeys | None = None) -> FastAPI:
    """The service as an ASGI application. `fetch_keys` replaces asking identity for its public keys (tests)."""
    engine = make_engine(
        settings.database_url.get_secret_value(), pool=settings.database_pool, application="forum"
    )
    sessions, statements = make_sessions(engine), Statements(engine)
    redis = make_redis(settings.redis_url.get_secret_value())
    secret = settings.secret.get_secret_value().encode()
    home = Home(settings.region, HybridLogicalClock(), STANDS_AFTER if settings.neighbours else timedelta())
    replicas = Replicas(home, settings.neighbours)
    writers = Writers()
    relay = Relay("forum", settings, neighbours=settings.neighbours)
    verifier = TokenVerifier(
        fetch_keys or fetch_from(settings.identity_url), issuer=settings.issuer, audience="forum"
    )
    bus = Bus(make_broker(settings.kafka, "forum"), sessions, "forum", settings, relay.wake)
    pace = Pace(
        timedelta(seconds=settings.digests_seconds), timedelta(seconds=settings.digests_anyway_seconds)
    )
    digests = Rounds(sessions, statements, home, settings.neighbours, pace, relay.wake)
    consumers.subscribe(bus, settings, home, replicas, writers, verifier, digests.heard)
    due_work = due.DueWork(sessions, home, replicas, relay.wake, settings.neighbours)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as ends:  # in reverse: consumers first, the database last
            ends.push_async_callback(engine.dispose)
            ends.push_async_callback(redis.aclose)
            ends.push_async_callback(relay.close)
            await reading_back(bus, partial(read_back.compare, home=home))
            await _go_on_from_before(sessions, home)
            if settings.relay:
                in_background(ends, relay.run())
            if settings.consumers:
                # In a region alone nothing new waits.
                announcing = (
                    settings.announce_every_seconds if settings.neighbours else settings.tidy_every_seconds
                )
                for seconds, work, name in (
                    (settings.erase_every_seconds, due_work.erase, "erasures"),
                    (settings.pass_on_every_seconds, due_work.pass_on, "reports"),
                    (settings.release_held_every_seconds, due_work.release_held, "held records"),
                    (settings.tidy_every_seconds, due_work.tidy, "tidying"),
                    (settings.remind_every_seconds, due_work.remind, "reminders"),
                    (settings.release_held_every_seconds, due_work.project_again, "projections"),
                    (announcing, due_work.announce, "posts that stand now"),
                    (settings.digests_seconds, digests.round, "digests"),
                    (pace.moment.total_seconds(), digests.answer_when_heard, "answers to digests"),
                ):
                    in_background(ends, run_every(seconds, work, name=name))
            await bus.start()
            ends.push_async_callback(bus.stop)
            in_background(ends, run_every(settings.metrics_seconds, told.look, name="metrics"))
            yield

    app = FastAPI(title="Peercafe forum", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.service = Service(settings, statements, sessions, home, writers, secret, relay.wake)
    app.state.relay = relay
    problems.install(app)
    transactions.install(app, sessions)
    callers.install(app, verifier)
    limits.install(
        app,
        Limiter(redis, settings.redis_prefix, secret),
        reads=settings.reads,
        exports=settings.exports,
        posts=settings.posts,
        threads=settings.threads,
        profiles=settings.profiles,
        reports=settings.reports,
    )
    routes.install(app, http.routers)
    health.install(app, bus)
    told = metrics.install(app, bus=bus, engine=engine, statements=statements, relay=relay, exact=True)
    told.states.append(Told(sessions, replicas.refused, bus.consumers, settings.neighbours).look)
    return app


async def _go_on_from_before(sessions: async_sessionmaker[AsyncSession], home: Home) -> None:
    """Versions go on above all this region has given, also when the machine's clock was set back meanwhile."""
    async with sessions() as session:
        home.clock.observe(await due.highest_version(session, home.region))
