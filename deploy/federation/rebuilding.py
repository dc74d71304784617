"""A stopped region's forum filled anew from its topics: only its Kafka and the forum's database run meanwhile."""

from pathlib import Path
from typing import Any

import uvloop

from deploy import collector
from deploy.embedded import composition, jars
from deploy.embedded.addresses import REGION_FILE, Addresses
from deploy.embedded.errors import StartFailure
from deploy.embedded.kafka import Kafka, cluster_in
from deploy.embedded.postgres import Postgres
from deploy.embedded.supervisor import UNFINISHED_REBUILD, UNFINISHED_RESTORE, Supervisor
from services.forum.rebuilding import Tell, TopicsIncomplete, rebuild
from shared.database.engine import make_engine, make_sessions
from shared.database.migrations import migrate
from shared.region import load_region

FORUM = "forum"
NOT_COMPLETE = (
    "Nothing was rebuilt, and nothing is lost: {}, so the topics may lack what only the database has. Start the region once, "
    "so that it sends them what they lack, then stop and rebuild it."
)
NO_MORE = "The rebuild that was begun can't be finished: {}. The forum comes back from a backup (`peercafe restore --replace`)."
NOWHERE, NO_REDIS = "http://127.0.0.1:9", "redis://127.0.0.1:9"  # neither identity nor Redis is asked


def rebuild_region(data: Path, tell: Tell) -> int:
    """Rebuild the forum of the region in `data`; returns how many rows no topic knows of, which are gone.

    Raises StartFailure, also where the region runs, or its topics may lack what the database has; KafkaError.
    """
    supervisor = Supervisor(data)
    supervisor.take_data_folder()
    try:
        if (supervisor.data / UNFINISHED_RESTORE).exists():
            raise StartFailure(f"A restore of {data} wasn't finished; run `peercafe restore` once more.")
        if cluster_in(supervisor.data) is None:
            raise _refusal(supervisor.data, f"there is no Kafka in {data}")
        supervisor.prepare(supervisor.data / REGION_FILE)
        register, secrets = supervisor.register, supervisor.secrets
        postgres = Postgres(FORUM, home=supervisor.data, register=register, password=secrets.superuser[FORUM])
        kafka = Kafka(home=supervisor.data, register=register, jars=jars.fetch())
        try:
            for engine in (postgres, kafka):
                engine.start()
            dsn = postgres.set_up(FORUM, secrets.database[FORUM])
            engines = Addresses(supervisor.data, {FORUM: dsn.plain}, NO_REDIS, kafka.bootstrap, NOWHERE)
            return uvloop.run(_rebuild(engines, tell))
        finally:
            for engine in (kafka, postgres):
                engine.stop()
    finally:
        supervisor.release()


async def _rebuild(engines: Addresses, tell: Tell) -> int:
    await migrate(engines.database(FORUM), FORUM)
    file = engines.data / REGION_FILE
    settings = composition.service_settings(
        FORUM, engines, region=load_region(file).id, region_file=file, inner=NOWHERE
    )
    app: Any = composition.service_app(FORUM, settings)
    database = make_engine(engines.database(FORUM), pool=2, application="rebuild")
    try:
        consumer = app.state.bus.consumers["forum.replicas"]
        unfinished = engines.data / UNFINISHED_REBUILD
        collector.settle()
        gone = await rebuild(consumer, make_sessions(database), settings.kafka, unfinished.touch, tell)
        unfinished.unlink()
        return gone
    except TopicsIncomplete as reason:
        raise _refusal(engines.data, str(reason)) from None
    finally:
        await database.dispose()


def _refusal(data: Path, reason: str) -> StartFailure:
    is_begun = (data / UNFINISHED_REBUILD).exists()
    return StartFailure((NO_MORE if is_begun else NOT_COMPLETE).format(reason))
