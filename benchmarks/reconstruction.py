"""What reconstructed weights are worth before any training, and how many images and seconds they take.

python benchmarks/reconstruction.py runs/resnet20 --json results/reconstruction.json

RUN is a folder whose static network is trained; the plan has shares of 1/2, 1/4, 1/4, with all indicators on.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor

from s2dnas.artifacts import write_json
from s2dnas.evaluation.collect import collect
from s2dnas.inherit.norms import with_recalibrated_norms
from s2dnas.inherit.reconstruct import reconstructed
from s2dnas.masked.shared import MaskedNet, SharedNet
from s2dnas.network.weights import static_weights
from s2dnas.pipeline.exits import on_test
from s2dnas.pipeline.opening import open_run
from s2dnas.pipeline.run import Run

SHARES = (0.5, 0.25, 0.25)
IMAGES = (64, 128, 256, 512, 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    run = open_run(given.run, None).without_copies()
    rows = []
    for name, make in (("cut", cut), ("reconstructed", fitted)):
        for count in IMAGES:
            rows.append({"weights": name, "images": count, **measured(run, make, count)})
            print(json.dumps(rows[-1]), flush=True)
    static = {"accuracy": on_test(run.feed, run.statics.trained), "macs": run.statics.graph.macs}
    content = {"model": run.start.model, "data": run.start.data, "shares": SHARES, "static": static, "rows": rows}
    write_json(given.json, "reconstruction", content)


def measured(run: Run, make: Callable[[Run, Tensor], MaskedNet], count: int) -> dict[str, object]:
    """Accuracies of the stages on the test split, and the seconds that the weights took."""
    images = next(iter(run.feed.plain(run.feed.splits.train, count)))[0]
    start = time.perf_counter()
    net = make(run, images)
    seconds = time.perf_counter() - start
    accuracies = np.round(collect(net, run.feed.plain(run.feed.splits.test)).stage_accuracy, 4).tolist()
    return {"stages": accuracies, "seconds": round(seconds, 2)}


def cut(run: Run, images: Tensor) -> MaskedNet:
    plan = run.study.space.uniform(SHARES)
    static = SharedNet(run.study.graph, static_weights(run.study.graph, plan.num_stages))
    return with_recalibrated_norms(static, plan, [images])


def fitted(run: Run, images: Tensor) -> MaskedNet:
    plan = run.study.space.uniform(SHARES)
    return SharedNet(run.study.graph, reconstructed(run.study.graph, plan, images)).at(plan)


if __name__ == "__main__":
    main()
