"""Commands that put a bundle behind a port, or into Triton."""

from pathlib import Path
from typing import Annotated

import typer

from s2dnas.cli.app import app

BundleFolder = Annotated[Path, typer.Argument(help="What `s2dnas export` wrote.")]
ModelName = Annotated[str, typer.Option(help="What clients call the model.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Images answered together at most, and in one request at most.")]
Queue = Annotated[int, typer.Option(min=1, help="Images that wait at most; more are refused.")]
Deadline = Annotated[float, typer.Option(help="Milliseconds that a request has which names no deadline.")]


@app.command("serve")
def serve_command(
    bundle: BundleFolder,
    *,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for every one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for a free one.")] = 8000,
    name: ModelName = "s2dnas",
    workers: Annotated[int, typer.Option(min=1, help="Batches answered at once.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads that work on one batch.")] = 1,
    batch: BatchSize = 32,
    queue: Queue = 256,
    deadline: Deadline = 1000.0,
    relief_from: Annotated[float, typer.Option(help="The share of a full queue from which thresholds fall.")] = 0.5,
    relief_most: Annotated[float, typer.Option(help="By which share when it is full; 0 for never.")] = 1.0,
) -> None:
    """Answer requests of the Open Inference Protocol with a bundle; a page at / tries it. SIGTERM and Ctrl-C stop it.

    Example: s2dnas serve bundle --port 8000 --deadline 200
    """
    from s2dnas.runtime import Session
    from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine
    from s2dnas.serving import ServingLimits
    from s2dnas.serving.server import serve

    limits = ServingLimits(batch, queue, workers, deadline / 1000, relief_from, relief_most)
    session = Session(bundle, engine=OnnxruntimeEngine(threads=threads))
    serve(session, name=name, host=host, port=port, limits=limits, started=lambda at: typer.echo(f"serving at {at}"))
    typer.echo("stopped; what was accepted is answered")


@app.command("triton")
def triton_command(
    bundle: BundleFolder,
    *,
    out: Annotated[Path, typer.Option(help="The model repository, which Triton is started with.")],
    name: ModelName = "s2dnas",
    instances: Annotated[int, typer.Option(min=1, help="Batches answered at once.")] = 1,
    batch: BatchSize = 32,
    queue: Annotated[int, typer.Option(min=1, help="Requests that wait at most; more are refused.")] = 256,
    delay: Annotated[float, typer.Option(min=0, help="Milliseconds to wait for a fuller batch.")] = 0.0,
    deadline: Deadline = 1000.0,
) -> None:
    """Write a model repository for NVIDIA Triton, which answers with the bundle.

    Example: s2dnas triton bundle --out repository
    """
    from s2dnas.serving.triton import TritonSettings, write_repository

    settings = TritonSettings(name, instances, batch, queue, delay / 1000, deadline / 1000)
    written = write_repository(bundle, out, settings)
    typer.echo(f"{written}; start it by: tritonserver --model-repository={out.resolve()}")
