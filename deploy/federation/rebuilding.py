"""A stopped region's forum filled anew from its topics: only its Kafka and the forum's database run meanwhile."""

from pathlib import Path
from typing import Any

import uvloop

from deploy import collector
from deploy.embedded import composition, jars
from deploy.embedded.addresses import REGION_FILE, Addresses
from deploy.embedded.kafka import Kafka
from deploy.embedded.postgres import Postgres
from deploy.embedded.supervisor import UNFINISHED_REBUILD, Supervisor
from services.forum.rebuilding import Tell, rebuild
from shared.database.engine import make_engine, make_sessions
from shared.database.migrations import migrate
from shared.region import load_region

FORUM = "forum"
NOWHERE, NO_REDIS = "http://127.0.0.1:9", "redis://127.0.0.1:9"  # neither identity nor Redis is asked


def rebuild_region(data: Path, tell: Tell) -> int:
    """Rebuild the forum of the region in `data`; returns how many rows no topic knows of, which are gone.

    Raises StartFailure, also where the region runs; KafkaError.
    """
    supervisor = Supervisor(data)
    supervisor.take_data_folder()
    try:
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
        unfinished.touch()
        collector.settle()
        gone = await rebuild(consumer, make_sessions(database), settings.kafka, tell)
        unfinished.unlink()
        return gone
    finally:
        await database.dispose()
