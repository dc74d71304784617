"""Keyset pagination: a cursor is the last item's id, a page says the next one's."""

from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel

T = TypeVar("T")

After = Annotated[UUID | None, Query(description="The id of the last item of the page before.")]
Limit = Annotated[int, Query(ge=1, le=100, description="Items on a page.")]


class Page(BaseModel, Generic[T]):
    """Items in order; `next` goes into `after` for the following page, None on the last."""

    items: list[T]
    next: UUID | None = None
