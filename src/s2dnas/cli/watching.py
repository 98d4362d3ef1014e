"""How far a run is, on the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rich.progress
import typer
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn

from s2dnas.cli.app import console
from s2dnas.training.loop import Progress


@contextmanager
def watching() -> Iterator[Callable[[str, Progress], None]]:
    """A bar per step, with the time that is left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with rich.progress.Progress(*columns, console=console) as bars:

        def watch(step: str, progress: Progress) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=progress.total)
            if progress.done < bars.tasks[tasks[step]].completed:  # one trial after the other
                bars.reset(tasks[step], total=progress.total)
            bars.update(tasks[step], completed=progress.done)

        yield watch


@contextmanager
def stoppable(way_on: str) -> Iterator[None]:
    """Ctrl-C ends in a sentence that names the command which goes on."""
    try:
        yield
    except KeyboardInterrupt:
        console.print(f"stopped; what was finished is kept, and '{way_on}' goes on", soft_wrap=True)
        raise typer.Exit(130) from None
