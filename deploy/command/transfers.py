"""How far a backup or a restore has come: bars at a terminal, a line for each database elsewhere; on standard error."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

MEGABYTE = 1_000_000


def in_words(size: int) -> str:
    """So many bytes: `12 KB` below a megabyte, else `3.4 MB`."""
    return f"{size / MEGABYTE:.1f} MB" if size >= MEGABYTE else f"{-(-size // 1000)} KB"


class Transfers:
    """Told of each database; `done` says what was done with its bytes."""

    def __init__(self, done: str) -> None:
        self._done = done
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (TextColumn("{task.description:<16}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def tell(self, service: str, size: int, whole: bool) -> None:
        """So many bytes of a service's database, and whether that is all."""
        if service not in self._tasks:
            self._tasks[service] = self._bars.add_task(service, total=None)
        self._bars.update(self._tasks[service], completed=size, total=size if whole else None)
        if whole and not self._console.is_terminal:
            self.say(f"{service}: {in_words(size)} {self._done}.")

    def say(self, line: str) -> None:
        """One line."""
        self._console.print(line, markup=False)
