"""The command that measures a bundle against the static network."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from s2dnas.cli.app import app, console, stderr
from s2dnas.extras import require_extra

if TYPE_CHECKING:
    from s2dnas.arrays import Images
    from s2dnas.runtime.bench import BenchRow, Speed
    from s2dnas.runtime.manifest import Manifest


@app.command("bench")
def bench_command(
    bundle: Annotated[Path, typer.Argument(help="What `s2dnas export` wrote.")],
    images: Annotated[list[Path] | None, typer.Argument(help="Image files; noise if left out.")] = None,
    *,
    point: Annotated[str | None, typer.Option(help="The operating point; its first if left out.")] = None,
    share: Annotated[
        list[float] | None, typer.Option(help="Without image files: these shares leave at the first stage.")
    ] = None,
    batch: Annotated[list[int] | None, typer.Option(min=1, help="Sizes of the batch: 1, 8, 64, 256.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each answers all images, in turn.")] = 7,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the engine.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Also write bench.json and bench.svg into this folder.")] = None,
) -> None:
    """How fast a bundle is beside the static network, on the clock and in processor time, both measured in turn.

    Example: s2dnas bench runs/digits/bundle --batch 1 --batch 64 --share 0.5
    """
    if out is not None:
        require_extra("report", "matplotlib")
    from s2dnas.cli.file_answer import require_files
    from s2dnas.runtime import Bundle, Session
    from s2dnas.runtime.bench import Bench, thresholds_for_share
    from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine

    require_files(images or [])
    engine = OnnxruntimeEngine(threads=threads)
    session = Session(Bundle.opened(bundle), engine=engine)
    limits = session.bundle.point(point).thresholds
    bench, rows = Bench(session, engine), []
    with stderr.status("measuring"):
        for size in batch or [1, 8, 64, 256]:
            given = _images(images, session.bundle.manifest, size)
            forced = [thresholds_for_share(session, given, one, point=point) for one in share or [0.0, 0.5, 0.9]]
            rows += [bench.row(given, size, chosen, rounds, point=point) for chosen in ([limits] if images else forced)]
    console.print(_table(rows, f"{engine.name}, threads: {threads}"))
    if out is not None:
        _write(rows, out, bundle, threads)


def _images(files: list[Path] | None, manifest: "Manifest", batch: int) -> "Images":
    """The files' images, repeated to fill a batch, or noise."""
    import numpy as np

    from s2dnas.pictures import picture_for
    from s2dnas.runtime.preparing import prepare

    if not files:
        return np.random.default_rng(0).standard_normal((max(16, batch), *manifest.image_shape), dtype=np.float32)
    found = prepare(np.stack([picture_for({"path": str(file)}, manifest.image_shape) for file in files]), manifest)
    return np.tile(found, (-(-batch // len(found)), 1, 1, 1)) if len(found) < batch else found


def _table(rows: Iterable["BenchRow"], title: str) -> Table:
    table = Table(title=title, box=None, padding=(0, 1))
    heads = ("batch", "leave\nearly", "cut in\nmacs", "speed-\nup", "by\nCPU", "effi-\nciency", "images\n/ s")
    for head in (*heads, "p50\nms", "p95\nms", "p99\nms"):
        table.add_column(head, justify="right")
    batch = None
    for row in rows:
        if row.batch != batch:
            table.add_row(str(row.batch), "static", *[""] * 4, *_speed(row.static))
        batch = row.batch
        ratios = (row.mac_cut, row.speed_up, row.cpu_speed_up)
        shown = (f"{1 - row.exit_share[-1]:.0%}", *(f"{ratio:.2f} x" for ratio in ratios), f"{row.efficiency:.2f}")
        table.add_row("", *shown, *_speed(row.dynamic))
    return table


def _speed(speed: "Speed") -> tuple[str, ...]:
    return (f"{speed.images_per_second:.0f}", *(f"{value:.2f}" for value in (speed.p50, speed.p95, speed.p99)))


def _write(rows: list["BenchRow"], out: Path, bundle: Path, threads: int) -> None:
    from s2dnas.artifacts import replacing, write_json
    from s2dnas.report.bench_plot import bench_plot

    content = {"bundle": bundle.name, "threads": threads, "rows": [row.to_dict() for row in rows]}
    write_json(out / "bench.json", "bench", content)
    with replacing(out / "bench.svg") as temporary:
        temporary.write_text(bench_plot(rows, f"onnxruntime, threads: {threads}"))
    console.print(f"plot: {out / 'bench.svg'}", soft_wrap=True)
