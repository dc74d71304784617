"""The engines that all other tests stand on."""

import asyncpg
import pytest
import redis.asyncio
from aiokafka.admin import AIOKafkaAdminClient
from redis.exceptions import NoPermissionError, ResponseError

from shared.contracts.topics import CATALOGUE
from tests.engines import Engines


async def test_a_service_can_enter_only_its_own_database(engines: Engines) -> None:
    forum = engines.plain(await engines.database("forum", migrated=False))
    events = engines.plain(await engines.database("events", migrated=False))

    connection = await asyncpg.connect(forum)
    assert await connection.fetchval("SELECT current_user") == "forum"
    await connection.close()

    elsewhere = f"{forum.rpartition('/')[0]}/{events.rpartition('/')[2]}"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(elsewhere)


async def test_a_service_sees_only_its_own_keys_in_redis(engines: Engines) -> None:
    async with redis.asyncio.Redis.from_url(engines.redis_url("forum")) as client:
        await client.set("forum:a", "1")
        with pytest.raises(NoPermissionError):
            await client.get("events:a")


@pytest.mark.parametrize(
    "command", ["SCAN 0", "RANDOMKEY", "KEYS *", "CLIENT TRACKING ON BCAST", "CLIENT LIST", "MONITOR", "INFO"]
)
async def test_a_service_hears_of_no_other_services_keys_in_redis(engines: Engines, command: str) -> None:
    async with redis.asyncio.Redis.from_url(engines.redis_url("forum")) as client:
        with pytest.raises(NoPermissionError):
            await client.execute_command(*command.split())  # type: ignore[no-untyped-call]


async def test_redis_keeps_no_second_in_which_a_key_was_used(engines: Engines) -> None:
    async with redis.asyncio.Redis.from_url(engines.redis_url("forum")) as client:
        await client.set("forum:b", "1", ex=60)
        with pytest.raises(ResponseError, match="idle time not tracked"):
            await client.object("IDLETIME", "forum:b")


async def test_fresh_topics_are_those_of_the_catalogue(engines: Engines) -> None:
    await engines.topics_applied()
    await engines.fresh_kafka_topics()
    admin = AIOKafkaAdminClient(bootstrap_servers=engines.kafka)
    await admin.start()
    try:
        names = {name for name in await admin.list_topics() if not name.startswith("__")}
    finally:
        await admin.close()
    assert names == {topic.name for topic in CATALOGUE}
