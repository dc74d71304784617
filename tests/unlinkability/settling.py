"""Waiting until nothing is on its way any more, so that the scenario plays one thing at a time."""

import asyncio
import time
from contextlib import suppress
from datetime import datetime
from typing import Any, Self

import asyncpg

from shared.bus.broker import TopicConsumer, make_admin, make_consumer
from tests.unlinkability.stage import Stage

CLOSED_WITHIN = 10.0  # seconds
WRITERS = ("identity", "forum", "events", "analytics")


class Settling:
    """Connections for looking at every outbox, every topic and every consumer group."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.admin = make_admin(stage.kafka, "settling")
        self.consumer: TopicConsumer = make_consumer(stage.kafka, "settling")
        self.databases: dict[str, Any] = {}
        self.sources: dict[str, list[Any]] = {}  # consumer group → partitions

    async def __aenter__(self) -> Self:
        await self.admin.start()
        await self.consumer.start()
        for service, dsn in self.stage.databases.items():
            self.databases[service] = await asyncpg.connect(dsn)
        for bus in self.stage.buses:
            for group, consumer in bus.consumers.items():
                self.sources[group] = [
                    place for name in consumer.sources for place in await self.consumer.partitions(name)
                ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self.databases.values():
            await connection.close()
        # aiokafka can miss the cancellation by which it ends its own tasks, and then waits for ever.
        for close in (self.consumer.stop, self.admin.close):
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSED_WITHIN):
                    await close()

    async def held(self, table: str, due_by: datetime) -> int:
        """How many records the switchboard holds in `table` that are due by then."""
        count: int = await self.databases["identity"].fetchval(
            f"SELECT count(*) FROM {table} WHERE due_at <= $1", due_by
        )
        return count

    async def released(self, table: str, due_by: datetime, seconds: float = 120) -> None:
        """Return when the switchboard has let go of what was due by then."""
        deadline = time.monotonic() + seconds
        while await self.held(table, due_by):
            assert time.monotonic() < deadline, f"{table} still holds something after {seconds} s"
            await asyncio.sleep(0.02)

    async def settle(self, seconds: float = 120) -> None:
        """Return when all that was published is handled and nothing waits to be published."""
        deadline = time.monotonic() + seconds
        while not await self._is_settled():
            assert time.monotonic() < deadline, f"something is still on its way after {seconds} s"
            await asyncio.sleep(0.03)

    async def _is_settled(self) -> bool:
        # Whatever is in an outbox at the first look moves an end, or is there at the second: nothing slips between.
        if await self._waiting():
            return False
        ends = await self._ends()
        if not await self._handled(ends) or await self._waiting():
            return False
        return await self._ends() == ends

    async def _waiting(self) -> bool:
        found = await asyncio.gather(
            *(self.databases[one].fetchval("SELECT EXISTS (SELECT FROM outbox)") for one in WRITERS)
        )
        return any(found)

    async def _ends(self) -> dict[Any, int]:
        places = {place for partitions in self.sources.values() for place in partitions}
        ends: dict[Any, int] = await self.consumer.end_offsets(list(places))
        return ends

    async def _handled(self, ends: dict[Any, int]) -> bool:
        committed = await asyncio.gather(
            *(self.admin.list_consumer_group_offsets(group) for group in self.sources)
        )
        return all(
            not ends[place] or (place in known and known[place].offset >= ends[place])
            for partitions, known in zip(self.sources.values(), committed, strict=True)
            for place in partitions
        )
