"""The command that answers images with a saved network or a bundle."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import track
from rich.table import Table
from rich.text import Text

from s2dnas.cli.app import app, console, stderr

if TYPE_CHECKING:
    from s2dnas.cli.answering import Answering
    from s2dnas.cli.bundle_answering import BundleAnswering
    from s2dnas.cli.file_answer import FileAnswer


@app.command("predict")
def predict_command(
    folder: Annotated[Path, typer.Argument(help="A bundle, or a saved network: RUN/network.")],
    images: Annotated[list[Path], typer.Argument(help="Image files of any size.")],
    *,
    point: Annotated[str | None, typer.Option(help="An operating point of the network; its first if left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object per image, for programs.")] = False,
    batch: Annotated[int, typer.Option(min=1, help="How many images go through the network at once.")] = 64,
) -> None:
    """The class of each image, how sure the network is of it, and the stage (from 1) after which it stopped.

    Example: s2dnas predict runs/digits/network photos/*.png
    """
    from s2dnas.cli.file_answer import require_files

    require_files(images)
    answering = _opened(folder, point)
    answers = answering.answer(images, batch)
    found = track(answers, "predict", len(images), console=stderr, transient=True, disable=not stderr.is_terminal)
    if as_json:
        for answer in found:
            typer.echo(json.dumps(answer.to_dict()))
    else:
        console.print(_table(answering.point, found))


def _opened(folder: Path, point: str | None) -> "Answering | BundleAnswering":
    """A bundle needs no torch, which then is not imported."""
    from s2dnas.runtime.bundle import is_bundle

    if is_bundle(folder):
        from s2dnas.cli.bundle_answering import BundleAnswering

        return BundleAnswering.opened(folder, point)
    from s2dnas.cli.answering import Answering

    return Answering.opened(folder, point)


def _table(point: str, found: Iterable["FileAnswer"]) -> Table:
    table = Table(title=Text(f"at operating point {point!r}"))
    table.add_column("file", overflow="fold")
    table.add_column("class", overflow="fold")
    for column in ("score", "stage"):
        table.add_column(column, justify="right")
    for answer in found:
        table.add_row(Text(answer.file), Text(answer.class_name), f"{answer.score:.3f}", str(answer.stage))
    return table
