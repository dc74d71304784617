"""The logging of a process, configured as a service's for the length of a block."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import structlog

from shared.telemetry.logging import configure


@contextmanager
def logging_as(service: str, stream: TextIO) -> Iterator[None]:
    """All lines go to `stream`; at the end everything is as it was, so that nobody writes to a closed one."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure(service, stream=stream)
    try:
        yield
    finally:
        structlog.reset_defaults()
        logging.captureWarnings(False)
        root.handlers[:] = handlers
        root.setLevel(level)
