"""How far a run is, on the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from s2dnas.cli.app import console
from s2dnas.training.loop import Progress as Moment


@contextmanager
def watching() -> Iterator[Callable[[str, Moment], None]]:
    """A bar per step, with the time that is left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as bars:

        def watch(step: str, moment: Moment) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=moment.total)
            bars.update(tasks[step], completed=moment.done)

        yield watch
