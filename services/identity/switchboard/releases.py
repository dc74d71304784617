"""How held records leave: all that are due, in an order that has nothing to do with how they came.

A held row is deleted in the transaction that adds its outbox rows: a crash loses none and sends none twice.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from secrets import SystemRandom
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

T = TypeVar("T")
Sessions = async_sessionmaker[AsyncSession]
BATCH = 500  # rows of one transaction, which must end within 5 s

_random = SystemRandom()


def shuffled(items: Iterable[T]) -> list[T]:
    """In an order nobody can foresee."""
    drawn = list(items)
    _random.shuffle(drawn)
    return drawn


def some_time_between(earliest: datetime, latest: datetime) -> datetime:
    """Any moment of the span, all equally likely."""
    return earliest + timedelta(seconds=_random.uniform(0, max(0.0, (latest - earliest).total_seconds())))
