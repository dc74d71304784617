"""What a long part is doing, for whoever looks on."""

from collections.abc import Callable
from contextvars import ContextVar

showing: ContextVar[Callable[[str], None] | None] = ContextVar("showing", default=None)


def under_way(what: str) -> None:
    """Show it, where anybody looks."""
    show = showing.get()
    if show is not None:
        show(what)
