"""How long PyTorch takes for an image with s2dnas.Runner, as a share of the static network, which takes turns with it.

python benchmarks/torch_runtime.py --json results/torch_runtime.json

Networks have random weights and images are random: each threshold is the quantile of the scores at which the wanted
share of images leaves. Times are CPU and wall seconds per image, medians over rounds in which all variants run in turn.
Every variant runs in both memory formats, of which the faster one counts. At a batch of one, the time is the mean over
the same images, one by one, some of which leave. ``--compiled`` compiles static networks and stages; it takes minutes.
"""

import argparse
import copy
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

import s2dnas
from s2dnas.artifacts import write_json
from s2dnas.exits import NEVER
from s2dnas.models.registry import create_model
from s2dnas.network.scorer import Scorer
from s2dnas.staged.build import MultiStageNet

NETWORKS = {"resnet20": 32, "resnet18": 64}
PLANS = {"resnet20": (0.5, 0.5), "resnet18": (0.5, 0.5)}
EXITS = (0.0, 0.5, 0.7, 0.9)
BATCHES = (1, 8, 64)
Answer = Callable[[Tensor], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rows: list[dict[str, Any]] = []
    for name in given.networks:
        rows += measured(name, given.images, given.batches, given.rounds, compiled=given.compiled)
        head = {
            "torch": torch.__version__,
            "machine": platform.machine(),
            "threads": given.threads,
            "images": given.images,
        }
        write_json(given.json, "torch_runtime", {**head, "rounds": given.rounds, "rows": rows})


@torch.inference_mode()
def measured(name: str, count: int, batches: list[int], rounds: int, *, compiled: bool) -> list[dict[str, Any]]:
    """A row per batch size and share of exits."""
    torch.manual_seed(0)
    side = NETWORKS[name]
    images = torch.randn(count, 3, side, side)
    model = create_model(name, 10).eval()
    net = s2dnas.analyse(model, images[:2])
    with torch.inference_mode(mode=False):
        dynamic = net.build(net.trainable(net.space(2, 8).uniform(PLANS[name]), images.clone()))
    answers = in_both_formats("static", model) | in_both_formats("folded", fuse(copy.deepcopy(model)))
    for share in EXITS:
        answers |= in_both_formats(f"runner at {share}", s2dnas.Runner(dynamic, rule_for(dynamic, images, share)))
    if compiled:
        for module in answers.values():
            module.compile()
    macs = {share: mean_macs(answers[f"runner at {share}", "contiguous"], images) / net.static_macs for share in EXITS}
    rows = []
    for batch in batches:
        seconds = in_turn(answers, images, batch, rounds)
        for share in EXITS:
            rows.append(
                {"network": name, "batch": batch, "compiled": compiled, **compared(seconds, share), "macs": macs[share]}
            )
            print(rows[-1], flush=True)
    return rows


def in_both_formats(name: str, module: nn.Module) -> dict[tuple[str, str], nn.Module]:
    """Copies in both memory formats."""
    formats = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
    return {(name, key): copy.deepcopy(module).to(memory_format=layout) for key, layout in formats.items()}


def rule_for(network: MultiStageNet, images: Tensor, share: float) -> s2dnas.ExitRule:
    """A rule by which that share of the images leaves at the first of two stages."""
    scores, _ = Scorer("margin", 0)(network(images)[0])
    return s2dnas.ExitRule("margin", (float(np.quantile(scores, 1 - share)) if share else NEVER,))


def mean_macs(runner: Answer, images: Tensor) -> float:
    return float(runner(images).macs.mean())


def in_turn(
    answers: Mapping[tuple[str, str], Answer], images: Tensor, batch: int, rounds: int
) -> dict[tuple[str, str], list[float]]:
    """Median CPU and wall seconds per image of each variant."""
    parts = images.split(batch)
    for answer in answers.values():
        answer(parts[0])
        answer(parts[0])
    times = {key: list[tuple[float, float]]() for key in answers}
    for _ in range(rounds):
        for key, answer in answers.items():
            cpu, wall = time.process_time(), time.perf_counter()
            for part in parts:
                answer(part)
            times[key].append((time.process_time() - cpu, time.perf_counter() - wall))
    return {key: [median(column) / len(images) for column in zip(*some, strict=True)] for key, some in times.items()}


def compared(seconds: Mapping[tuple[str, str], list[float]], share: float) -> dict[str, Any]:
    """Of the faster memory format each, CPU and wall seconds and the runner's share of both static networks."""
    fastest = {
        name: min(found for (other, _), found in seconds.items() if other == name)
        for name in ("static", "folded", f"runner at {share}")
    }
    static, folded, runner = fastest.values()
    return {
        "exits": share,
        "static": static,
        "folded": folded,
        "runner": runner,
        "of_static": [a / b for a, b in zip(runner, static, strict=True)],
        "of_folded": [a / b for a, b in zip(runner, folded, strict=True)],
    }


if __name__ == "__main__":
    main()
