"""Search a plan from Python: score plans with reconstructed weights, let a controller choose, see what it found.

python examples/search_a_plan.py
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

import s2dnas
from s2dnas.inherit.reconstruct import Reconstruction
from s2dnas.network.weights import static_weights
from s2dnas.search.evaluators import Objective, evaluator
from s2dnas.search.loop import best_entry, search
from s2dnas.search.registry import make_strategy
from s2dnas.space.plan import Plan
from s2dnas.staged.build import MultiStageNet


def layers(given: int, made: int, stride: int) -> Iterator[nn.Module]:
    yield from (nn.Conv2d(given, made, 3, stride, 1, bias=False), nn.BatchNorm2d(made), nn.ReLU())


def trained(images: Tensor, labels: Tensor) -> nn.Module:
    """Any trained static network will do; this one is small."""
    torch.manual_seed(0)
    body = [*layers(1, 16, 1), *layers(16, 32, 2), *layers(32, 64, 2)]
    net = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    for index in torch.randperm(len(images)).repeat(5).split(64):
        optimizer.zero_grad()
        F.cross_entropy(net(images[index]), labels[index]).backward()
        optimizer.step()
    return net.eval()


def main() -> None:
    digits = load_digits()
    images, labels = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None], torch.tensor(digits.target)
    train, held_out = images[:1200], (images[1200:], labels[1200:])

    traced = s2dnas.trace(trained(train, labels[:1200]), images[:1])
    graph = s2dnas.by_importance(s2dnas.analyse_channels(traced))
    space = s2dnas.search_space(graph, num_stages=3, min_width=4)
    print(f"{space.size:.1e} plans in the search space")

    reconstruction = Reconstruction(graph, train[:256], static_weights(graph, num_stages=3))

    def network_of(plan: Plan) -> MultiStageNet:
        return s2dnas.build(graph, plan, reconstruction.at(plan))

    objective = Objective(static_macs=graph.macs, budgets=(0.5 * graph.macs,))
    evaluate = evaluator(network_of, [held_out], objective)  # or any function Plan -> Score
    strategy = make_strategy("controller", space, seed=0)
    with tempfile.TemporaryDirectory() as folder:  # a journal that is kept lets a killed search go on
        entries = search(strategy, evaluate, evaluations=30, batch=10, journal=Path(folder) / "journal.jsonl")
    found = best_entry(entries)
    shares = np.round(s2dnas.cost_model(graph).macs(found.plan) / graph.macs, 2)
    print(f"best of {len(entries)} plans: {found.score.accuracy:.1%} right, untrained; macs of the stages: {shares}")


if __name__ == "__main__":
    main()
