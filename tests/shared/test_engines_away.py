"""What a service answers when its database can't: 503 whichever way the statement went, 500 for a statement's fault."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from shared.api import problems, transactions
from shared.api.transactions import Session
from shared.database.engine import make_engine, make_sessions
from shared.database.statements import driver_of
from tests.engines import Engines


@pytest.fixture
async def client(engines: Engines) -> AsyncIterator[httpx.AsyncClient]:
    """A service that fails as PostgreSQL would, by SQLSTATE, through SQLAlchemy and on the driver itself."""
    engine = make_engine(await engines.database("notifications"), pool=2)
    app = FastAPI()
    problems.install(app)
    transactions.install(app, make_sessions(engine))

    @app.get("/through-sqlalchemy/{sqlstate}")
    async def through_sqlalchemy(sqlstate: str, session: Session) -> None:
        await session.execute(text(failing(sqlstate)))

    @app.get("/on-the-driver/{sqlstate}")
    async def on_the_driver(sqlstate: str, session: Session) -> None:
        await (await driver_of(session)).fetch(failing(sqlstate))

    @app.get("/cut-off")
    async def cut_off(session: Session) -> None:
        await (await driver_of(session)).fetch("SELECT pg_terminate_backend(pg_backend_pid())")

    @app.get("/too-slow")
    async def too_slow(session: Session) -> None:
        await session.execute(text("SET LOCAL transaction_timeout = '50ms'"))
        await (await driver_of(session)).fetch("SELECT pg_sleep(5)")

    @app.get("/no-argument-through-sqlalchemy")
    async def no_argument(session: Session) -> None:
        await session.execute(text("SELECT CAST(:number AS bigint)"), {"number": 2**63})

    @app.get("/wrong-argument")
    async def wrong_argument(session: Session) -> None:
        await (await driver_of(session)).fetch("SELECT $1::int", "not a number")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client
    await engine.dispose()


def failing(sqlstate: str) -> str:
    assert sqlstate.isalnum()
    return f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{sqlstate}'; END $$"


@pytest.mark.parametrize("way", ["through-sqlalchemy", "on-the-driver"])
@pytest.mark.parametrize("sqlstate", ["08006", "25P04", "40001", "40P01", "53100", "53300", "57014", "57P01"])
async def test_an_engine_that_is_away_is_a_503_however_the_statement_went(
    client: httpx.AsyncClient, way: str, sqlstate: str
) -> None:
    answer = await client.get(f"/{way}/{sqlstate}")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-now")
    assert int(answer.headers["retry-after"]) > 0
    assert "Idempotency-Key" in answer.json()["title"]
    assert "Nothing" not in answer.json()["title"]


@pytest.mark.parametrize("way", ["through-sqlalchemy", "on-the-driver"])
@pytest.mark.parametrize("sqlstate", ["22012", "23505", "25P02", "42P01"])
async def test_a_statements_own_fault_is_a_500(client: httpx.AsyncClient, way: str, sqlstate: str) -> None:
    assert (await client.get(f"/{way}/{sqlstate}")).status_code == 500


async def test_a_connection_cut_off_or_too_slow_a_statement_is_a_503_and_the_next_is_served(
    client: httpx.AsyncClient,
) -> None:
    for path in ("/cut-off", "/too-slow"):
        assert (await client.get(path)).status_code == 503, path
    for path in ("/wrong-argument", "/no-argument-through-sqlalchemy"):
        assert (await client.get(path)).status_code == 500, path
    assert (await client.get("/on-the-driver/23505")).status_code == 500
