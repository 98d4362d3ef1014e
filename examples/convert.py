"""One call from a trained static CNN to a dynamic one, saved in a folder; killed and started again, it goes on there.

python examples/convert.py
"""

import logging
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import s2dnas


def trained(images: Tensor, labels: Tensor) -> nn.Module:
    """Any trained static network will do; this one is small."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.Conv2d(24, 48, 3, 2, 1), nn.ReLU()]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, 10))
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    for index in torch.randperm(len(images)).repeat(6).split(64):
        optimizer.zero_grad()
        F.cross_entropy(net(images[index]), labels[index]).backward()
        optimizer.step()
    return net.eval()


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    digits = load_digits()
    images, labels = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None], torch.tensor(digits.target)
    train, held_out, test = (
        TensorDataset(images[a:b], labels[a:b]) for a, b in ((0, 1000), (1000, 1400), (1400, 1797))
    )
    static = trained(*train.tensors)

    with tempfile.TemporaryDirectory() as folder:
        how = s2dnas.Conversion(evaluations=20)
        loaders = DataLoader(train, batch_size=64, shuffle=True), DataLoader(held_out, batch_size=200)
        s2dnas.convert(static, *loaders, budget=0.5, epochs=3, folder=folder, how=how)
        network, rules = s2dnas.load(Path(folder) / "network")  # no need for the module's code any more

    answers = network.predict(test.tensors[0], next(iter(rules.values())))
    right = float((answers.labels == test.tensors[1]).double().mean())
    before = float((static(test.tensors[0]).argmax(-1) == test.tensors[1]).double().mean())
    print(f"static: {before:.1%} right at {network.info.static_macs / 1e6:.2f} M macs")
    print(f"dynamic: {right:.1%} right at {answers.macs.mean() / network.info.static_macs:.0%} of them")


if __name__ == "__main__":
    main()
