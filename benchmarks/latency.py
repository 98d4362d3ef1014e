"""How well latency tables predict the time of plans that they were not fitted to, and how well multiply-adds do.

python benchmarks/latency.py --json results/latency.json

Every network is profiled and some of its plans are timed as a whole, all stages in turn; each of them is then predicted
from the others. What was timed is kept beside the file until it is whole, so the same command goes on. ``widths``: the
time per multiply-add of a convolution with few outputs, against one with many.
"""

import argparse
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rows import add

from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.trace import trace
from s2dnas.models.registry import create_model
from s2dnas.profile.engines import ProfiledEngine, profiled_engine
from s2dnas.profile.judging import leave_one_plan_out, rank_correlation
from s2dnas.profile.kernel import Kernel
from s2dnas.profile.machine import processor
from s2dnas.profile.profiling import Effort, profile
from s2dnas.profile.timing import least_milliseconds
from s2dnas.space.cost import cost_model
from s2dnas.space.division import search_space

NETWORKS = {"resnet18": 64, "vgg16_bn": 32, "mobilenet_v2": 64}
"""By model: height and width of its images."""
BATCHES = (1, 64)
STAGES, CLASSES, COPIES = 3, 10, 8
WIDTHS = (8, 16, 24, 32, 40, 48, 64, 128)
WIDE = 256
LAYERS = ((64, 16), (128, 8), (256, 4))
"""Inputs and image size of the convolutions of which the time per multiply-add is told."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--engine", default="onnxruntime")
    parser.add_argument("--plans", type=int, default=10)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.1)
    given = parser.parse_args()
    torch.set_num_threads(1)
    engine, effort = profiled_engine(given.engine), Effort(given.plans, given.passes, given.seconds)
    head = {
        "engine": given.engine,
        "versions": dict(engine.versions()),
        "processor": processor(),
        "machine": platform.machine(),
        "threads": 1,
        "effort": vars(effort),
        "widths": time_per_mac(engine, given.seconds),
    }
    print(head["widths"], flush=True)
    for network in given.networks:
        for row in rows_of(network, engine, effort, given.json):
            print(row, flush=True)
            add(given.json, "latency", row, ("network", "batch"), **head)


def rows_of(network: str, engine: ProfiledEngine, effort: Effort, out: Path) -> list[dict[str, Any]]:
    """A row per batch size."""
    size = NETWORKS[network]
    graph = analyse_channels(trace(create_model(network, CLASSES, 3), torch.zeros(1, 3, size, size)))
    space, cost = search_space(graph, STAGES, "aligned"), cost_model(graph)
    journal = out.with_name(f"{out.name}.{network}.jsonl")
    made = profile(graph, space, engine, BATCHES, journal=journal, effort=effort)
    rows = []
    for batch, plans in made.plans.items():
        judged = leave_one_plan_out(batch, plans)
        times = [sum(timed.milliseconds) for timed in plans.values()]
        rows.append(
            {
                "network": network,
                "size": size,
                "batch": batch,
                "plans": judged.plans,
                "layers": len(made.layers),
                "milliseconds": [round(time, 4) for time in times],
                "median_error": judged.median_error,
                "worst_error": judged.worst_error,
                "rank_correlation": judged.rank_correlation,
                "macs_rank_correlation": rank_correlation([float(cost.macs(plan)[-1]) for plan in plans], times),
            }
        )
    journal.unlink()
    return rows


def time_per_mac(engine: ProfiledEngine, seconds: float) -> list[dict[str, Any]]:
    """By number of outputs: time per multiply-add of a 3x3 convolution, as a multiple of that of one of 256 outputs.

    The mean over ``LAYERS`` and, for each, over ``BATCHES``.
    """
    found: dict[int, list[float]] = {width: [] for width in WIDTHS}
    for inputs, size in LAYERS:
        ones, both = (1, 1), (size, size)
        kernel = Kernel(window=(3, 3), size=both, stride=ones, padding=ones, dilation=ones)
        for batch in BATCHES:
            times = {
                width: least_milliseconds([engine.layer(kernel, inputs, width, batch, COPIES)], seconds)[0] / width
                for width in (*WIDTHS, WIDE)
            }
            for width in WIDTHS:
                found[width].append(times[width] / times[WIDE])
    return [{"outputs": width, "factor": float(np.mean(factors))} for width, factors in found.items()]


if __name__ == "__main__":
    main()
