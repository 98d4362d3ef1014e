"""The command that turns a saved network into a bundle."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from s2dnas.cli.app import app, console
from s2dnas.extras import require_extra

if TYPE_CHECKING:
    from s2dnas.runtime import Bundle


@app.command("export")
def export_command(
    network: Annotated[Path, typer.Argument(help="A saved network: RUN/network, or what s2dnas.save wrote.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="The bundle's folder; 'bundle' beside the network's if left out.")
    ] = None,
    batch: Annotated[
        list[int] | None, typer.Option(min=1, help="Measure how long batches of these sizes take here: 1 and 64.")
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Also write it in int8, into a folder beside the bundle.")
    ] = False,
    calibration: Annotated[
        Path | None, typer.Option(help="Images to calibrate int8 on; those that the run held out if left out.")
    ] = None,
) -> None:
    """Write a saved network as ONNX files that run without PyTorch, for `predict`, `bench`, `serve` and onnxruntime.

    Example: s2dnas export runs/digits/network
    """
    require_extra("export")
    from s2dnas.export.bundling import export
    from s2dnas.saving.loading import load, load_static

    found, rules = load(network)
    folder = network.parent / "bundle" if out is None else out
    with console.status(f"exporting {found.num_stages} stages"):
        bundle = export(found, rules, folder, static=load_static(network), timed=batch or [1, 64])
    console.print(_table(bundle))
    if int8:
        _int8(bundle, network, calibration, batch or [1, 64])
    console.print(f"bundle: {folder}, for 's2dnas predict' and s2dnas.runtime.Session", soft_wrap=True)


def _int8(bundle: "Bundle", network: Path, calibration: Path | None, batches: Sequence[int]) -> None:
    from s2dnas.cli.int8_exporting import export_int8, int8_lines

    folder = bundle.folder.with_name(f"{bundle.folder.name}-int8")
    with console.status("quantising"):
        made, found = export_int8(bundle, network, calibration, folder, batches)
    console.print(_table(made))
    for line in int8_lines(found):
        console.print(Text(line), soft_wrap=True)
    console.print(f"int8 bundle: {folder}", soft_wrap=True)


def _table(bundle: "Bundle") -> Table:
    """Each file, how large it is, and how long a batch takes."""
    table = Table(box=None, padding=(0, 1))
    table.add_column("file", overflow="fold")
    table.add_column("MB", justify="right")
    times = bundle.manifest.stages[0].milliseconds
    for engine, found in times.items():
        for batch in found:
            table.add_column(f"ms for {batch}\n{engine}", justify="right")
    for file in bundle.manifest.files:
        size = (bundle.folder / file.file).stat().st_size / 1e6
        milliseconds = [each for found in file.milliseconds.values() for each in found.values()]
        table.add_row(file.file, f"{size:.1f}", *(f"{each:.2f}" for each in milliseconds))
    return table
