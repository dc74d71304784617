"""Log lines hold what is on the list and nothing else."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import structlog
from sqlalchemy.exc import DBAPIError

from shared.telemetry.logging import describe
from tests.logs import logging_as

ALIAS = str(uuid4())


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The log of a configured process; everything is put back at the end."""
    stream = io.StringIO()
    with logging_as("forum", stream):
        yield stream


def logged(lines: io.StringIO) -> list[dict[str, Any]]:
    """What was written, line by line."""
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_a_key_that_isnt_listed_is_left_out(lines: io.StringIO) -> None:
    structlog.get_logger().info("something", topic="local.x.v1", alias=ALIAS, body="my secret", count=3)
    [line] = logged(lines)
    assert line["event"] == "something"
    assert (line["service"], line["topic"], line["count"], line["level"]) == (
        "forum",
        "local.x.v1",
        3,
        "info",
    )
    assert not {"alias", "body"} & set(line)


def test_ids_and_addresses_are_cut_out_of_what_is_listed(lines: io.StringIO) -> None:
    for personal in (ALIAS, ALIAS.replace("-", ""), "a.b@example.org", "192.0.2.7"):
        structlog.get_logger().error(f"saw {personal} here", route=f"/threads/{personal}")
        assert personal not in lines.getvalue()
    assert "[cut]" in lines.getvalue()


def test_an_exception_is_its_class_and_its_place_never_its_message(lines: io.StringIO) -> None:
    try:
        raise ValueError(f"{ALIAS} wrote something private")
    except ValueError:
        structlog.get_logger().exception("failed")
    [line] = logged(lines)
    assert line["error"] == "ValueError"
    assert line["where"].startswith("tests.telemetry.test_logging:")
    assert "private" not in lines.getvalue()


def test_libraries_speak_without_words(lines: io.StringIO) -> None:
    worded = f"Sending {ALIAS} private"
    for name in ("aiokafka.consumer", "asyncio", "uvicorn.error", "anything.else"):
        logging.getLogger(name).error("Sending (key=%s value=%s)", ALIAS, "private")
        logging.getLogger(name).error(worded)
        logging.getLogger(name).info("chatter")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"private {ALIAS}", stacklevel=1)
    assert len(logged(lines)) == 9
    assert {line["event"] for line in logged(lines)} == {"a library reported"}
    assert "private" not in lines.getvalue()
    assert ALIAS not in lines.getvalue()


@pytest.mark.parametrize("name", ["uvicorn.access", "sqlalchemy.engine.Engine", "faststream.access.kafka"])
def test_loggers_of_requests_statements_and_records_are_silent(lines: io.StringIO, name: str) -> None:
    logging.getLogger(name).critical("GET /threads/%s", ALIAS)
    assert lines.getvalue() == ""


def test_a_database_error_tells_its_sqlstate() -> None:
    class Refusal(Exception):
        sqlstate = "23505"

    error = DBAPIError("INSERT …", {"alias": ALIAS}, Refusal())
    assert describe(error) == {"error": "DBAPIError", "sqlstate": "23505"}
