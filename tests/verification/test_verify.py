"""The proof on demand: right networks pass it, and whatever is wrong is found and named."""

import json
from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nets import NETS, Calls, pooled
from oracle import random_plan, tiny
from s2dnas.errors import ModelError, PlanError
from s2dnas.graph.ops import RULES, pointwise
from s2dnas.network.counter import MacCounter, count_macs
from s2dnas.space.plan import Plan
from s2dnas.staged.build import MultiStageNet, build
from s2dnas.verification.findings import LogitCheck, PlanCheck, Verification
from s2dnas.verification.verify import as_if_trained, check_plan, verify

EVERY_NET = pytest.mark.parametrize("name", NETS)


def verified(name: str, seed: int = 0) -> Verification:
    model, images = NETS[name]()
    return verify(model, images, np.random.default_rng(seed), plans=2, num_stages=2)


@EVERY_NET
def test_every_tiny_network_passes(name: str) -> None:
    found = verified(name)
    assert found.faults == []
    assert found.passed
    assert found.oracle_error < 1e-11
    assert [check.plan.num_stages for check in found.checks] == [1, 2, 2]


def test_networks_that_drop_at_random_are_compared_in_training_too() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.RReLU(), nn.Conv2d(8, 8, 1), nn.Dropout2d(0.5), nn.Flatten(), nn.Dropout(0.5)
    )
    model.append(nn.Linear(8 * 36, 3))
    found = verify(model, torch.zeros(1, 3, 8, 8), np.random.default_rng(0), num_stages=2)
    assert found.passed
    assert "the masked network, in training mode" in {c.what for check in found.checks for c in check.comparisons}


def test_equal_generators_check_equal_plans() -> None:
    assert verified("vgg", seed=5).to_dict() == verified("vgg", seed=5).to_dict()
    assert verified("vgg", seed=5).checks[1].plan != verified("vgg", seed=6).checks[1].plan


def test_the_model_is_left_as_it_was() -> None:
    model, images = NETS["vgg_bn"]()
    model.float().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    verify(model, images.float(), np.random.default_rng(0), plans=1, num_stages=2)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_what_cannot_be_divided_is_an_error() -> None:
    with pytest.raises(ModelError):
        verify(nn.Sequential(nn.Flatten()), torch.zeros(1, 3, 8, 8), np.random.default_rng(0))
    with pytest.raises(PlanError):
        verify(NETS["vgg"]()[0], torch.zeros(1, 3, 8, 8), np.random.default_rng(0), min_width=100)


def test_a_wrong_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Softmax over channels, taken for an element-wise operator."""
    monkeypatch.setitem(RULES, "aten.softmax", pointwise)
    model = Calls(
        lambda m, x: m.head(pooled(torch.softmax(m.conv(x), 1))), conv=nn.Conv2d(3, 8, 3), head=nn.Linear(8, 3)
    )
    found = verify(model, torch.zeros(1, 3, 8, 8), np.random.default_rng(0), plans=1, num_stages=2)
    assert not found.passed
    assert found.checks[0].faults(1e-9) == []
    assert any(fault.endswith("from the user's module with forbidden weights zero") for fault in found.faults)
    assert any(fault.endswith("from the masked network") for fault in found.faults)


def test_wrong_weights_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(*arguments: object) -> MultiStageNet:
        net = build(*arguments)  # type: ignore[arg-type]
        with torch.no_grad():
            next(net.stages[-1].parameters())[0] += 1e-3
        return net

    monkeypatch.setattr("s2dnas.verification.verify.build", spoilt)
    found = verified("residual")
    assert found.oracle_error > 1e-6
    assert any("stage 2 deviates by" in fault for fault in found.faults)


def test_wrong_costs_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s2dnas.verification.verify.count_macs", lambda net, _: tuple(macs * 2 for macs in net.macs))
    found = verified("vgg")
    assert found.macs_error == 0.5
    assert all("the cost model says" in fault for fault in found.faults)


def test_a_network_that_cannot_run_is_a_fault_with_its_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("sizes must match\nsecond line")

    monkeypatch.setattr("s2dnas.verification.verify.build", broken)
    found = verified("vgg")
    assert found.faults[1] == f"plan {found.checks[1].plan.key} of 2 stages: raised RuntimeError: sizes must match"
    assert found.oracle_error == inf
    assert found.to_dict()["oracle_error"] is None


@pytest.mark.parametrize("error", [1e-9, inf, nan])
def test_an_error_that_is_not_below_the_tolerance_is_a_fault(error: float) -> None:
    check = PlanCheck(Plan(1, {}, {}), (LogitCheck("the masked network", 1, error),), (5.0,), (5,))
    assert not Verification((check,)).passed
    assert Verification((replace(check, comparisons=(LogitCheck("the masked network", 1, 1e-10),)),)).passed


def test_the_document_is_json() -> None:
    document = verified("vgg").to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["passed"]
    assert document["plans"][1]["macs"] == document["plans"][1]["counted"]


def test_one_plan_is_checked_by_itself() -> None:
    net = tiny("residual")
    plan = random_plan(net.graph, 3, 1, seed=4)
    assert plan is not None
    assert check_plan(net.model, net.graph, plan, net.images).faults(1e-12) == []


@EVERY_NET
def test_the_counter_counts_what_pytorch_counts(name: str) -> None:
    """But for products of features with features, which are no layers."""
    net = tiny(name)
    with torch.no_grad(), FlopCounterMode(display=False) as theirs, MacCounter() as ours:
        net.model(net.images)
    counts = theirs.get_flop_counts()["Global"]
    of_features = sum(count for operator, count in counts.items() if str(operator) == "aten.bmm")
    assert ours.macs == (theirs.get_total_flops() - of_features) // 2
    assert count_macs(build(net.graph, Plan(1, {}, {})), net.images) == (ours.macs,)


def test_the_counter_knows_transposed_and_grouped_convolutions() -> None:
    model = nn.Sequential(nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), nn.Conv2d(6, 6, 3, groups=3))
    with torch.no_grad(), FlopCounterMode(display=False) as theirs, MacCounter() as ours:
        model(torch.zeros(2, 4, 5, 5))
    assert ours.macs == theirs.get_total_flops() // 2 > 0


def test_weights_that_hide_a_branch_are_replaced() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.PReLU(), nn.Flatten(), nn.Linear(4, 3))
    for module in (model[1], model[2], model[4]):
        nn.init.zeros_(module.weight)
    made = as_if_trained(model, np.random.default_rng(0)).state_dict()
    for name in ("1.weight", "1.bias", "1.running_mean", "1.running_var", "2.weight", "4.weight"):
        assert len(made[name].unique()) == made[name].numel()
        assert made[name].abs().min() > 0
    assert torch.equal(made["0.weight"], model[0].weight.double())
