"""Built network, shared network and the user's own module with forbidden weights zeroed agree, for any plan."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nets import NETS
from oracle import Subject, error, random_plan, stage_as_static, tiny
from s2dnas.masked.shared import MaskedNet, SharedNet
from s2dnas.network.weights import static_weights
from s2dnas.space.plan import Plan
from s2dnas.staged.build import MultiStageNet, build

TOLERANCE = 1e-9
EVERY_NET = pytest.mark.parametrize("name", NETS)
# The user's module holds a weight once, for body and tail; or it computes one value of which each stage has its own.
NOT_ONE_PASS = {"used_in_body_and_tail", "read_by_tail", "spatial_gate"}


@st.composite
def plans(draw: st.DrawFn, net: Subject, stages: tuple[int, ...] = (2, 3, 4)) -> Plan:
    """A random plan; where the network is too thin for so many stages, one of two stages."""
    seed, num_stages, min_width = draw(st.integers(0, 999)), draw(st.sampled_from(stages)), draw(st.integers(1, 3))
    plan = random_plan(net.graph, num_stages, min_width, seed) or random_plan(net.graph, 2, 1, seed)
    assert plan is not None
    return plan


def shared_net(net: Subject, num_stages: int) -> SharedNet:
    return SharedNet(net.graph, static_weights(net.graph, num_stages)).eval()


def pair(net: Subject, plan: Plan) -> tuple[MultiStageNet, MaskedNet]:
    return build(net.graph, plan), shared_net(net, plan.num_stages).at(plan).eval()


@EVERY_NET
@given(data=st.data())
@settings(max_examples=3)
def test_built_and_masked_equal_the_static_network_without_the_forbidden_weights(
    name: str, data: st.DataObject
) -> None:
    net = tiny(name)
    plan = data.draw(plans(net))
    built, masked = pair(net, plan)
    with torch.no_grad():
        logits = built(net.images)
        assert error(masked(net.images), logits) < TOLERANCE
        assert error(shared_net(net, plan.num_stages)(net.images, plan), logits) < TOLERANCE
        assert error(built(net.images[:1]), logits[:, :1]) < TOLERANCE
        for stage in range(plan.num_stages):
            if name not in NOT_ONE_PASS:
                assert error(logits[stage], stage_as_static(net, plan, stage)(net.images)) < TOLERANCE


@EVERY_NET
def test_one_stage_is_the_static_network(name: str) -> None:
    net, plan = tiny(name), Plan(1, {}, {})
    built, masked = pair(net, plan)
    with torch.no_grad():
        static = net.model(net.images)[None]
        assert error(built(net.images), static) < TOLERANCE
        assert error(masked(net.images), static) < TOLERANCE


@EVERY_NET
def test_every_stage_is_the_static_network_while_forbidden_weights_are_kept(name: str) -> None:
    net = tiny(name)
    plan = random_plan(net.graph, 2, 1, seed=0)
    assert plan is not None
    with torch.no_grad():
        static = net.model(net.images)
        logits = shared_net(net, 2)(net.images, plan, leak=1.0)
        assert error(logits, torch.stack([static, static])) < TOLERANCE


@EVERY_NET
@given(data=st.data())
@settings(max_examples=2)
def test_training_agrees_in_logits_gradients_and_running_statistics(name: str, data: st.DataObject) -> None:
    net = tiny(name)
    plan = data.draw(plans(net, stages=(2, 3)))
    built, masked = (module.train() for module in pair(net, plan))
    weights = torch.linspace(0.5, 1.5, plan.num_stages * net.images.shape[0], dtype=net.images.dtype)
    weights = weights.view(plan.num_stages, -1, 1) * torch.tensor([1.0, -0.5, 0.2], dtype=net.images.dtype)
    logits = [module(net.images) for module in (built, masked)]
    assert error(*logits) < TOLERANCE
    for values in logits:
        (values * weights).sum().backward()
    _compare_tensors(built, masked)


def _compare_tensors(built: MultiStageNet, masked: MaskedNet) -> None:
    """Gradients and running statistics of the stages, for each tensor of the masked network."""
    own = masked.weights()
    for name, tensor in own.body.items():
        _compare([part for stage in built.stages if (part := _find(stage, name)) is not None], tensor)
    for stage, head in zip(built.stages, own.heads, strict=True):
        for name, tensor in head.items():
            part = _find(stage, f"{name}_of_classifier" if name in own.body else name)
            assert part is not None
            _compare([part], tensor)


def _find(stage: torch.nn.Module, name: str) -> Tensor | None:
    return {**dict(stage.named_parameters()), **dict(stage.named_buffers())}.get(name)


def _compare(parts: list[Tensor], whole: Tensor) -> None:
    """Parts are slices that together hold the same numbers, in some order, or each stage has a copy of the whole."""
    if isinstance(whole, torch.nn.Parameter):
        numbers = [torch.zeros_like(part) if part.grad is None else part.grad for part in parts]
        expected = torch.zeros_like(whole) if whole.grad is None else whole.grad
    else:
        numbers, expected = parts, whole
    if len(parts) > 1 and all(part.shape == whole.shape for part in parts):
        total = torch.stack(numbers).sum(0) if isinstance(whole, torch.nn.Parameter) else numbers[0]
        torch.testing.assert_close(total, expected)
    else:
        found = torch.cat([number.flatten() for number in numbers])
        torch.testing.assert_close(_significant(found), _significant(expected))


def _significant(numbers: Tensor) -> Tensor:
    """In order of size, without the zeros of weights that a stage does not have."""
    return numbers[numbers.abs() > 1e-12].sort().values
