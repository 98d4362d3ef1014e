"""Your own module, your own training loop: from a static CNN to predictions that leave early.

python examples/own_model.py
"""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

import s2dnas


class Net(nn.Module):
    """Any module from images (N, C, H, W) to logits (N, K); nothing in it knows of s2dnas."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        self.inner = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        self.deep = nn.Sequential(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU())
        self.classifier = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.inner(x)
        return self.classifier(self.deep(x).mean(dim=(2, 3)))


def data() -> tuple[list[Tensor], list[Tensor]]:
    """Images and labels of three disjoint parts: train, calibrate, test."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images = torch.tensor(digits.images[order] / 16, dtype=torch.float32)[:, None]
    return list(images.split([1100, 350, 347])), list(torch.tensor(digits.target[order]).split([1100, 350, 347]))


def batches(images: Tensor, labels: Tensor, epochs: int) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for index in torch.randperm(len(images), generator=generator).split(64):
            yield images[index], labels[index]


def main() -> None:
    (train, calibrate, test), (train_labels, calibrate_labels, test_labels) = data()
    torch.manual_seed(0)
    static = Net()
    optimizer = torch.optim.AdamW(static.parameters(), lr=3e-3)
    for x, y in batches(train, train_labels, epochs=6):
        optimizer.zero_grad()
        F.cross_entropy(static(x), y).backward()
        optimizer.step()
    static.eval()

    net = s2dnas.analyse(static, train[:1])
    print(net)
    space = net.space(num_stages=3, min_width=4)
    student = net.trainable(space.uniform([0.25, 0.25, 0.5]), train[:256])  # or the plan that find_plan found

    loss, steps = s2dnas.StageLoss(), 4 * (len(train) // 64 + 1)
    optimizer = torch.optim.AdamW(student.parameters(), lr=3e-3)
    student.train()
    for step, (x, y) in enumerate(batches(train, train_labels, epochs=4)):
        optimizer.zero_grad()
        loss(student, x, y, s2dnas.Moment(step / steps)).backward()
        optimizer.step()

    dynamic = net.build(student)
    rule = s2dnas.calibrate(dynamic, [(calibrate, calibrate_labels)], budget=0.4)
    answers = dynamic.predict(test, rule)

    right = float((answers.labels == test_labels).double().mean())
    before = float((static(test).argmax(-1) == test_labels).double().mean())
    leaving = torch.bincount(answers.stages, minlength=3).tolist()
    print(f"static: {before:.1%} right at {net.static_macs / 1e6:.2f} M macs; {space.size:,} plans in the search space")
    print(
        f"dynamic: {right:.1%} right at {answers.macs.mean() / net.static_macs:.0%} of them; {leaving} leave per stage"
    )


if __name__ == "__main__":
    main()
