"""What stays at home: all that a region knows of cafés."""

from typing import Any

import asyncpg

from shared.contracts.topics import COMMUNITIES, GATHERINGS
from tests.federation.records import said_in
from tests.federation.regions import Pair

TABLES = ("communities", "gatherings", "answers", "check_ins", "called_names")


async def cafes(pair: Pair) -> dict[tuple[str, str], Any]:
    """By region, and table or topic."""
    found: dict[tuple[str, str], Any] = {}
    for name, region in pair.regions.items():
        connection = await asyncpg.connect(region.engines["postgres"]["events"])
        try:
            for table in TABLES:
                rows = await connection.fetch(f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1")
                found[name, table] = [row[0] for row in rows]
        finally:
            await connection.close()
        for topic, said in (await said_in(region, (COMMUNITIES, GATHERINGS))).items():
            found[name, topic] = said
    return found
