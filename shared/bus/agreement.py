"""Which Kafka cluster this database was last compared with: the sign by which a service knows that it must read back."""

import asyncio

import asyncpg
from aiokafka.errors import KafkaError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.bus.broker import make_admin
from shared.settings import KafkaSettings

RESTORED = "?"  # before a cluster: this database comes from a backup; alone, nothing is known of its Kafka
ANSWER_SECONDS = 5.0
LOCK = 0x70656572_6261636B  # any constant: each service has a database of its own

AGREED = text("SELECT cluster FROM agreement")
AGREE = (
    "INSERT INTO agreement (cluster) VALUES ({}) ON CONFLICT (one) DO UPDATE SET cluster = excluded.cluster"
)
NOTE = text(AGREE.format(":cluster"))
# Plain SQL: for whoever restores, with whatever tool.
MARK_RESTORED = (
    f"INSERT INTO agreement (cluster) VALUES ('{RESTORED}')"  # noqa: S608 - a constant of ours
    f" ON CONFLICT (one) DO UPDATE SET cluster = '{RESTORED}' || agreement.cluster"
)


async def agreed_with(session: AsyncSession) -> str | None:
    """The cluster's id, after RESTORED in a restored database; None in a new one: what it begins with, it agrees with."""
    known: str | None = await session.scalar(AGREED)
    return known


def is_restored(known: str | None) -> bool:
    """Whether a database that says so comes from a backup and wasn't read back since."""
    return known is not None and known.startswith(RESTORED)


async def note_agreement(session: AsyncSession, cluster: str) -> None:
    """Database and topics agree from now on."""
    await session.execute(NOTE, {"cluster": cluster})


async def cluster_of(kafka: KafkaSettings) -> str:
    """The id that the cluster was given when it was made. Raises KafkaError, OSError or TimeoutError."""
    admin = make_admin(kafka, "read-back")
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await admin.start()
            return str((await admin.describe_cluster())["cluster_id"])
    finally:
        await admin.close()


async def wait_for_cluster(kafka: KafkaSettings) -> str:
    """`cluster_of`, as soon as Kafka answers."""
    while True:
        try:
            return await cluster_of(kafka)
        except (KafkaError, OSError):
            await asyncio.sleep(0.5)


async def hold_alone(database_url: str) -> asyncpg.Connection:
    """A connection that holds the lock until it is closed: of several processes that start, one reads back."""
    connection = await asyncpg.connect(
        database_url.replace("postgresql+asyncpg://", "postgresql://"),
        server_settings={"application_name": "read-back"},
    )
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
    return connection
