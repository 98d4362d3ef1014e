"""Thin stages learn in spite of the dropout that a wide static network has."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from s2dnas.api.network import Network, analyse
from s2dnas.data.sources import load_data
from s2dnas.evaluation.collect import stage_accuracies
from s2dnas.masked import dropout
from s2dnas.training.compute import Compute
from s2dnas.training.label_loss import LabelLoss
from s2dnas.training.loop import TrainingTask, fit
from s2dnas.training.moment import Loss
from s2dnas.training.recipe import Recipe
from s2dnas.training.stage_loss import StageLoss

IMAGES, BATCH, WIDTH, HIDDEN = 400, 50, 8, 32


def tiny_vgg() -> nn.Module:
    layers: list[nn.Module] = []
    for given, made in ((1, WIDTH), (WIDTH, 2 * WIDTH)):
        layers += [nn.Conv2d(given, made, 3, padding=1), nn.BatchNorm2d(made), nn.ReLU(), nn.MaxPool2d(2)]
    for given in (8 * WIDTH, HIDDEN):
        layers += [nn.Linear(given, HIDDEN), nn.ReLU(), nn.Dropout()]
    return nn.Sequential(*layers[:8], nn.Flatten(), *layers[8:], nn.Linear(HIDDEN, 10))


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    data = load_data("digits", None, 1000).train
    images = data.images.float()
    return (images - images.mean()) / images.std(), data.labels


def trained(net: nn.Module, loss: Loss, digits: tuple[Tensor, Tensor]) -> nn.Module:
    images, labels = digits

    def batches(generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        return ((images[part], labels[part]) for part in torch.randperm(IMAGES, generator=generator).split(BATCH))

    recipe = Recipe(epochs=12, learning_rate=0.02, warmup_epochs=0.5)
    task = TrainingTask(net, loss, batches, IMAGES // BATCH)
    fit(task, recipe, compute=Compute(torch.device("cpu")), checkpoint=None, seed=0)
    return net


@pytest.fixture(scope="module")
def static(digits: tuple[Tensor, Tensor]) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return analyse(trained(tiny_vgg(), LabelLoss(), digits), digits[0][:1])


def accuracies(static: Network, digits: tuple[Tensor, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Of the stages on other images, before and after a training."""
    (images, labels), plan = digits, static.space(3, 1).uniform([0.125, 0.375, 0.5])
    student, others = static.trainable(plan, images[:IMAGES]), [(images[IMAGES:], labels[IMAGES:])]
    before = np.array(list(stage_accuracies(student, others).values()))
    trained(student, StageLoss(), digits)
    return before, np.array(list(stage_accuracies(student, others).values()))


def test_no_stage_collapses_by_dropout(
    static: Network, digits: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, by_width = accuracies(static, digits)
    monkeypatch.setattr(dropout, "stage_dropout", lambda *_: {})  # every stage as the static network
    _, everywhere = accuracies(static, digits)
    assert everywhere[0] < before[0]
    assert (by_width > before + 0.05).all()
    assert by_width[0] > everywhere[0] + 0.15
    assert (by_width > everywhere).all()
