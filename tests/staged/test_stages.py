"""Stages are causal, run on any subset of samples, and cost what the cost model says."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from nets import NETS
from oracle import error, random_plan, stage_as_static, subject, tiny
from s2dnas.errors import ModelError
from s2dnas.network.staged_net import Carry
from s2dnas.space.cost import cost_model
from s2dnas.space.plan import Plan
from s2dnas.staged.build import MultiStageNet, build
from s2dnas.staged.slicing import SLICERS

EVERY_NET = pytest.mark.parametrize("name", NETS)
TOLERANCE = 1e-9


def built(name: str, num_stages: int = 2, seed: int = 0, min_width: int = 1) -> tuple[MultiStageNet, Plan]:
    net = tiny(name)
    plan = random_plan(net.graph, num_stages, min_width, seed) or random_plan(net.graph, 2, 1, seed)
    assert plan is not None
    return build(net.graph, plan), plan


def counted(module: Callable[..., Any], *arguments: Any) -> tuple[int, Any]:
    """Multiply-adds of convolutions and linear layers, as PyTorch counts them, and the result.

    What attention multiplies, features with features, is left out.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        result = module(*arguments)
    by_operator = counter.get_flop_counts()["Global"]
    products = {torch.ops.aten.bmm, torch.ops.aten._scaled_dot_product_flash_attention_for_cpu}
    return sum(flops for op, flops in by_operator.items() if op not in products) // 2, result


@EVERY_NET
@given(num_stages=st.integers(2, 4), min_width=st.integers(1, 3), seed=st.integers(0, 99))
@settings(max_examples=2)
def test_the_cost_model_says_what_a_counter_counts(name: str, num_stages: int, min_width: int, seed: int) -> None:
    net = tiny(name)
    module, plan = built(name, num_stages, seed, min_width)
    carry: Carry = ()
    macs = []
    for index in range(module.num_stages):
        count, (_, carry) = counted(module.stage, index, net.images[:1], carry)
        macs.append(count + sum(macs[-1:]))
    assert cost_model(net.graph).macs(plan).tolist() == macs == list(module.macs)


@EVERY_NET
def test_the_static_macs_are_what_a_counter_counts(name: str) -> None:
    net = tiny(name)
    count, _ = counted(net.model, net.images[:1])
    assert net.graph.macs == count
    assert cost_model(net.graph).macs(Plan(1, {}, {})).tolist() == [count]


@EVERY_NET
def test_later_stages_do_not_change_earlier_logits(name: str) -> None:
    net = tiny(name)
    module, _ = built(name, num_stages=3)
    with torch.no_grad():
        before = module(net.images)
        for parameter in module.stages[-1].parameters():
            parameter.add_(torch.ones_like(parameter))
        after = module(net.images)
    assert torch.equal(before[:-1], after[:-1])
    assert not torch.equal(before[-1], after[-1])


@EVERY_NET
def test_a_stage_runs_on_the_samples_that_are_left(name: str) -> None:
    net, rows = tiny(name), torch.tensor([2, 0])
    module, plan = built(name, num_stages=3, seed=3)
    with torch.no_grad():
        everything = module(net.images)
        images, carry = net.images, ()
        for index in range(plan.num_stages):
            logits, carry = module.stage(index, images, carry)
            assert all(tensor.shape[0] == len(images) for tensor in carry)
            if index == 0:
                images, carry = images[rows], tuple(tensor[rows] for tensor in carry)
            else:
                assert error(logits, everything[index][rows]) < TOLERANCE


def test_what_is_carried_is_named_by_value_and_stage() -> None:
    module, plan = built("residual", num_stages=3)
    assert len(module.carried) == plan.num_stages
    assert module.carried[-1] == ()
    assert {stage for _, stage in module.carried[1]} <= {0, 1}
    with torch.no_grad():
        _, carry = module.stage(0, tiny("residual").images, ())
    assert len(carry) == len(module.carried[0])


@EVERY_NET
def test_a_stage_takes_what_it_reads_and_gives_what_is_taken_later(name: str) -> None:
    module, plan = built(name, num_stages=3, seed=2)
    taken = [key for keys in module.takes for key in keys]
    for index in range(plan.num_stages):
        assert {stage for _, stage in module.takes[index]} <= set(range(index))
        assert set(module.gives[index]) == {key for key in taken if key[1] == index}
        image, *features = module.stages[index].graph.find_nodes(op="placeholder")
        assert len(features) == len(module.takes[index])
        assert all(feature.users for feature in features)
        assert image.name == "x"


def test_a_stage_holds_dense_slices_under_the_static_names() -> None:
    net = tiny("vgg")
    module, _ = built("vgg", num_stages=2)
    total = sum(stage.get_parameter("0.weight").numel() for stage in module.stages)
    assert total == net.model.get_parameter("0.weight").numel()
    assert {name for name, _ in module.stages[0].named_parameters()} <= dict(net.model.named_parameters()).keys()


def test_a_built_network_is_saved_and_loaded_like_any_module() -> None:
    net = tiny("inverted_residual")
    module, plan = built("inverted_residual", num_stages=3)
    other = build(net.graph, plan)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
        other.load_state_dict(module.state_dict())
        assert torch.equal(other(net.images), module(net.images))


@pytest.mark.parametrize("size", [6, 12])
def test_a_network_is_divided_alike_for_images_of_another_size(size: int) -> None:
    model, images = NETS["squeeze_excite_conv"]()
    images = torch.nn.functional.interpolate(images, (size, size + 1))
    other, net = tiny("squeeze_excite_conv"), subject(lambda: (model, images))
    assert [c.units.tolist() for c in net.graph.couplings] == [c.units.tolist() for c in other.graph.couplings]
    plan = random_plan(other.graph, 3, 1, seed=0)
    assert plan is not None
    with torch.no_grad():
        for stage, logits in enumerate(build(net.graph, plan)(images)):
            assert error(logits, stage_as_static(net, plan, stage)(images)) < TOLERANCE
    assert (cost_model(net.graph).macs(plan) > cost_model(other.graph).macs(plan)).all() == (size > 8)


def test_a_call_that_no_stage_can_make_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(writer: object, node: object) -> Any:  # noqa: ARG001
        raise IndexError("of nothing")

    monkeypatch.setitem(SLICERS, "aten.cat", broken)
    with pytest.raises(
        ModelError, match=r"forward \(.*nets.py:\d+\): aten.cat cannot be written for stage 1.*of nothing"
    ):
        built("dense")
    with pytest.raises(ModelError, match=r"register\(whole, 'aten.cat'\) keeps its channels whole"):
        built("dense")
