"""What engines write beside the tables keeps no history of clock times: PostgreSQL's log, Kafka's consumer offsets."""

from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.embedded.postgres import Postgres
from deploy.embedded.processes import Register
from tests.region.running import RunningRegion


def write_ahead_log(cluster: Postgres) -> bytes:
    """All segments that are still there."""
    return b"".join(
        path.read_bytes() for path in (cluster.way.data / "pg_wal").iterdir() if len(path.name) == 24
    )


def test_an_old_segment_of_the_write_ahead_log_is_deleted_not_renamed(tmp_path: Path) -> None:
    cluster = Postgres(
        "events", home=tmp_path, register=Register(tmp_path / "p.json"), password="x", durable=False
    )
    try:
        cluster.start()
        assert cluster.psql("SHOW archive_timeout; SHOW checkpoint_timeout").split() == ["5min", "5min"]
        cluster.psql("CREATE TABLE words (word text)")
        cluster.psql("SET synchronous_commit = on; INSERT INTO words VALUES ('an old commit')")
        assert b"an old commit" in write_ahead_log(cluster)
        # What the two timeouts do.
        cluster.psql("SELECT pg_switch_wal(); CHECKPOINT;")
        assert b"an old commit" not in write_ahead_log(cluster)
    finally:
        cluster.stop()


@pytest.mark.timeout(400)
async def test_old_consumer_offsets_go_soon(region: RunningRegion) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=region.engines["kafka"])
    await admin.start()
    try:
        [answer] = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, "__consumer_offsets")]
        )
    finally:
        await admin.close()
    settings = {name: value for name, value, *_ in answer.resources[0][4]}
    assert settings["segment.bytes"] == str(2**20)
    assert settings["max.compaction.lag.ms"] == str(30 * 60 * 1000)
