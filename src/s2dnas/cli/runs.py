"""Commands that work on a run folder."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from s2dnas.cli.app import app, console
from s2dnas.errors import SettingsError, nearest
from s2dnas.extras import require_extra
from s2dnas.pipeline.steps import STEPS, do

if TYPE_CHECKING:
    from s2dnas.pipeline.start import Start

Out = Annotated[Path, typer.Argument(help="A run folder.")]


@app.command("run")
def run_command(
    model: Annotated[str, typer.Argument(help="resnet20, ..., torchvision:NAME, timm:NAME, FILE.py:FUNCTION")],
    data: Annotated[str, typer.Argument(help="digits, a folder or hub name for `datasets`, or imagefolder:DIR")],
    out: Annotated[Path, typer.Option(help="The run folder.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Settings as key=value.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings as a TOML file.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights of the static network, safetensors.")] = None,
    until: Annotated[str, typer.Option(help=f"The last step to do, of {', '.join(STEPS)}.")] = "report",
) -> None:
    """All steps, from a static network to the report; a run that was stopped goes on.

    Example: s2dnas run resnet20 digits --out runs/digits train.epochs=20
    """
    from s2dnas.pipeline.settings import load_settings
    from s2dnas.pipeline.start import Start

    if until not in STEPS:
        raise SettingsError(f"unknown step {until!r}{nearest(until, STEPS)}")
    settings = load_settings(config, overrides or (), given_weights=weights is not None)
    start = Start(model, data, str(weights) if weights else None, settings)
    steps = list(STEPS)
    _do(out, start, steps[: steps.index(until) + 1])


@app.command("resume")
def resume_command(folder: Out) -> None:
    """Go on with a run. Example: s2dnas resume runs/digits"""
    _do(folder, None, STEPS)


@app.command("search")
def search_command(folder: Out) -> None:
    """Search a plan, and train what the settings score plans with: a shared network, or each plan.

    Example: s2dnas search runs/digits
    """
    _do(folder, None, ("search",))


@app.command("train")
def train_command(folder: Out) -> None:
    """Train the network of the plan. Example: s2dnas train runs/digits"""
    _do(folder, None, ("train", "control"))


@app.command("calibrate")
def calibrate_command(folder: Out) -> None:
    """Choose thresholds on the calibration split. Example: s2dnas calibrate runs/digits"""
    _do(folder, None, ("calibrate",))


@app.command("evaluate")
def evaluate_command(folder: Out) -> None:
    """Answer the test split. Example: s2dnas evaluate runs/digits"""
    _do(folder, None, ("evaluate",))


@app.command("report")
def report_command(folder: Out) -> None:
    """Write report.html and report.json. Example: s2dnas report runs/digits"""
    _do(folder, None, ("report",))


def _do(folder: Path, start: "Start | None", steps: Iterable[str]) -> None:
    if "report" in steps:
        require_extra("report")
    from s2dnas.cli.watching import stoppable, watching
    from s2dnas.pipeline.opening import open_run
    from s2dnas.report.console import summary_table
    from s2dnas.report.content import ReportContent

    with watching() as watch, stoppable(f"s2dnas resume {folder}"):
        opened = open_run(folder, start, watch)
        for step in steps:
            do(opened, step)
    if "report" in steps:
        content = ReportContent.load(folder / "report.json")
        console.print(summary_table(content))
        for warning in content.warnings:
            console.print(Text.assemble(("warning:", "yellow"), f" {warning}"), soft_wrap=True)
        console.print(f"report: {folder / 'report.html'}", soft_wrap=True)
        console.print(f"network: {folder / 'network'}, for 's2dnas predict' and s2dnas.load", soft_wrap=True)
