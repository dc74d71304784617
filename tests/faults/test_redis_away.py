"""Redis gone or hanging: guessing stays slow, everything else goes on."""

import time
from collections.abc import AsyncIterator

import pytest

from shared import clock
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
SOON = 4.0  # seconds a request may take longer while nobody answers


@pytest.fixture
async def identity(settings, web_key) -> AsyncIterator[Identity]:  # type: ignore[no-untyped-def]  # noqa: F811
    async with running_identity(settings, web_key) as service:
        yield service


@pytest.mark.parametrize("how", AWAY)
async def test_guessing_stays_slow_without_redis(identity: Identity, engines: Breakable, how: str) -> None:
    person = await identity.joined()
    with clock.stopped_at(clock.now()):
        with engines.without_redis(how):
            began = time.monotonic()
            assert await fail(person, 6) == [None] * 5 + [1]
            assert time.monotonic() - began < 6 * SOON
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
            began = time.monotonic()
            await ada.replies(thread)
            assert len((await ada.reads(thread))["posts"]) == 2
            assert time.monotonic() - began < 3 * SOON
        await ada.replies(thread)
    tried.count("faults", "engines stopped, killed or hung")
