"""Search a plan from Python: train the shared network on drawn plans, let a controller choose, see what it found.

python examples/search_a_plan.py
"""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

import s2dnas
from s2dnas.evaluation.norms import at_with_norms
from s2dnas.models.resnet import resnet20
from s2dnas.network.shared import SharedNet
from s2dnas.network.weights import static_weights
from s2dnas.search.evaluators import Objective, evaluator
from s2dnas.search.loop import best, search
from s2dnas.search.strategy import make_strategy


def main() -> None:
    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None]
    labels = torch.tensor(digits.target)
    train, held_out = (images[:1200], labels[:1200]), (images[1200:], labels[1200:])

    torch.manual_seed(0)
    traced = s2dnas.trace(resnet20(num_classes=10, in_channels=1), images[:1])
    graph = s2dnas.analyse(traced)
    space = s2dnas.search_space(graph, num_stages=3, min_width=4)
    print(f"{space.size:.1e} plans in the search space")

    shared = SharedNet(traced, graph, static_weights(traced, graph, num_stages=3))
    optimizer = torch.optim.AdamW(shared.parameters(), lr=3e-3)
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    shared.train()
    for index in torch.randperm(1200, generator=generator).repeat(5).split(64):
        optimizer.zero_grad()
        s2dnas.multi_exit_loss(
            shared(train[0][index], space.sample(rng)), train[1][index], None, s2dnas.LossWeights()
        ).backward()
        optimizer.step()

    objective = Objective(static_macs=graph.macs, budgets=(0.5 * graph.macs,))
    network_of = partial(at_with_norms, shared, batches=[train[0][:512]])
    evaluate = evaluator(network_of, [held_out], objective)  # or any function Plan -> Score
    strategy = make_strategy("controller", space, seed=0)
    with tempfile.TemporaryDirectory() as folder:  # a journal that is kept lets a killed search go on
        entries = search(strategy, evaluate, evaluations=30, batch=10, journal=Path(folder) / "journal.jsonl")
    found = best(entries)
    shares = np.round(s2dnas.cost_model(graph).macs(found.plan) / graph.macs, 2)
    print(f"best of {len(entries)} plans: reward {found.score.reward:.3f}; stages cost {shares} of the static macs")


if __name__ == "__main__":
    main()
