"""The shared network holds one set of weights; a plan's view of it has its own running statistics only."""

import copy

import pytest
import torch

from oracle import error, random_plan, tiny
from s2dnas.masked.masks import stage_masks
from s2dnas.masked.mode import Mode
from s2dnas.masked.shared import SharedNet
from s2dnas.network.weights import static_weights
from s2dnas.space.plan import Plan
from s2dnas.staged.build import build


def shared_and_plan(name: str, num_stages: int = 2) -> tuple[SharedNet, Plan]:
    net = tiny(name)
    plan = random_plan(net.graph, num_stages, 1, seed=0)
    assert plan is not None
    return SharedNet(net.graph, static_weights(net.graph, num_stages)).eval(), plan


def test_a_step_on_a_plan_trains_the_shared_weights() -> None:
    shared, plan = shared_and_plan("residual")
    images = tiny("residual").images
    masked = shared.at(plan).train()
    before = masked(images).detach()
    optimizer = torch.optim.SGD(masked.parameters(), lr=0.1)
    masked(images).square().mean().backward()
    optimizer.step()
    assert all(a is b for a, b in zip(masked.parameters(), shared.parameters(), strict=True))
    assert error(masked(images), before) > 1e-3
    assert error(shared.at(plan).train()(images), masked(images)) < 1e-9


def test_running_statistics_of_a_plan_are_its_own() -> None:
    shared, plan = shared_and_plan("residual")
    kept = copy.deepcopy(shared.state_dict())
    masked = shared.at(plan).train()
    masked(tiny("residual").images)
    assert all(torch.equal(kept[name], value) for name, value in shared.state_dict().items())
    moved = masked.weights().body["stem.1.running_mean"]
    assert not torch.equal(moved, shared.weights().body["stem.1.running_mean"])


def test_momentum_one_takes_over_the_statistics_of_the_batch() -> None:
    shared, plan = shared_and_plan("residual")
    images = tiny("residual").images
    masked = shared.at(plan).train()
    masked(images, Mode(momentum=1.0))
    stem = torch.nn.functional.conv2d(images, shared.weights().body["stem.0.weight"], padding=1)
    torch.testing.assert_close(masked.weights().body["stem.1.running_mean"], stem.mean((0, 2, 3)))


def test_trained_weights_of_the_shared_network_are_built_in() -> None:
    net = tiny("residual")
    shared, plan = shared_and_plan("residual")
    with torch.no_grad():
        for parameter in shared.parameters():
            parameter.mul_(1.3).add_(0.01)
        built = build(net.graph, plan, shared.weights())
        assert error(built(net.images), shared(net.images, plan)) < 1e-9


def test_forbidden_weights_fade_out() -> None:
    net = tiny("residual")
    shared, plan = shared_and_plan("residual")
    with torch.no_grad():
        plain, static = shared(net.images, plan), net.model(net.images)
        distances = [error(shared(net.images, plan, leak), plain) for leak in (1.0, 0.5, 0.1, 0.0)]
        assert distances == sorted(distances, reverse=True)
        assert distances[-1] == 0
        masked = shared.at(plan).eval()
        assert error(masked(net.images, Mode(leak=1.0))[0], static) < 1e-9


def test_a_mask_is_block_lower_triangular() -> None:
    net = tiny("vgg")
    _, plan = shared_and_plan("vgg", num_stages=3)
    masks = stage_masks(net.graph, plan)
    for layer in net.graph.mixing:
        mask = masks[layer.nodes[0]]
        assert set(mask.unique().tolist()) <= {0.0, 1.0}
        if layer.in_tail:
            assert mask.shape == (3, 1, len(layer.inputs))
            assert bool((mask[0] <= mask[1]).all() and (mask[1] <= mask[2]).all() and mask[2].all())
        else:
            assert mask.shape == (len(layer.outputs), len(layer.inputs))


@pytest.mark.parametrize("name", ["residual", "dropout"])
def test_a_copy_is_independent(name: str) -> None:
    shared, plan = shared_and_plan(name)
    twin = copy.deepcopy(shared)
    with torch.no_grad():
        before = shared(tiny(name).images, plan)
        for parameter in twin.parameters():
            parameter.zero_()
        assert torch.equal(shared(tiny(name).images, plan), before)


def test_the_masks_move_with_the_network_and_are_not_saved() -> None:
    shared, plan = shared_and_plan("vgg")
    masked = shared.at(plan)
    assert not [name for name in masked.state_dict() if "mask" in name]
    assert error(masked.float()(tiny("vgg").images.float()), shared.double()(tiny("vgg").images, plan).float()) < 1e-4
