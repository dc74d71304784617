"""What the suites and an operator watch: it grows when something is wrong and is nought when nothing is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from shared.api import metrics, problems
from shared.bus.broker import make_broker
from shared.bus.bus import Bus
from shared.bus.facts import subscribe_facts
from shared.contracts.payloads.activity import PostWritten
from shared.contracts.payloads.notices import NoticeAddressed
from shared.contracts.topics import ACTIVITY
from shared.database.engine import make_engine, make_sessions
from shared.outbox import add
from shared.outbox.relay import Relay
from shared.settings import KafkaSettings
from shared.telemetry.requests import CountRequests, Requests
from tests.bus.conftest import Service, eventually, note_down, running, service
from tests.telemetry.scraping import Scrape, scrape

__all__ = ["service"]

NOTICE = NoticeAddressed(category="replies", urgency="ordinary")
NOWHERE = "127.0.0.1:9"
Look = Callable[[], Awaitable[Scrape]]


@asynccontextmanager
async def told(service: Service, bus: Bus, relay: Relay | None = None) -> AsyncIterator[Look]:
    """A service's `/metrics`, exact, with a look before each scrape."""
    app = FastAPI()
    looking = metrics.install(app, bus=bus, engine=service.engine, relay=relay, exact=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        yield lambda: scrape(client, looking)


def quick(service: Service) -> Bus:
    """A bus whose metrics count as waiting what has waited for a twentieth of a second."""
    service.settings = service.settings.model_copy(update={"metrics_seconds": 0.05})
    return service.bus()


async def test_rows_and_their_age_grow_while_nobody_publishes_and_are_nought_after(service: Service) -> None:
    relay = Relay(service.name, service.settings)
    topic = ACTIVITY["forum"]
    async with told(service, quick(service), relay) as look:
        async with service.sessions() as session, session.begin():
            for _ in range(3):
                await add.add(session, topic, uuid4(), PostWritten())
        assert (await look()).get("peercafe_outbox_rows") == 0, "they may be sent before anybody looks again"
        first, second = await look(), await look()
        assert first.get("peercafe_outbox_rows") == second.get("peercafe_outbox_rows") == 3
        ages = [one.get("peercafe_outbox_oldest_row_age_seconds") or 0 for one in (first, second)]
        assert 0 < ages[0] < ages[1]
        assert first.get("peercafe_outbox_published_records_total", topic=topic.name) is None
        publishing = asyncio.create_task(relay.run())
        try:
            await eventually(lambda: relay.published[topic.name] == 3)

            async def settled() -> bool:  # a moment after Kafka has them
                return (await look()).get("peercafe_outbox_rows") == 0

            await eventually(settled)
            after = await look()
        finally:
            publishing.cancel()
            with suppress(asyncio.CancelledError):
                await publishing
    assert after.get("peercafe_outbox_published_records_total", topic=topic.name) == 3
    assert after.get("peercafe_outbox_rows") == 0
    assert after.get("peercafe_outbox_oldest_row_age_seconds") == 0
    assert after.get("peercafe_relay_failing") == 0


async def test_a_poison_record_is_counted_and_stands_among_the_dead_letters(service: Service) -> None:
    group, bus = service.group("poisoned"), quick(service)
    subscribe_facts(bus, service.facts, group=group, apply=note_down)
    queue = f"dlq.{service.name}"
    async with running(bus), told(service, bus) as look:
        before = (await look()).get("peercafe_dead_letter_records", topic=queue)
        assert before is not None
        await service.put(service.facts.name, headers=[], value=b"poison")
        await service.put(service.facts.name, NOTICE, key=b"good")
        await eventually(lambda: service.has("SELECT 1 FROM notes WHERE key = 'good'"))
        labels = {"consumer": group, "topic": service.facts.name}

        async def refused() -> bool:  # perhaps in another partition, and later
            return (await look()).get(
                "peercafe_refused_records_total", **labels, reason="envelope"
            ) is not None

        await eventually(refused)
        after = await look()
        assert after.get("peercafe_dead_letter_records", topic=queue) == before + 1
        assert after.get("peercafe_refused_records_total", **labels, reason="envelope") == 1
        assert after.get("peercafe_inbox_duplicates_total", consumer=group) == 0


async def test_a_fact_that_comes_again_is_counted(service: Service) -> None:
    group, bus, twice = service.group("twice"), quick(service), uuid4()
    subscribe_facts(bus, service.facts, group=group, apply=note_down)
    async with running(bus), told(service, bus) as look:
        await service.put(service.facts.name, NOTICE, event_id=twice)
        await service.put(service.facts.name, NOTICE, event_id=twice)
        await service.put(service.facts.name, NOTICE, key=b"last")
        await eventually(lambda: service.has("SELECT 1 FROM notes WHERE key = 'last'"))
        assert (await look()).get("peercafe_inbox_duplicates_total", consumer=group) == 1


async def test_records_wait_visibly_while_their_consumer_hangs_and_not_after(service: Service) -> None:
    group, bus, goes_on = service.group("hanging"), quick(service), asyncio.Event()

    async def apply(session: AsyncSession, received: list[Any]) -> None:
        await goes_on.wait()
        await note_down(session, received)

    consumer = subscribe_facts(bus, service.facts, group=group, apply=apply)
    labels = {"consumer": group, "topic": service.facts.name}
    async with running(bus), told(service, bus) as look:

        async def lag() -> float | None:
            return (await look()).get("peercafe_consumer_lag_records", **labels)

        async def is_lag(count: int) -> bool:
            return await lag() == count

        await eventually(lambda: is_lag(0))
        for _ in range(3):
            await service.put(service.facts.name, NOTICE)
        assert await lag() == 0, "nobody has looked since they came"
        assert await lag() == 3, "also what is in hand is not acknowledged"
        await eventually(lambda: consumer.progress.busy)

        async def stands() -> bool:
            return (
                (await look()).get("peercafe_consumer_without_progress_seconds", consumer=group) or 0
            ) > 0.1

        await eventually(stands)
        goes_on.set()
        await eventually(lambda: is_lag(0))
        assert (await look()).get("peercafe_consumer_without_progress_seconds", consumer=group) == 0


async def test_a_consumer_that_fails_says_how_often(service: Service) -> None:
    group, bus, works = service.group("failing"), quick(service), asyncio.Event()

    async def apply(session: AsyncSession, received: list[Any]) -> None:
        if not works.is_set():
            raise ConnectionError

    subscribe_facts(bus, service.facts, group=group, apply=apply)
    async with running(bus), told(service, bus) as look:

        async def failures() -> float:
            return (await look()).get("peercafe_consumer_failed_attempts", consumer=group) or 0

        await service.put(service.facts.name, NOTICE)

        async def is_failing() -> bool:
            return await failures() >= 2

        async def is_well() -> bool:
            return await failures() == 0

        await eventually(is_failing)
        works.set()
        await eventually(is_well)


async def test_engines_that_dont_answer_are_down_and_everything_else_is_told(service: Service) -> None:
    kafka = KafkaSettings(bootstrap_servers=NOWHERE)
    service.settings = service.settings.model_copy(update={"kafka": kafka})
    await service.engine.dispose()
    service.engine = make_engine(f"postgresql+asyncpg://nobody@{NOWHERE}/nothing")
    bus = Bus(make_broker(kafka, "away"), make_sessions(service.engine), service.name, service.settings)
    subscribe_facts(bus, service.facts, group="away", apply=note_down)
    async with told(service, bus) as look:
        said = await look()
    assert said.get("peercafe_engine_up", engine="database") == 0
    assert said.get("peercafe_engine_up", engine="kafka") == 0
    assert said.get("peercafe_outbox_rows") is None, "unknown isn't nought"
    assert said.get("peercafe_consumer_failed_attempts", consumer="away") == 0
    assert said.get("process_start_time_seconds")


async def test_connections_in_use_are_told_in_quarters_of_the_pool(service: Service) -> None:
    async with told(service, quick(service)) as look:
        assert (await look()).get("peercafe_database_pool_used_ratio") == 0
        async with service.engine.connect(), service.engine.connect(), service.engine.connect():
            said = await look()
        assert said.get("peercafe_database_pool_used_ratio") == 0.75
        assert said.get("peercafe_engine_up", engine="database") == 1


async def test_only_errors_of_ours_and_of_engines_are_faults() -> None:
    app, requests = FastAPI(), Requests()
    problems.install(app)
    app.add_middleware(CountRequests, requests=requests)
    errors = {"bug": ZeroDivisionError, "away": ConnectionError, "theirs": problems.NotFound}

    @app.get("/{kind}")
    async def fail(kind: str) -> None:
        if kind == "gone":
            await asyncio.Event().wait()
        raise errors[kind]()

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        for kind in ("bug", "away", "away", "theirs"):
            await client.get(f"/{kind}")
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.get("/gone")
    faults = {sample.labels["status"]: sample.value for sample in requests.faults().samples}
    assert faults == {"500": 1, "503": 2}
    counts = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for family in requests.acts(exact=True)
        for sample in family.samples
        if sample.name == "peercafe_http_requests_total"
    }
    assert counts == {("/{kind}", "5xx"): 3, ("/{kind}", "4xx"): 1}, "whoever goes away is no fault"
