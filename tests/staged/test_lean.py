"""Lean stages compute what flat ones do."""

import copy

import pytest
import torch

from nets import NETS
from oracle import random_plan, tiny
from s2dnas.staged.build import build
from s2dnas.staged.flat import stage_modules
from s2dnas.staged.lean import LeanStage
from s2dnas.values import IMAGE


@pytest.mark.parametrize("name", NETS)
def test_lean_stages_give_what_flat_stages_give(name: str) -> None:
    net = tiny(name)
    plan = random_plan(net.graph, 3, 1, seed=1) or random_plan(net.graph, 2, 1, seed=1)
    assert plan is not None
    known = {IMAGE: net.images}
    for flat in stage_modules(build(net.graph, plan, accumulate_logits=True)):
        lean = LeanStage(flat)
        assert (lean.inputs, lean.outputs) == (flat.inputs, flat.outputs)
        inputs = [known[name] for name in flat.inputs]
        with torch.no_grad():
            expected, found = flat(*inputs), lean(*inputs)
        assert all(map(torch.equal, found, expected))
        known |= zip(flat.outputs, expected, strict=True)


def test_a_lean_stage_holds_all_that_a_flat_one_holds_and_calls_no_module() -> None:
    net = tiny("residual")
    plan = random_plan(net.graph, 2, 1, seed=1)
    assert plan is not None
    flat = stage_modules(build(net.graph, plan))[0]
    lean = LeanStage(flat)
    assert not list(lean.children())
    assert sum(tensor.numel() for tensor in lean.buffers()) >= sum(weight.numel() for weight in flat.parameters())


def test_copies_and_conversions_compute_with_their_own_tensors() -> None:
    net = tiny("residual")
    plan = random_plan(net.graph, 2, 1, seed=1)
    assert plan is not None
    lean = LeanStage(stage_modules(build(net.graph, plan))[0])
    twin = copy.deepcopy(lean).float()
    expected = lean(net.images)
    with torch.no_grad():
        for tensor in lean.buffers():
            tensor.zero_()
    torch.testing.assert_close(twin(net.images.float())[0], expected[0].float(), rtol=1e-3, atol=1e-3)
