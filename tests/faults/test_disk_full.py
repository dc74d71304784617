"""The disk under the outbox's database is full: a write is refused clearly, whole, and works again when there is room."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.embedded import guard
from deploy.embedded.postgres import Postgres
from deploy.embedded.processes import Register
from tests import tried
from tests.engines import PASSWORD, Embedded, Engines
from tests.faults.test_postgres_away import refused_clearly, writes
from tests.forum.conftest import running, settings_for
from tests.forum.people import Place
from tests.tokens import Issuer

SMALL_DISK = """mount -t tmpfs -o size=96m,mode=700 tmpfs "$0" && cp -a "$0.seed/." "$0" && exec "$@" """
FILL = "INSERT INTO ballast SELECT repeat(md5(n::text), 60) FROM generate_series(1, 100) AS n"


class OnASmallDisk(Embedded):
    """PostgreSQL's data in a file system of 96 MB that nobody else sees."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.register = Register(home / "processes.json")
        self.guard = guard.watch(home, self.register)
        self.started = []

    def postgres(self) -> str:
        cluster = Postgres("small", home=self.home, register=self.register, password=PASSWORD, durable=False)
        cluster._initialise()
        data = cluster.way.data
        data.rename(f"{data}.seed")
        data.mkdir(mode=0o700)
        mounted = ("unshare", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, str(data))
        cluster.way = replace(cluster.way, prefix=(*mounted, *cluster.way.prefix))
        self.started.append(cluster)
        cluster.start()
        return cluster.superuser().plain


@pytest.fixture
async def small(engines: Engines, tmp_path: Path) -> AsyncIterator[Engines]:
    """Engines whose database has little room, with the Redis of the others."""
    backend = OnASmallDisk(tmp_path)
    made = Engines(backend)
    made.__dict__["_redis"] = engines._redis
    try:
        yield made
    finally:
        await asyncio.to_thread(backend.close)


async def _fill(superuser: Any) -> None:
    with contextlib.suppress(asyncpg.DiskFullError):
        while True:
            await superuser.execute(FILL)


async def test_a_full_disk_refuses_writes_clearly_and_recovers(small: Engines) -> None:
    issuer = Issuer()
    settings = await settings_for(small)
    async with running(settings, issuer) as app, Place(app, issuer, settings) as place:
        ada = await place.member("Ada")
        thread = await ada.opens()
        superuser = await asyncpg.connect(await small.superuser())
        await superuser.execute("CREATE UNLOGGED TABLE ballast (t text STORAGE PLAIN)")
        await _fill(superuser)
        written = 0
        while (answer := await writes(ada, thread)).status_code == 201:
            written += 1  # into the room that its tables' last pages have
        assert refused_clearly(answer), answer.text
        assert len((await ada.reads(thread, limit=100))["posts"]) == min(written + 1, 100), "reading goes on"
        outbox = await place.rows("SELECT count(*) AS count FROM outbox WHERE topic LIKE '%posts%'")
        posts = await place.rows("SELECT count(*) AS count FROM posts")
        assert outbox == posts, "never one without the other"
        await superuser.execute("DROP TABLE ballast")
        await superuser.execute("CHECKPOINT")
        await superuser.close()
        assert (await writes(ada, thread)).status_code == 201
    tried.count("faults", "full disks")
