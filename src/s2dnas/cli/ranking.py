"""How well each evaluator ranks plans."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from s2dnas.cli.app import app, console

if TYPE_CHECKING:
    from s2dnas.pipeline.ranking import Ranks


@app.command("rank")
def rank_command(
    folder: Annotated[Path, typer.Argument(help="A run folder whose static network is trained.")],
    plans: Annotated[int, typer.Option(min=6, help="How many plans are trained, twice each.")] = 24,
) -> None:
    """Train a spread of plans alone and tell how well each evaluator ranks them; Ctrl-C and the same command goes on.

    Example: s2dnas rank runs/digits --plans 12
    """
    from s2dnas.cli.watching import stoppable, watching
    from s2dnas.pipeline.opening import open_run
    from s2dnas.pipeline.ranking import rank_evaluators
    from s2dnas.pipeline.steps import do

    with watching() as watch, stoppable(f"s2dnas rank {folder} --plans {plans}"):
        run = open_run(folder, None, watch)
        do(run, "static")
        found = rank_evaluators(run, plans)
    console.print(_table(found))
    console.print(f"all numbers: {folder / 'rank' / 'rank.json'}", soft_wrap=True)


def _table(found: "Ranks") -> Table:
    title = f"{len(found.plans)} plans, trained alone for {found.epochs} epochs, twice"
    table = Table(title=title, caption="tau: Kendall's rank correlation; in brackets 95 % of its bootstrap draws")
    for column in ("evaluator", "tau", "seconds a plan"):
        table.add_column(column, justify="left" if column == "evaluator" else "right")
    for rank in found.evaluators:
        interval = f"{rank.tau:.2f} [{rank.low:.2f}, {rank.high:.2f}]".replace("[", r"\[")
        table.add_row(rank.name, interval, f"{rank.seconds_per_plan:.3g}")
    return table
