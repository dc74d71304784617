"""A stop of the machine is told from a stop of the region, and only after it the last day goes out again."""

from pathlib import Path

import asyncpg

from deploy.embedded.addresses import Addresses
from deploy.embedded.power_cut import BootMark, publish_last_day
from deploy.embedded.secrets import SERVICES
from tests.engines import Engines


def test_only_another_run_of_the_machine_is_a_power_cut(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("a\n")
    second.write_text("b\n")
    assert not BootMark(tmp_path, first).machine_stopped(), "never open before"
    BootMark(tmp_path, first).set()
    assert not BootMark(tmp_path, first).machine_stopped(), "kill -9 of the region"
    assert BootMark(tmp_path, second).machine_stopped()
    BootMark(tmp_path, first).clear()
    assert not BootMark(tmp_path, second).machine_stopped(), "stopped cleanly before"


async def test_after_a_power_cut_what_was_sent_waits_in_the_outbox_again(
    engines: Engines, tmp_path: Path
) -> None:
    databases = {name: engines.plain(await engines.database(name)) for name in SERVICES}
    connection = await asyncpg.connect(databases["forum"])
    try:
        await connection.execute(
            "INSERT INTO outbox_sent (event_id, topic, key, type, occurred_at, payload, position, sent_on)"
            " VALUES (gen_random_uuid(), 'shared.forum.posts.v1', 'k', 't', '2026-01-01Z', '{}', 7, '2026-01-01')"
        )
        assert await publish_last_day(Addresses(tmp_path, databases, "", "", "")) == 1
        assert await connection.fetchval("SELECT seq FROM outbox") == 7
        assert await connection.fetchval("SELECT count(*) FROM outbox_sent") == 0
    finally:
        await connection.close()
