"""Counts the notices that a region's forum asks for, as it does so: on their way they are soon deleted."""

from collections import Counter

from shared.contracts.payloads.notices import NoticeRequested
from shared.contracts.topics import NOTICES_REQUESTED
from tests.federation.agreeing import forum_database
from tests.region.running import RunningRegion

LISTEN = f"""
CREATE TABLE IF NOT EXISTS overheard (alias uuid NOT NULL, category text NOT NULL);
CREATE OR REPLACE FUNCTION overhear() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO overheard VALUES (NEW.key::uuid, convert_from(NEW.payload, 'UTF8')::jsonb ->> 'category');
        RETURN NULL;
    END $$;
CREATE OR REPLACE TRIGGER overhear AFTER INSERT ON outbox FOR EACH ROW
    WHEN (NEW.topic = '{NOTICES_REQUESTED["forum"].name}' AND NEW.type = '{NoticeRequested.type}')
    EXECUTE FUNCTION overhear();
"""


async def listen(region: RunningRegion) -> None:
    """From now on."""
    async with forum_database(region) as connection:
        await connection.execute(LISTEN)


async def noticed(region: RunningRegion) -> Counter[tuple[str, str]]:
    """How many notices of each category were asked for, by forum alias."""
    async with forum_database(region) as connection:
        rows = await connection.fetch("SELECT alias::text, category FROM overheard")
    return Counter(tuple(row) for row in rows)
