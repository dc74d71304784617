"""What a replay shows on the terminal: progress while it lasts, a table or JSON at the end."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

ROWS = {
    "members": "members",
    "posts": "posts",
    "views": "views",
    "members_who_viewed": "members who viewed",
    "members_who_wrote": "members who wrote",
    "cafes": "cafés",
    "cafes_by_community": "in each community",
    "members_who_came": "members who came",
    "smallest_cafe": "smallest",
    "largest_cafe": "largest",
}

terminal = Console(stderr=True)  # standard output is for the result alone


def progress() -> Progress:
    """Bars on standard error, which stand still there when it isn't a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=terminal,
    )


def bar(bars: Progress, words: str, total: int) -> Callable[[], None]:
    """A bar of so many steps; each call goes one step."""
    task = bars.add_task(words, total=total)
    return lambda: bars.advance(task)


def first_of(group: BaseExceptionGroup[Exception]) -> Exception:
    """The first error of a group: the others came of it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Exception)
    return error


def print_json(
    research: Mapping[str, Any], published: Mapping[str, Any], forum: Mapping[str, Any] | None = None
) -> None:
    """Both levels as one JSON object; of several regions also what of the forum each has."""
    told = {"research": _only(research), "published": _only(published)} | ({"forum": forum} if forum else {})
    sys.stdout.write(json.dumps(told) + "\n")


def print_table(
    research: Mapping[str, Any], published: Mapping[str, Any], forum: Mapping[str, Any] | None = None
) -> None:
    """Both levels beside each other; of several regions also what of the forum each has."""
    table = Table(title="The study's figures (members only)")
    table.add_column("")
    table.add_column("the analyst sees", justify="right")
    table.add_column("everybody may read", justify="right")
    for name, words in ROWS.items():
        table.add_row(words, _cell(research[name]), _cell(published[name], hidden="–"))
    Console().print(table)
    Console().print("– is left out, so that nothing is told about fewer than eight people.", style="dim")
    for region, has in (forum["regions"] if forum else {}).items():
        Console().print(
            f"{region} has {has['posts']} posts of the study, {has['by_members']} of them by members."
        )
    if forum:
        Console().print("They are the same ones." if forum["same"] else "They aren't the same ones.")


def _only(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in ROWS}


def _cell(value: Any, hidden: str = "?") -> str:
    if isinstance(value, list):
        return ", ".join(_cell(one, hidden) for one in value)
    return hidden if value is None else f"{value:,}"
