"""What the single file of a bundle saves in onnxruntime, and what it costs where nobody leaves.

python benchmarks/single_file.py --json results/single-file.json

Processor time of one image per call, on one thread; random weights, equal shares of channels for three stages. Each
number is a median, over rounds, of the time of the single file over that of the static network in the same round.
"""

import argparse
import platform
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from s2dnas.api.network import analyse
from s2dnas.artifacts import write_json
from s2dnas.exits import ExitRule
from s2dnas.exits.rule import NEVER
from s2dnas.export.bundling import export
from s2dnas.models.registry import create_model
from s2dnas.runtime import Bundle, Session
from s2dnas.runtime.bench import Timing
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine
from s2dnas.space.plan import Plan
from s2dnas.staged.build import build
from s2dnas.values import IMAGE, LIMITS

NUM_STAGES, NUM_CLASSES = 3, 10
LEAVING = {"first": (0.0, 0.0), "second": (NEVER, 0.0), "last": (NEVER, NEVER)}
"""Thresholds by which every image leaves at that stage."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--models", nargs="*", default=["resnet18:64"], help="NAME:WIDTH of the images")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=20, help="of a round")
    given = parser.parse_args()
    rows = [measured(name, given.rounds, given.calls) for name in given.models]
    hardware = {"machine": platform.machine(), "threads": 1}
    write_json(given.json, "single_file", {**hardware, "rounds": given.rounds, "calls": given.calls, "rows": rows})
    for row in rows:
        print(row)


def measured(name: str, rounds: int, calls: int) -> dict[str, Any]:
    """The row of a network."""
    torch.manual_seed(0)
    spec, _, width = name.rpartition(":")
    image = torch.randn(1, 3, int(width), int(width))
    net = analyse(create_model(spec, NUM_CLASSES).eval(), image)
    network, static = build(net.graph, net.space(NUM_STAGES).uniform()), build(net.graph, Plan(1, {}, {}))
    with TemporaryDirectory() as folder:
        bundle = export(network, ExitRule("margin", LEAVING["last"]), folder, static=static)
        shares = {leaving: share(bundle, image.numpy(), limits, rounds, calls) for leaving, limits in LEAVING.items()}
    macs = dict(zip(LEAVING, (np.array(network.macs) / net.static_macs).round(3).tolist(), strict=True))
    return {"model": name, "of_static_macs": macs, "of_static_time": shares}


def share(bundle: Bundle, image: np.ndarray, limits: tuple[float, ...], rounds: int, calls: int) -> dict[str, float]:
    """Of the static network's time: what the single file takes, and a session on the stages' own files."""
    engine, session = OnnxruntimeEngine(), Session(bundle)
    assert bundle.manifest.static is not None
    assert bundle.manifest.single is not None
    static, single = (engine.load(bundle.graph(file)) for file in (bundle.manifest.static, bundle.manifest.single))
    fed = {IMAGE: image}
    limited = {**fed, LIMITS: np.array(limits)}
    ways = {
        "static": lambda: static.run(fed),
        "single": lambda: single.run(limited),
        "session": lambda: session(image, thresholds=limits),
    }
    seconds = [{way: seconds_of(call, calls) for way, call in ways.items()} for _ in range(rounds + 1)][1:]
    return {
        way: round(statistics.median(each[way] / each["static"] for each in seconds), 3)
        for way in ("single", "session")
    }


def seconds_of(call: Any, calls: int) -> float:
    timing = Timing()
    for _ in range(calls):
        timing.measure(call)
    return statistics.median(timing.cpu)


if __name__ == "__main__":
    main()
