"""`federation rebuild`: a stopped region's forum filled anew from the topics, with progress."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from deploy.command.options import ask_which, fail


def run(data: Path) -> None:
    """A bar for each topic at a terminal; a line for each elsewhere."""
    from aiokafka.errors import KafkaError

    from deploy.embedded.addresses import REGION_FILE
    from deploy.embedded.errors import StartFailure
    from deploy.federation.rebuilding import rebuild_region

    if not (data / REGION_FILE).exists():
        ask_which(data)
        fail(f"There is no region in {data}.")
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (TextColumn("{task.description:<40}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:

        def tell(topic: str, done: int, of: int) -> None:
            if topic not in tasks:
                tasks[topic] = bars.add_task(topic, total=of)
            bars.update(tasks[topic], completed=done)
            if done == of and not console.is_terminal:
                console.print(f"{topic}: {of} read.", markup=False)

        try:
            gone = rebuild_region(data, tell)
        except StartFailure as failure:
            fail(str(failure))
        except (KafkaError, OSError) as error:
            fail(f"The forum could not be rebuilt, and begins anew next time: {type(error).__name__}.")
    print("The forum is what its topics say.")  # noqa: T201
    if gone:
        print(f"{gone} rows that no topic knows of are gone.")  # noqa: T201
