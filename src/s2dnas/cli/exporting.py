"""The command that turns a saved network into a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from s2dnas.cli.app import app, console
from s2dnas.extras import require_extra


@app.command("export")
def export_command(
    network: Annotated[Path, typer.Argument(help="A saved network: RUN/network, or what s2dnas.save wrote.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="The bundle's folder; 'bundle' beside the network's if left out.")
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
        bundle = export(found, rules, folder, static=load_static(network))
    for file in bundle.manifest.files:
        console.print(f"{file.file}: {(folder / file.file).stat().st_size / 1e6:.1f} MB", soft_wrap=True)
    console.print(f"bundle: {folder}, for 's2dnas predict' and s2dnas.runtime.Session", soft_wrap=True)
