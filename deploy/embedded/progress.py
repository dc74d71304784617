"""What the person at the terminal sees while a region starts and stops."""

import threading
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from deploy.embedded.secrets import SERVICES


class Progress:
    """Bars at a terminal; plain lines elsewhere. Called from several threads."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._bars: Bars | None = None
        self._tasks: dict[str, int] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._tasks = {}
        columns = (
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._bars = Bars(*columns, console=self.console, disable=not self.console.is_terminal)
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()
        self._bars = None

    def say(self, line: str) -> None:
        """One line."""
        self.console.print(line, markup=False)

    def jars(self, done: int, of: int) -> None:
        """So many of Kafka's jars are there."""
        self._move("Kafka's jars", done=done, of=of)
        if done == of and not self.console.is_terminal:
            self.say(f"Kafka's jars are there ({of}).")

    def engine(self, name: str) -> None:
        """One engine answers."""
        self._move("Engines", by=1, of=len(SERVICES) + 2)
        if not self.console.is_terminal:
            self.say(f"{name} answers.")

    def database(self, _name: str) -> None:
        """One service's database is at its newest revision."""
        self._move("Databases", by=1, of=len(SERVICES))

    def service(self, _name: str) -> None:
        """One service has started."""
        self._move("Services", by=1, of=len(SERVICES) + 1)

    def ready(self, address: str, invitation: str | None) -> None:
        """The region is open. `invitation`: for the first peer consultant, until one has joined."""
        self.console.print(f"\n[bold]Peercafe is open at {address}[/bold]")
        if invitation:
            self.say(
                f"The first peer consultant chooses “I have an invitation” there, once, and types the invitation {invitation}"
            )
        self.say(
            "Here notices go out within 2 seconds and study rows within 20 (elsewhere a minute and an hour)."
        )
        self.say("Ctrl-C stops everything; the data stays.")

    def mind(self, lines: list[str]) -> None:
        """What the operator must know."""
        self.say("")
        for line in lines:
            self.console.print(line, style="yellow", markup=False)

    def stopping(self) -> None:
        """Somebody asked us to stop."""
        self.say("\nStopping …")

    def stopped(self, name: str) -> None:
        """One engine has ended."""
        self.say(f"{name} has stopped.")

    def _move(self, task: str, *, of: int, by: int = 0, done: int | None = None) -> None:
        with self._lock:
            if self._bars is None:
                return
            if task not in self._tasks:
                self._tasks[task] = self._bars.add_task(task, total=of)
            number = self._bars.tasks[self._tasks[task]].id
            if done is None:
                self._bars.update(number, advance=by)
            else:
                self._bars.update(number, completed=done, total=of)
