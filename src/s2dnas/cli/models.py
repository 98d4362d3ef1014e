"""Commands that look at a network."""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from s2dnas.cli.app import app

Model = Annotated[str, typer.Argument(help="A model, as for `run`.")]
Classes = Annotated[int, typer.Option(min=1, help="K.")]
ImageSize = Annotated[int, typer.Option(min=1, help="Height and width of an image.")]
Channels = Annotated[int, typer.Option(min=1, help="Channels of an image.")]
Stages = Annotated[int, typer.Option(help="S.")]
MinWidth = Annotated[int, typer.Option(help="The smallest number of channels of a stage.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("inspect")
def inspect_command(
    model: Model,
    *,
    classes: Classes = 10,
    size: ImageSize = 32,
    channels: Channels = 3,
    stages: Stages = 3,
    min_width: MinWidth = 4,
    as_json: AsJson = False,
) -> None:
    """What of a network can be divided, what cannot, and what its plans cost. Example: s2dnas inspect resnet20"""
    from s2dnas.cli.inspection import inspect_model, inspection_lines

    found = inspect_model(model, classes, (channels, size, size), stages, min_width)
    _show(found.to_dict(), inspection_lines(found), as_json)


@app.command("verify")
def verify_command(
    model: Model,
    *,
    classes: Classes = 10,
    size: ImageSize = 32,
    channels: Channels = 3,
    stages: Stages = 3,
    min_width: MinWidth = 1,
    plans: Annotated[int, typer.Option(min=1, help="How many random plans.")] = 3,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Prove that what is built from random plans equals the masked network. Example: s2dnas verify resnet20"""
    from s2dnas.cli.inspection import verify_model
    from s2dnas.report.console import verification_lines

    image_shape = (channels, size, size)
    found = verify_model(model, classes, image_shape, plans=plans, stages=stages, min_width=min_width, seed=seed)
    content = found.to_dict()
    _show(content, verification_lines(model, content), as_json)
    if not found.passed:
        raise typer.Exit(1)


def _show(found: Mapping[str, Any], lines: Iterable[str], as_json: bool) -> None:
    """What was found, for programs or for people."""
    typer.echo(json.dumps(found, indent=1) if as_json else "\n".join(lines))
