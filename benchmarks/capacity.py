"""What an image costs in each stage on one core, and what a survivor weighs, of a ResNet-18 at 64x64 in three stages.

python benchmarks/capacity.py BUNDLE --json results/capacity.json

Writes the bundle, with fresh weights: what runs is the same as with trained ones, but for who leaves where. By its
operating point, of some random images half leave at the first stage and three fifths of the others at the second.
"""

import argparse
import platform
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

import s2dnas
from s2dnas.artifacts import write_json
from s2dnas.exits import ExitRule
from s2dnas.export.bundling import export
from s2dnas.models.registry import create_model
from s2dnas.runtime import Bundle, Session
from s2dnas.runtime.bench import Timing
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine
from s2dnas.runtime.timing import milliseconds
from s2dnas.serving.stage_worker import handed_bytes
from s2dnas.space.plan import Plan
from s2dnas.staged.build import MultiStageNet, build

CLASSES, PIXELS, SHARES = 200, 64, (0.5, 0.25, 0.25)
EXITS = (0.5, 0.3, 0.2)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    bundle = made(given.bundle)
    files = {file.file: name for file, name in zip(bundle.manifest.files, ["1", "2", "3", "static"], strict=True)}
    engine = OnnxruntimeEngine()
    rounds = [[milliseconds(bundle, engine, batch) for batch in BATCHES] for _ in range(given.rounds)]
    costs = {
        name: {batch: median(each[column][file] for each in rounds) / batch for column, batch in enumerate(BATCHES)}
        for file, name in files.items()
    }
    content = {
        "processor": platform.machine(),
        "onnxruntime": version("onnxruntime"),
        "milliseconds_per_image": costs,
        "handed_bytes": [handed_bytes(bundle.manifest, index) for index in range(2)],
        "session": {batch: in_one_process(bundle, batch, given.rounds) for batch in BATCHES},
        "macs": {name: file.macs for file, name in zip(bundle.manifest.files, files.values(), strict=True)},
    }
    write_json(given.json, "capacity", content)
    for name, cost in costs.items():
        print(name, {batch: round(value, 3) for batch, value in cost.items()})


def in_one_process(bundle: Bundle, batch: int, rounds: int) -> dict[str, object]:
    """Milliseconds per image of a session with all stages, and the shares of the images that left at them."""
    session = Session(bundle)
    images = np.random.default_rng(0).standard_normal((256, *bundle.manifest.image_shape), np.float32)
    groups = [images[start : start + batch] for start in range(0, len(images), batch)]
    stages = np.concatenate([session(group).stages for group in groups])
    times = Timing()
    for group in [*groups] * rounds:
        times.measure(partial(session, group))
    exits = np.bincount(stages, minlength=session.num_stages) / len(images)
    return {"milliseconds_per_image": 1000 * sum(times.cpu) / (rounds * len(images)), "exits": exits.tolist()}


def made(folder: Path) -> Bundle:
    """The bundle, with the static network in it."""
    torch.manual_seed(0)
    images = torch.randn(200, 3, PIXELS, PIXELS)
    net = s2dnas.analyse(create_model("resnet18", CLASSES, 3).eval(), images[:1])
    network = build(net.graph, net.space(len(SHARES), min_width=32).uniform(SHARES))
    rule = ExitRule("margin", thresholds(network, images))
    return export(network, rule, folder, static=build(net.graph, Plan(1, {}, {})), traced=True)


def thresholds(network: MultiStageNet, images: Tensor) -> tuple[float, ...]:
    """By which the shares ``EXITS`` of the images leave at the stages."""
    found: list[float] = []
    for stage in range(len(EXITS) - 1):
        rest = network.predict(images, ExitRule("margin", (*found, 0.0, *[0.0] * (len(EXITS) - 2 - stage))))
        scores = rest.scores[rest.stages == stage].sort(descending=True).values
        leaving = round(len(scores) * EXITS[stage] / sum(EXITS[stage:]))
        found.append(float(scores[leaving - 1 : leaving + 1].mean()))
    return tuple(found)


if __name__ == "__main__":
    main()
