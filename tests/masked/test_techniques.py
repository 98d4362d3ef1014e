"""Added logits and scaled gradients: what they change, and that they change nothing else."""

import numpy as np
import pytest
import torch
from torch import Tensor

from oracle import error, random_plan, tiny
from s2dnas.exits import ExitRule
from s2dnas.masked.accumulate import accumulated
from s2dnas.masked.mode import Mode
from s2dnas.masked.shared import MaskedNet, SharedNet
from s2dnas.network.weights import static_weights
from s2dnas.space.assignment import stage_of_units
from s2dnas.staged.build import build

NAMES = ["residual", "inverted_residual", "dense"]


def masked(name: str, *, accumulate_logits: bool = False) -> MaskedNet:
    net = tiny(name)
    plan = random_plan(net.graph, 3, 1, seed=1)
    assert plan is not None
    return SharedNet(net.graph, static_weights(net.graph, 3), accumulate_logits=accumulate_logits).at(plan).eval()


def test_added_logits_are_running_sums_through_which_only_the_own_stage_learns() -> None:
    logits = torch.randn(3, 2, 4, requires_grad=True)
    result = accumulated(logits)
    torch.testing.assert_close(result, logits.cumsum(0))
    result[2].sum().backward()
    assert logits.grad is not None
    assert logits.grad.amax((1, 2)).tolist() == [0, 0, 1]


@pytest.mark.parametrize("name", NAMES)
def test_the_built_network_adds_logits_as_the_masked_one_does(name: str) -> None:
    net, own = tiny(name), masked(name, accumulate_logits=True)
    built = build(net.graph, own.plan, own.weights(), accumulate_logits=True)
    with torch.no_grad():
        expected = masked(name)(net.images).cumsum(0)
        assert error(own(net.images), expected) < 1e-9
        assert error(built(net.images), expected) < 1e-9


def test_samples_that_go_on_take_their_sums_with_them() -> None:
    net, own = tiny("residual"), masked("residual", accumulate_logits=True)
    built = build(net.graph, own.plan, own.weights(), accumulate_logits=True)
    images = net.images.repeat(4, 1, 1, 1) + torch.arange(12).view(-1, 1, 1, 1)
    with torch.no_grad():
        logits = built(images)
    sure = logits.softmax(-1).amax(-1)
    rule = ExitRule("max_probability", tuple(float(scores.median()) for scores in sure[:2]))
    answers = built.predict(images, rule)
    stages = answers.stages.numpy()
    assert len(set(stages.tolist())) > 1
    assert np.array_equal(answers.labels.numpy(), logits.argmax(-1).numpy()[stages, np.arange(len(stages))])


def gradients(net: MaskedNet, images: Tensor, stage: int, share: float) -> dict[str, Tensor]:
    net.zero_grad()
    net(images, Mode(carry_gradient=share))[stage].square().sum().backward()
    return {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", NAMES)
def test_scaling_gradients_leaves_the_answers_and_the_first_stage_s_learning_as_they_are(name: str) -> None:
    net, images = masked(name), tiny(name).images
    before = net(images)
    full, none = gradients(net, images, 0, 1.0), gradients(net, images, 0, 0.0)
    assert torch.equal(net(images), before)
    assert full.keys() == none.keys()
    for key in full:
        torch.testing.assert_close(none[key], full[key])


@pytest.mark.parametrize("name", NAMES)
def test_with_no_gradient_through_the_carry_later_stages_do_not_move_earlier_features(name: str) -> None:
    net, case = masked(name), tiny(name)
    stages = stage_of_units(case.graph, net.plan)
    full, none = gradients(net, case.images, 2, 1.0), gradients(net, case.images, 2, 0.0)
    moved = 0.0
    for layer in case.graph.body:
        if layer.groups == 1:
            earlier = torch.from_numpy(stages[layer.outputs] < 2)
            key = f"body.{layer.weight.replace('.', '/')}"
            assert none[key][earlier].abs().max().item() == 0
            moved += float(full[key][earlier].abs().max())
    assert moved > 0
