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

    net = s2dnas.analyse(trained(train, labels[:1200]), images[:1])
    space = net.space(num_stages=3, min_width=4)
    print(f"{space.size:.1e} plans in the search space")

    evaluator = net.evaluator(train[:256], [held_out], budget=0.5)  # or any function from a plan to a Score
    with tempfile.TemporaryDirectory() as folder:  # a journal that is kept lets a killed search go on
        journal = Path(folder) / "journal.jsonl"
        found = s2dnas.find_plan(space, evaluator, evaluations=30, strategy="reinforce", journal=journal)
    shares = np.round(net.macs(found.best) / net.static_macs, 2)
    print(
        f"best of {len(found.entries)} plans: {found.score.accuracy:.1%} right, untrained; macs of the stages: {shares}"
    )


if __name__ == "__main__":
    main()
