"""The loss of a plan's network: what each part of it does, at which moment, and for which networks."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from oracle import random_plan, tiny
from s2dnas.errors import SettingsError
from s2dnas.masked.features import Features
from s2dnas.masked.mode import Mode
from s2dnas.masked.shared import MaskedNet, SharedNet
from s2dnas.network.weights import static_weights
from s2dnas.staged.build import build
from s2dnas.training.feature_distillation import feature_distillation
from s2dnas.training.loss_weights import LossWeights
from s2dnas.training.moment import Moment
from s2dnas.training.multi_exit_loss import multi_exit_loss
from s2dnas.training.stage_loss import StageLoss

LABELS_ALONE = LossWeights(distillation=0.0, features=0.0)


def masked(name: str = "residual") -> MaskedNet:
    net = tiny(name)
    plan = random_plan(net.graph, 3, 1, seed=1)
    assert plan is not None
    return SharedNet(net.graph, static_weights(net.graph, 3)).at(plan).eval()


def batch() -> tuple[Tensor, Tensor]:
    images = tiny("residual").images
    return images, torch.arange(len(images)) % 3


def value(loss: StageLoss, net: nn.Module, progress: float = 1.0) -> float:
    return float(loss(net, *batch(), Moment(progress)).detach())


def test_the_defaults_are_labels_the_static_answers_and_features() -> None:
    net, (images, labels) = masked(), batch()
    with torch.no_grad():
        static, own, theirs = tiny("residual").model(images), Features(net.graph), Features(net.graph)
        logits = net(images, Mode(observer=own))
        StageLoss()._static_of(net, images)(images, Mode(observer=theirs))
        distance = feature_distillation(own.noted, theirs.noted)
        expected = multi_exit_loss(logits, labels, static, LossWeights(), 0.25) + 2.0 * 0.75 * distance
    assert float(distance) > 0
    assert value(StageLoss(), net, 0.25) == pytest.approx(float(expected))


def test_features_count_less_and_less() -> None:
    net = masked()
    early, late, end = (value(StageLoss(), net, progress) for progress in (0.0, 0.5, 1.0))
    assert early - end == pytest.approx(2 * (late - end))
    assert early > end


def test_a_teacher_that_is_given_answers_instead_of_the_static_network() -> None:
    net, distilling = masked(), LossWeights(features=0.0)
    same = StageLoss(tiny("residual").model, distilling)
    assert value(same, net) == pytest.approx(value(StageLoss(weights=distilling), net))

    class Sure(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.eye(3, dtype=x.dtype)[torch.zeros(len(x), dtype=torch.int64)] * 9

    for weights in (distilling, LossWeights()):
        assert value(StageLoss(Sure(), weights), net) != pytest.approx(value(StageLoss(weights=weights), net))


def test_forbidden_weights_fade_out_over_their_share_of_the_training() -> None:
    net, (images, labels) = masked(), batch()
    static = tiny("residual").model(images).detach().expand(3, -1, -1)
    loss = StageLoss(weights=LABELS_ALONE, fade=0.5)
    assert value(loss, net, 0.0) == pytest.approx(float(multi_exit_loss(static, labels, None, LABELS_ALONE)))
    plan_itself = float(multi_exit_loss(net(images).detach(), labels, None, LABELS_ALONE))
    assert value(loss, net, 0.25) != pytest.approx(plan_itself)
    assert value(loss, net, 0.5) == pytest.approx(plan_itself)


def test_less_of_the_gradient_reaches_earlier_features() -> None:
    def gradient(share: float) -> Tensor:
        net = masked()
        StageLoss(weights=LABELS_ALONE, carry_gradient=share)(net, *batch()).backward()
        weight = net.get_parameter("body.stem/0/weight")
        assert weight.grad is not None
        return weight.grad

    full, half, none = gradient(1.0), gradient(0.5), gradient(0.0)
    assert float((full - half).norm()) > 1e-6
    assert float((half - none).norm()) > 1e-6


def test_labels_may_be_probabilities() -> None:
    net, (images, labels) = masked(), batch()
    hard = nn.functional.one_hot(labels, 3).double()
    for weights in (LABELS_ALONE, LossWeights(label_smoothing=0.1)):
        loss = StageLoss(weights=weights)
        assert float(loss(net, images, hard).detach()) == pytest.approx(float(loss(net, images, labels).detach()))


def test_nothing_is_left_on_the_network() -> None:
    net, images = masked(), batch()[0]
    before = net(images)
    with pytest.raises(SettingsError):
        StageLoss(weights=LossWeights(alpha=(1.0,)), fade=1.0)(net, *batch(), Moment(0.1))
    assert torch.equal(net(images), before)


def test_a_built_network_learns_from_labels_and_a_teacher() -> None:
    net, (images, labels) = masked(), batch()
    built = build(net.graph, net.plan, net.weights())
    weights = LossWeights(features=0.0)
    teacher = tiny("residual").model
    expected = multi_exit_loss(built(images), labels, teacher(images), weights)
    assert value(StageLoss(teacher, weights), built) == pytest.approx(float(expected.detach()))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "features need the masked network"),
        ({"weights": LABELS_ALONE, "fade": 0.5}, "fade need the masked network"),
        ({"weights": LABELS_ALONE, "carry_gradient": 0.5}, "carry_gradient need the masked network"),
        ({"weights": LossWeights(features=0.0)}, "distillation needs a teacher"),
    ],
)
def test_what_a_built_network_cannot_learn_from_is_said(arguments: dict[str, Any], said: str) -> None:
    net = masked()
    with pytest.raises(SettingsError, match=said):
        StageLoss(**arguments)(build(net.graph, net.plan, net.weights()), *batch())


@pytest.mark.parametrize("wrong", [{"fade": -0.1}, {"carry_gradient": 1.5}])
def test_shares_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=r"must lie in \[0, 1\]"):
        StageLoss(**wrong)  # type: ignore[arg-type]
