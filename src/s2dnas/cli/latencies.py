"""Time a model and write its latency table."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.trace import trace
from s2dnas.models.registry import create_model
from s2dnas.profile.engines import profiled_engine
from s2dnas.profile.judging import leave_one_plan_out
from s2dnas.profile.profiling import Effort, profile
from s2dnas.space.division import PieceWidth, search_space
from s2dnas.training.loop import Progress


def profile_model(
    model: str,
    num_classes: int,
    image_shape: tuple[int, int, int],
    *,
    stages: int,
    min_width: PieceWidth,
    batches: Sequence[int],
    engine: str,
    effort: Effort,
    out: Path,
    watch: Callable[[str, Progress], None],
) -> Iterator[str]:
    """Time a model of the registry and write its latency table to ``out``; lines on how well it predicts.

    What was timed is kept beside it until then, so that the same command goes on after it was stopped. Raises
    ModelError or PlanError if the model cannot be captured or divided, SettingsError for an unknown engine.
    """
    timed = profiled_engine(engine)
    graph = analyse_channels(trace(create_model(model, num_classes, image_shape[0]), torch.zeros(1, *image_shape)))
    space = search_space(graph, stages, min_width)
    journal = out.with_name(f"{out.name}.journal.jsonl")

    def tell(done: int, total: int) -> None:
        watch("profile", Progress(done, total, 0.0))

    made = profile(graph, space, timed, batches, journal=journal, effort=effort, on_progress=tell)
    made.table().save(out)
    journal.unlink()
    for batch, plans in made.plans.items():
        yield f"batch {batch}: {leave_one_plan_out(batch, plans)}"
    yield f"latencies: {out}, for latency.table={out}"
