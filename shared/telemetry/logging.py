"""JSON log lines through an allow-list of keys: what isn't listed here can't be logged (DESIGN §1, rule 5).

Our own lines say a fixed sentence and listed keys; ids, addresses and e-mail addresses that slip into a value
are cut out. Lines of libraries say only which line of which library spoke, never its words: those hold
payloads, record keys and parameters.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from functools import partial
from types import TracebackType
from typing import Any, TextIO

import structlog

ALLOWED = frozenset(
    {
        "attempt",
        "consumer",
        "count",
        "error",
        "event",
        "level",
        "library",
        "method",
        "port",
        "route",
        "seconds",
        "service",
        "sqlstate",
        "status",
        "timestamp",
        "topic",
        "type",
        "where",
    }
)
LONGEST_VALUE = 200
PERSONAL = re.compile(
    r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"  # any id
    r"|[^\s@]+@[^\s@]+"  # e-mail, and user:password@host
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"  # network address
)
SILENT = ("uvicorn.access", "sqlalchemy.engine", "sqlalchemy.pool", "faststream", "httpx", "httpcore")


def configure(service: str, *, stream: TextIO | None = None) -> None:
    """Send all log lines of this process, ours and the libraries', to `stream` (default: standard output).

    `service` names lines that don't name one themselves.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%SZ", utc=True),
            _describe_exception,
            partial(_only_what_is_allowed, service),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stdout),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_LibraryLines()]
    root.setLevel(logging.WARNING)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    logging.captureWarnings(True)


def describe(error: BaseException) -> dict[str, str]:
    """What to log of an error: its class and line of code, never its message, which may quote what it met."""
    said = {"error": type(error).__qualname__}
    if where := _where(error.__traceback__):
        said["where"] = where
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    if isinstance(state, str):
        said["sqlstate"] = state
    return said


def _where(traceback: TracebackType | None) -> str | None:
    innermost = None
    while traceback is not None:
        frame = traceback.tb_frame
        place = f"{frame.f_globals.get('__name__', '?')}:{traceback.tb_lineno}"
        if innermost is None or place.startswith(("services.", "shared.", "deploy.")):
            innermost = place
        traceback = traceback.tb_next
    return innermost


def _describe_exception(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event.update(describe(error))
    return event


def _only_what_is_allowed(
    service: str, _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {"service": service} | {key: _harmless(value) for key, value in event.items() if key in ALLOWED}


def _harmless(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    return PERSONAL.sub("[cut]", str(value))[:LONGEST_VALUE]


class _LibraryLines(logging.Handler):
    """Says which library spoke and where in its code, without its words."""

    def emit(self, record: logging.LogRecord) -> None:
        said: dict[str, Any] = {"library": record.name, "where": f"{record.module}:{record.lineno}"}
        if record.exc_info and record.exc_info[1] is not None:
            said["error"] = type(record.exc_info[1]).__qualname__
        structlog.get_logger().log(min(record.levelno, logging.CRITICAL), "a library reported", **said)
