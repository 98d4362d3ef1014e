"""Commands that look at a network."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from s2dnas.cli.app import app

Model = Annotated[str, typer.Argument(help="A model, as for `run`.")]
Classes = Annotated[int, typer.Option(min=1, help="K.")]
ImageSize = Annotated[int, typer.Option(min=1, help="Height and width of an image.")]
Channels = Annotated[int, typer.Option(min=1, help="Channels of an image.")]
Stages = Annotated[int, typer.Option(help="S.")]
MinWidth = Annotated[int, typer.Option(help="The smallest number of channels of a stage.")]


def piece_width(text: str) -> Any:
    """How finely couplings are divided: a number of channels, or "aligned"."""
    return int(text) if text.isdecimal() else text


Pieces = Annotated[
    Any, typer.Option(parser=piece_width, metavar="INTEGER|aligned", help="The smallest number of channels of a stage.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("inspect")
def inspect_command(
    model: Model,
    *,
    classes: Classes = 10,
    size: ImageSize = 32,
    channels: Channels = 3,
    stages: Stages = 3,
    min_width: Pieces = "4",
    as_json: AsJson = False,
) -> None:
    """What of a network can be divided, what cannot, and what its plans cost. Example: s2dnas inspect resnet20"""
    from s2dnas.cli.inspection import inspect_model, inspection_lines

    found = inspect_model(model, classes, (channels, size, size), stages, min_width)
    _show(found.to_dict(), inspection_lines(found), as_json)


@app.command("verify")
def verify_command(
    model: Annotated[str, typer.Argument(help="A model, as for `run`, or a bundle.")],
    *,
    classes: Classes = 10,
    size: ImageSize = 32,
    channels: Channels = 3,
    stages: Stages = 3,
    min_width: MinWidth = 1,
    plans: Annotated[int, typer.Option(min=1, help="How many random plans of a model.")] = 3,
    network: Annotated[
        Path | None, typer.Option(help="The saved network of a bundle; 'network' beside it if left out.")
    ] = None,
    images: Annotated[int, typer.Option(min=1, help="On how many images a bundle is checked at most.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Prove that what is built from random plans of a model equals the masked network, or a bundle its PyTorch network.

    Example: s2dnas verify resnet20
    """
    from s2dnas.runtime.bundle import is_bundle

    if is_bundle(Path(model)):
        _verify_bundle(Path(model), network, images, seed, as_json)
    else:
        from s2dnas.cli.inspection import verify_model
        from s2dnas.report.console import verification_lines

        shape = (channels, size, size)
        found = verify_model(model, classes, shape, plans=plans, stages=stages, min_width=min_width, seed=seed)
        content = found.to_dict()
        _show(content, verification_lines(model, content), as_json, passed=found.passed)


def _verify_bundle(folder: Path, network: Path | None, images: int, seed: int, as_json: bool) -> None:
    from s2dnas.cli.bundle_verification import verify_bundle
    from s2dnas.report.bundle_lines import bundle_lines

    source, found = verify_bundle(folder, network, images, seed)
    lines = [f"on {source}:", *bundle_lines(str(folder), found)]
    _show({"images_of": source, **found.to_dict()}, lines, as_json, passed=found.passed)


def _show(found: Mapping[str, Any], lines: Iterable[str], as_json: bool, *, passed: bool = True) -> None:
    """What was found, for programs or for people; the command fails where it is bad."""
    typer.echo(json.dumps(found, indent=1) if as_json else "\n".join(lines))
    if not passed:
        raise typer.Exit(1)
