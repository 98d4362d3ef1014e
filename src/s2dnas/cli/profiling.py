"""The command that times a network on this machine."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from s2dnas.cli.app import app, console
from s2dnas.cli.models import Channels, Classes, ImageSize, Model, Pieces, Stages
from s2dnas.extras import require_extra

BatchSizes = Annotated[list[int] | None, typer.Option("--batch", min=1, help="A batch size, or several, one by one.")]


@app.command("profile")
def profile_command(
    model: Model,
    out: Annotated[Path, typer.Option(help="The latency table, JSON.")],
    *,
    classes: Classes = 10,
    size: ImageSize = 32,
    channels: Channels = 3,
    stages: Stages = 3,
    min_width: Pieces = "aligned",
    batch: BatchSizes = None,
    engine: Annotated[str, typer.Option(help="onnxruntime or pytorch.")] = "onnxruntime",
    plans: Annotated[int, typer.Option(min=2, help="How many plans are timed as a whole.")] = 6,
    passes: Annotated[int, typer.Option(min=1, help="How often everything is timed.")] = 2,
    seconds: Annotated[float, typer.Option(min=0, help="How long each layer is timed in a pass.")] = 0.1,
) -> None:
    """Time the layers that plans of a network can have, on one thread. Example:

    s2dnas profile resnet18 --size 64 --out resnet18.json
    """
    if engine == "onnxruntime":
        require_extra("export")
    from s2dnas.cli.latencies import profile_model
    from s2dnas.cli.watching import stoppable, watching
    from s2dnas.profile.profiling import Effort

    with watching() as watch, stoppable("the same command"):
        made = profile_model(
            model,
            classes,
            (channels, size, size),
            stages=stages,
            min_width=min_width,
            batches=batch or [1, 64],
            engine=engine,
            effort=Effort(plans, passes, seconds),
            out=out,
            watch=watch,
        )
        for line in made:
            console.print(Text(line), soft_wrap=True)
