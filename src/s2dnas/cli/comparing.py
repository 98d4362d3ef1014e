"""The command that compares methods."""

from pathlib import Path
from typing import Annotated

import typer

from s2dnas.cli.app import app


@app.command("compare")
def compare_command(
    config: Annotated[Path, typer.Argument(help="What to compare on what, as a TOML file.")],
    out: Annotated[Path, typer.Option(help="The folder of the comparison; one that was stopped goes on.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Settings as key=value.")] = None,
) -> None:
    """All methods on equal terms, into one table and one plot.

    Example: s2dnas compare configs/compare/digits.toml --out runs/compare-digits
    """
    from s2dnas.cli.watching import stoppable, watching
    from s2dnas.comparison.compare import compare
    from s2dnas.comparison.files import write_comparison
    from s2dnas.comparison.plot import plot
    from s2dnas.comparison.settings import load_comparison
    from s2dnas.comparison.table import markdown

    settings = load_comparison(config, overrides or ())
    with watching() as watch, stoppable(f"s2dnas compare {config} --out {out}"):
        for found in compare(settings, out, watch):
            table = markdown(found)
            write_comparison(found, out, plot(found), table)
    typer.echo(table)
    typer.echo(f"plot: {out / 'compare.svg'}")
