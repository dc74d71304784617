"""DESIGN §1, rule 1: events, notifications and analytics keep dates; no order that tells when a member acted."""

import asyncpg
import pytest

from tests.engines import Engines

SERVICES = ("identity", "forum", "events", "notifications", "analytics")
DATES_ONLY = ("events", "notifications", "analytics")
# What has a clock time and may: an outbox row's time is cut to its topic's day, and a study is opened by an operator.
CLOCK_TIMES_ALLOWED = {
    ("outbox", "occurred_at"),
    ("outbox_sent", "occurred_at"),
    ("studies", "opened_at"),
    ("studies", "closed_at"),
}
ORDERED_ALLOWED = {("outbox", "seq")}  # goes with its row when published

COLUMNS = """
    SELECT table_name, column_name, data_type, column_default, is_identity
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
"""


async def columns(engines: Engines, service: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(engines.plain(await engines.database(service)))
    try:
        rows: list[asyncpg.Record] = await connection.fetch(COLUMNS)
    finally:
        await connection.close()
    assert len(rows) > 10
    return rows


@pytest.mark.parametrize("service", DATES_ONLY)
async def test_no_column_tells_the_clock_time_of_a_members_act(engines: Engines, service: str) -> None:
    telling = {
        (row["table_name"], row["column_name"])
        for row in await columns(engines, service)
        if row["data_type"].startswith(("timestamp", "time"))
        and not (
            service == "events"
            and row["table_name"] == "gatherings"
            and row["data_type"] == "timestamp without time zone"
        )  # a café's local wall time
    }
    assert telling <= CLOCK_TIMES_ALLOWED


@pytest.mark.parametrize("service", SERVICES)
async def test_no_column_is_filled_by_the_databases_clock(engines: Engines, service: str) -> None:
    clocks = ("now()", "current", "clock_timestamp", "statement_timestamp", "uuidv7", "uuid_generate_v1")
    assert not [
        (row["table_name"], row["column_name"])
        for row in await columns(engines, service)
        if row["column_default"] and any(clock in row["column_default"].lower() for clock in clocks)
    ]


@pytest.mark.parametrize("service", DATES_ONLY)
async def test_no_serial_number_tells_the_order_of_members_acts(engines: Engines, service: str) -> None:
    ordered = {
        (row["table_name"], row["column_name"])
        for row in await columns(engines, service)
        if row["is_identity"] == "YES" or (row["column_default"] or "").startswith("nextval")
    }
    assert ordered <= ORDERED_ALLOWED
