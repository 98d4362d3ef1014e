"""What int8 brings: seconds of ResNet-18 on 64x64 images, and the answers of a trained network.

python benchmarks/int8.py --json results/int8.json --weights resnet20.safetensors --data cifar10-jpeg

Times are of the processor, of one thread, for the same images in batches; static and dynamic, float32 and int8 take
turns, A B A B, and medians are compared. ResNet-18 is untrained and its images are noise: thresholds are set so that
the share that is named leaves at the first stage, and the rest goes to the end.

With weights of ResNet-20, normalised as for ImageNet, and its data, a dynamic one is made by least squares and some
steps of training, calibrated on the calibration split, and the test split is answered in both precisions.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

import s2dnas
from s2dnas.artifacts import write_json
from s2dnas.data.images import ImageData
from s2dnas.data.normalise import IMAGENET_STATS, normalise
from s2dnas.data.sources import load_data
from s2dnas.data.splits import split
from s2dnas.exits import ExitRule
from s2dnas.exits.rule import NEVER
from s2dnas.export.bundling import export
from s2dnas.export.int8 import quantise
from s2dnas.export.precisions import compare_precisions
from s2dnas.masked.shared import MaskedNet
from s2dnas.models.registry import create_model
from s2dnas.models.weights import load_weights
from s2dnas.runtime import Bundle, Session
from s2dnas.runtime.bench import thresholds_for_share
from s2dnas.runtime.one_graph import OneGraph
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine
from s2dnas.space.plan import Plan
from s2dnas.staged.build import build
from s2dnas.values import logits_name

PLANS = ((0.5, 0.25, 0.25), (0.375, 0.25, 0.375))
"""Shares of the channels per stage, in pieces of 16 channels, which fill the registers of any processor."""
BATCHES = (1, 8, 64)
EXITS = (0.0, 0.7)
IMAGES = 64
SHARES = PLANS[0]
BUDGETS = (0.3, 0.4, 0.5)
BATCH = 64

Images = np.ndarray[Any, np.dtype[np.float32]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="of ResNet-20, as safetensors")
    parser.add_argument("--data", help="as for `s2dnas run`")
    parser.add_argument("--steps", type=int, default=150, help="of training")
    parser.add_argument("--calibration", type=int, default=512, help="images that int8 is calibrated on")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    speed = [row for shares in PLANS for row in timed(shares, given.rounds)]
    content: dict[str, Any] = {"rounds": given.rounds, "images": IMAGES, "speed": speed}
    if given.weights is not None:
        content["answers"] = answered(given.weights, given.data, given.steps, given.calibration)
    write_json(given.json, "int8", content)


def timed(shares: tuple[float, ...], rounds: int) -> list[dict[str, Any]]:
    """A row per size of batch and share of exits."""
    images = np.random.default_rng(0).standard_normal((IMAGES, 3, 64, 64)).astype(np.float32)
    rows = []
    with TemporaryDirectory() as folder:
        pair = resnet18(shares, images, Path(folder))
        for batch in BATCHES:
            for exits in EXITS:
                work = {f"static {bundle.manifest.precision}": static(bundle, images, batch) for bundle in pair}
                work |= {
                    f"dynamic {bundle.manifest.precision}": dynamic(bundle, images, batch, exits) for bundle in pair
                }
                seconds = in_turn(work, rounds)
                speedups = {name: seconds["static float32"] / value for name, value in seconds.items()}
                milliseconds = {name: 1e3 * value / IMAGES for name, value in seconds.items()}
                rows.append(
                    {
                        "shares": shares,
                        "batch": batch,
                        "exits": exits,
                        "milliseconds": milliseconds,
                        "speedups": speedups,
                    }
                )
                print(f"{shares}, batches of {batch}, {exits:.0%} leave at once:", flush=True)
                print(
                    *(f"  {name}: {milliseconds[name]:.3f} ms, {value:.2f} x" for name, value in speedups.items()),
                    sep="\n",
                )
    return rows


def resnet18(shares: Sequence[float], images: Images, folder: Path) -> tuple[Bundle, Bundle]:
    """In float32 and in int8."""
    torch.manual_seed(0)
    network = s2dnas.analyse(create_model("resnet18", 10).eval(), torch.from_numpy(images[:2]))
    plan = network.space(len(shares), min_width=16).uniform(shares)
    print(f"{tuple(shares)}: stages cost", np.round(network.macs(plan) / network.static_macs, 3))
    rule = ExitRule("margin", (NEVER,) * (len(shares) - 1))
    whole = build(network.graph, Plan(1, {}, {}))
    bundle = export(build(network.graph, plan), rule, folder / "float32", static=whole, traced=True)
    return bundle, quantise(bundle, images, folder / "int8")


def static(bundle: Bundle, images: Images, batch: int) -> Callable[[], None]:
    """What answers the images with the network that was divided."""
    assert bundle.manifest.static is not None
    network = OneGraph(OnnxruntimeEngine().load(bundle.graph(bundle.manifest.static)))

    def run() -> None:
        for start in range(0, len(images), batch):
            network(images[start : start + batch])

    return run


def dynamic(bundle: Bundle, images: Images, batch: int, exits: float) -> Callable[[], None]:
    """What answers the images with the stages; a share ``exits`` of them leaves at the first."""
    session = Session(bundle)
    thresholds = thresholds_for_share(session, images, exits)

    def run() -> None:
        for start in range(0, len(images), batch):
            session(images[start : start + batch], thresholds=thresholds)

    return run


def in_turn(work: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median seconds of the processor, after a round that prepares kernels."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds + 1):
        for name, run in work.items():
            start = time.process_time()
            run()
            seconds[name].append(time.process_time() - start)
    return {name: float(np.median(values[1:])) for name, values in seconds.items()}


def answered(weights: Path, data: str, steps: int, count: int) -> dict[str, Any]:
    """Both precisions of a dynamic ResNet-20 on the test split."""
    splits = split(load_data(data), seed=0)
    static = create_model("resnet20", splits.test.num_classes)
    load_weights(static, weights)
    network = s2dnas.analyse(static.eval(), torch.zeros(1, *splits.test.image_shape))
    plan = network.space().uniform(SHARES)
    dynamic = network.build(trained(network.trainable(plan, normalised(splits.train, 512)[0]), splits.train, steps))
    budgets = {f"macs <= {share:.0%} of static": share for share in BUDGETS}
    held_out = [normalised(splits.calibrate, len(splits.calibrate))]
    rules = {name: s2dnas.calibrate(dynamic, held_out, budget=share) for name, share in budgets.items()}
    seen, _ = normalised(splits.calibrate, count)
    images, labels = (tensor.numpy() for tensor in normalised(splits.test, len(splits.test)))
    with TemporaryDirectory() as folder:
        whole = build(network.graph, Plan(1, {}, {}))
        float32 = export(dynamic, rules, Path(folder) / "float32", static=whole, traced=True)
        int8 = quantise(float32, seen.numpy(), Path(folder) / "int8")
        found = asdict(compare_precisions(float32, int8, images, labels))
        found["static"] = {one.manifest.precision: static_accuracy(one, images, labels) for one in (float32, int8)}
    print("static:", found["static"])
    for name, point in found["points"].items():
        print(name, *(f"{key}: {value}" for key, value in point.items()), sep="\n  ")
    macs = (network.macs(plan) / network.static_macs).tolist()
    return {"data": data, "calibration": len(seen), "test": len(images), "steps": steps, "macs": macs, **found}


def trained(net: MaskedNet, data: ImageData, steps: int) -> MaskedNet:
    """A few steps of SGD on what the least squares have left."""
    images, labels = normalised(data, steps * BATCH)
    optimizer, loss = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9), s2dnas.StageLoss()
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    net.train()
    for number, (some, right) in enumerate(zip(images.split(BATCH), labels.split(BATCH), strict=True), start=1):
        optimizer.zero_grad()
        total = loss(net, some, right)
        total.backward()
        optimizer.step()
        schedule.step()
        if number % 20 == 0:
            print(f"step {number} of {steps}: loss {float(total):.2f}", flush=True)
    return net.eval()


def normalised(data: ImageData, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Some images (N, C, H, W), chosen at random but always the same, and their labels."""
    some = data.subset(torch.randperm(len(data), generator=torch.Generator().manual_seed(0))[:count])
    return normalise(some.images / 255, IMAGENET_STATS), some.labels


def static_accuracy(bundle: Bundle, images: Images, labels: np.ndarray[Any, np.dtype[np.int64]]) -> float:
    """Of the network that was divided."""
    assert bundle.manifest.static is not None
    network = OneGraph(OnnxruntimeEngine().load(bundle.graph(bundle.manifest.static)))
    logits = [network(images[start : start + BATCH])[logits_name(0)].copy() for start in range(0, len(images), BATCH)]
    return float(np.mean(np.concatenate(logits).argmax(axis=1) == labels))


if __name__ == "__main__":
    main()
