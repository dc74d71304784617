"""Keyset pagination: a cursor is the last item's id, a page says the next one's."""

from typing import Annotated, Generic, Protocol, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel


class Identified(Protocol):
    """What a page can end with."""

    @property
    def id(self) -> UUID: ...


T = TypeVar("T")
Item = TypeVar("Item", bound=Identified)

After = Annotated[UUID | None, Query(description="The id of the last item of the page before.")]
Limit = Annotated[int, Query(ge=1, le=100, description="Items on a page.")]


class Page(BaseModel, Generic[T]):
    """Items in order; `next` goes into `after` for the following page, None on the last."""

    items: list[T]
    next: UUID | None = None


def page_of(found: list[Item], limit: int) -> "Page[Item]":
    """The page of up to `limit` + 1 items found: the one too many says that there are more."""
    # The annotation is quoted: evaluated, pydantic would look for a schema of the protocol.
    shown = found[:limit]
    return Page(items=shown, next=shown[-1].id if len(found) > limit else None)
