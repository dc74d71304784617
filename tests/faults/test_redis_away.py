"""Redis gone or hanging: guessing stays slow, everything else goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from redis.exceptions import TimeoutError as NoAnswer

from shared import clock
from shared.api.limits import REDIS_SECONDS, make_redis
from tests import tried
from tests.faults.conftest import Breakable
from tests.forum.conftest import running as running_forum
from tests.forum.conftest import settings_for
from tests.forum.people import Place
from tests.identity.conftest import Identity, home, settings, web_key  # noqa: F401 - fixtures
from tests.identity.conftest import running as running_identity
from tests.identity.test_throttling import fail
from tests.tokens import Issuer

AWAY = ("hangs", "is gone")


@pytest.fixture
async def identity(settings, web_key) -> AsyncIterator[Identity]:  # type: ignore[no-untyped-def]  # noqa: F811
    async with running_identity(settings, web_key) as service:
        yield service


@pytest.mark.parametrize("how", AWAY)
async def test_guessing_stays_slow_without_redis(identity: Identity, engines: Breakable, how: str) -> None:
    person = await identity.joined()
    with clock.stopped_at(clock.now()):
        with engines.without_redis(how):
            assert await fail(person, 6) == [None] * 5 + [1]
        assert (await person.sign_in()).status_code in {201, 429}
    tried.count("faults", "engines stopped, killed or hung")


@pytest.mark.parametrize("how", AWAY)
async def test_people_write_and_read_without_redis(engines: Breakable, how: str) -> None:
    issuer = Issuer()
    forum = await settings_for(engines)
    async with running_forum(forum, issuer) as app, Place(app, issuer, forum) as place:
        ada = await place.member("Ada")
        thread = await ada.opens()
        with engines.without_redis(how):
            await ada.replies(thread)
            assert len((await ada.reads(thread))["posts"]) == 2
        await ada.replies(thread)
    tried.count("faults", "engines stopped, killed or hung")


async def test_a_redis_that_never_answers_is_asked_once_more_and_no_longer_waited_for() -> None:
    asked = 0

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read()  # until whoever asks gives up
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as silent:
        host, port = silent.sockets[0].getsockname()
        async with aclosing(make_redis(f"redis://{host}:{port}")) as redis:
            with pytest.raises(NoAnswer):
                await redis.ping()
            waits = redis.connection_pool.connection_kwargs
    assert asked == 2
    assert waits["socket_timeout"] == waits["socket_connect_timeout"] == REDIS_SECONDS
