"""PostgreSQL gone, full, or with no connection left: clear answers meanwhile, nothing lost and nothing set aside after."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from deploy.embedded.postgres import Postgres
from shared.bus.facts import subscribe_facts
from shared.contracts.payloads.notices import NoticeAddressed
from shared.outbox.relay import Relay
from tests import tried
from tests.bus.conftest import Service, eventually, note_down, running
from tests.bus.test_relay import add, relaying, titles
from tests.faults.conftest import Breakable
from tests.forum.conftest import running as running_forum
from tests.forum.conftest import settings_for
from tests.forum.people import Person, Place
from tests.tokens import Issuer

NOTICE = NoticeAddressed(category="replies", urgency="ordinary")
POST = {"body": "Is anybody there?"}


def refused_clearly(answer: httpx.Response) -> bool:
    """A problem that says: not now, come again."""
    return (
        answer.status_code == 503
        and answer.headers["content-type"].startswith("application/problem+json")
        and answer.json()["type"] == "/problems/not-now"
        and int(answer.headers["retry-after"]) > 0
    )


async def writes(person: Person, thread: Any, key: str | None = None) -> httpx.Response:
    return await person.ask("POST", f"/threads/{thread['id']}/posts", POST, key=key)


async def test_consumers_and_relay_outlast_a_stop_of_the_database_and_set_nothing_aside(
    service: Service, engines: Breakable, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than any pause between attempts, and than the session that Kafka allows its members.
    monkeypatch.setattr("shared.bus.progress.LONGEST_BACK_OFF", 0.5)
    monkeypatch.setattr("shared.outbox.relay.LONGEST_BACK_OFF", 0.5)
    monkeypatch.setattr("shared.bus.broker.SESSION_TIMEOUT_MS", 6_000)
    group = service.group("outlasting")
    bus = service.bus()
    consumer = subscribe_facts(bus, service.facts, group=group, apply=note_down)
    await add(service, "before")
    async with relaying(Relay("forum", service.settings)) as relay, running(bus):
        await service.put(service.facts.name, NOTICE, key=b"before")
        await eventually(lambda: service.has("SELECT 1 FROM notes"))
        await add(service, "waiting")
        await engines.stop(Postgres)
        for number in range(20):
            await service.put(service.facts.name, NOTICE, key=b"%d" % number, partition=number % 2)
        await eventually(lambda: consumer.progress.failures > 12)
        await eventually(lambda: relay.failing)
        assert bus.health().live, "trying again is progress"
        assert not bus.health().ready
        await engines.start(Postgres)
        await eventually(lambda: service.has("SELECT 1 FROM notes HAVING count(*) = 21"))
        await eventually(lambda: service.has("SELECT 1 FROM outbox_sent HAVING count(*) = 2"))
        await eventually(lambda: bus.health().ready and bus.health().lag == {group: 0})
    assert await service.dead_letters() == []
    assert list(dict.fromkeys(await titles(service))) == ["before", "waiting"]
    tried.count("faults", "engines stopped, killed or hung")


async def test_requests_are_refused_clearly_while_the_database_is_away(engines: Breakable) -> None:
    issuer = Issuer()
    settings = await settings_for(engines)
    async with running_forum(settings, issuer) as app, Place(app, issuer, settings) as place:
        ada = await place.member("Ada")
        thread = await ada.opens()
        key = uuid4().hex
        await engines.stop(Postgres)  # not killed: these engines don't wait for the disk
        assert refused_clearly(await writes(ada, thread, key))
        assert refused_clearly(await ada.ask("GET", "/threads"))
        starting = asyncio.create_task(engines.start(Postgres))
        answers: list[httpx.Response] = []
        while not answers or answers[-1].status_code == 503:
            answers.append(await writes(ada, thread, key))  # while it starts, it refuses by itself
            await asyncio.sleep(0.005)
        await starting
        assert answers[-1].status_code == 201, answers[-1].text
        assert all(refused_clearly(answer) for answer in answers[:-1]), {a.status_code for a in answers}
        await place.database.close()
        place.database = await _anew(place)
        assert len((await ada.reads(thread))["posts"]) == 2, "once, however often it was asked for"
    tried.count("faults", "engines stopped, killed or hung")


async def _anew(place: Place) -> Any:
    return await asyncpg.connect(Breakable.plain(place.settings.database_url.get_secret_value()))


async def test_an_exhausted_pool_is_said_clearly_and_recovers(
    engines: Breakable, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = Issuer()
    settings = await settings_for(engines, database_pool=2)
    async with running_forum(settings, issuer) as app, Place(app, issuer, settings) as place:
        ada = await place.member("Ada")
        thread = await ada.opens()
        engine = app.state.sessions.kw["bind"]
        engine.pool._timeout = 0.2
        held = [await engine.connect() for _ in range(2)]
        try:
            assert refused_clearly(await writes(ada, thread))
            assert refused_clearly(await ada.ask("GET", "/threads"))
        finally:
            for connection in held:
                await connection.close()
        assert (await writes(ada, thread)).status_code == 201
    tried.count("faults", "pools exhausted")


async def test_a_server_without_connections_left_is_said_clearly_and_recovers(engines: Breakable) -> None:
    issuer = Issuer()
    settings = await settings_for(engines)
    async with running_forum(settings, issuer) as app, Place(app, issuer, settings) as place:
        ada = await place.member("Ada")
        thread = await ada.opens()
        superuser = await asyncpg.connect(await engines.superuser())
        try:
            await superuser.execute("ALTER ROLE forum CONNECTION LIMIT 1")
            await app.state.sessions.kw["bind"].dispose()
            assert refused_clearly(await writes(ada, thread))
        finally:
            await superuser.execute("ALTER ROLE forum CONNECTION LIMIT -1")
            await superuser.close()
        assert (await writes(ada, thread)).status_code == 201
    tried.count("faults", "pools exhausted")
