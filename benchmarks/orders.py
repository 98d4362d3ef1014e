"""Which order of units starts a division best: accuracies of a fixed plan before and after the same short training.

python benchmarks/orders.py runs/resnet20-cifar10-jpeg --epochs 1 --json results/orders.json
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from s2dnas.artifacts import write_json
from s2dnas.evaluation.collect import collect
from s2dnas.graph.analysis import analyse_channels
from s2dnas.inherit.norms import with_recalibrated_norms
from s2dnas.masked.shared import MaskedNet, SharedNet
from s2dnas.network.weights import static_weights
from s2dnas.pipeline.opening import open_run
from s2dnas.pipeline.run import Run
from s2dnas.space.division import search_space
from s2dnas.space.importance import IMPORTANCES, by_importance
from s2dnas.training.loop import TrainingTask, fit
from s2dnas.training.recipe import Recipe
from s2dnas.training.stage_loss import StageLoss

SHARES = (0.5, 0.25, 0.25)
NORM_IMAGES = 4000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a run folder whose static network is trained")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    run = open_run(given.run, None).without_copies()
    rows = []
    for importance in IMPORTANCES:
        rows.append({"order": importance, **measure(run, importance, given.epochs)})
        print(json.dumps(rows[-1]), flush=True)
    content = {"model": run.start.model, "data": run.start.data, "shares": SHARES, "epochs": given.epochs, "rows": rows}
    write_json(given.json, "orders", content)


def measure(run: Run, importance: str, epochs: int) -> dict[str, list[float]]:
    """Accuracies of the stages on the search split: cut but untrained, and after training."""
    net = divided(run, importance)
    before = accuracies(run, net)
    train(run, net, epochs)
    return {"before": before, "after": accuracies(run, net)}


def divided(run: Run, importance: str) -> MaskedNet:
    stages, (images, _) = run.settings.space.num_stages, next(iter(run.feed.plain(run.feed.splits.train)))
    graph = by_importance(analyse_channels(run.study.graph.traced), importance, images)
    plan = search_space(graph, stages, run.settings.space.min_width).uniform(SHARES)
    static = SharedNet(graph, static_weights(graph, stages))
    return with_recalibrated_norms(static, plan, norm_images(run))


def norm_images(run: Run) -> list[torch.Tensor]:
    images = run.feed.splits.train.subset(torch.arange(min(NORM_IMAGES, len(run.feed.splits.train))))
    return [batch for batch, _ in run.feed.plain(images)]


def accuracies(run: Run, net: MaskedNet) -> list[float]:
    return np.round(collect(net, run.feed.plain(run.feed.splits.search)).stage_accuracy, 4).tolist()


def train(run: Run, net: MaskedNet, epochs: int) -> None:
    batches, count = run.feed.training(run.settings.train.batch_size)
    recipe = Recipe(epochs=epochs, learning_rate=run.settings.train.learning_rate, warmup_epochs=0.1)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "checkpoint.safetensors"
        fit(
            TrainingTask(net, StageLoss(run.statics.trained, replace(run.settings.loss, features=0.0)), batches, count),
            recipe,
            compute=run.compute,
            checkpoint=checkpoint,
            seed=run.seeds.of("orders"),
        )


if __name__ == "__main__":
    main()
