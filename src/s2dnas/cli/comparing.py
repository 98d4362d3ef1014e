"""The command that compares methods."""

from pathlib import Path
from typing import Annotated

import typer

from s2dnas.cli.app import app
from s2dnas.extras import require_extra


@app.command("compare")
def compare_command(
    config: Annotated[Path, typer.Argument(help="What to compare on what, as a TOML file.")],
    out: Annotated[Path, typer.Option(help="The folder of the comparison; one that was stopped goes on.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Settings as key=value.")] = None,
) -> None:
    """All methods on equal terms, into one table and one plot.

    Example: s2dnas compare configs/compare/digits.toml --out runs/compare-digits
    """
    require_extra("report", "matplotlib")
    from s2dnas.cli.watching import stoppable, watching
    from s2dnas.comparison.compare import compare
    from s2dnas.comparison.files import save_comparison
    from s2dnas.comparison.plot import plot
    from s2dnas.comparison.settings import load_comparison
    from s2dnas.comparison.table import markdown

    settings = load_comparison(config, overrides or ())
    with watching() as watch, stoppable(f"s2dnas compare {config} --out {out}"):
        for found in compare(settings, out, watch):
            table = markdown(found)
            save_comparison(found, out, plot(found), table)
    typer.echo(table)
    typer.echo(f"plot: {out / 'compare.svg'}")
