"""Each stage's channels are dropped at the stage's rate, in the masked network as in the built one."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dropping import dropping
from oracle import Subject, subject
from s2dnas.graph.trace import trace
from s2dnas.masked import dropout
from s2dnas.masked.features import Features
from s2dnas.masked.mode import Mode
from s2dnas.masked.shared import MaskedNet, SharedNet
from s2dnas.network.weights import static_weights
from s2dnas.space.assignment import stage_of_units
from s2dnas.space.division import search_space
from s2dnas.space.plan import Plan
from s2dnas.verification.verify import as_if_trained, check_plan, verify


@pytest.fixture(scope="module")
def net() -> Subject:
    return subject(lambda: (as_if_trained(dropping()[0], np.random.default_rng(0)), dropping()[1]))


def masked(net: Subject, plan: Plan) -> MaskedNet:
    return SharedNet(net.graph, static_weights(net.graph, plan.num_stages)).at(plan)


def uniform(net: Subject, *shares: float) -> Plan:
    return search_space(net.graph, len(shares), 1).uniform(shares)


@pytest.mark.parametrize("seed", range(3))
def test_masked_and_built_network_drop_alike(net: Subject, seed: int) -> None:
    found = verify(net.model, net.images, np.random.default_rng(seed), plans=2, num_stages=3)
    assert found.passed, found.faults
    assert "the masked network, in training mode" in {c.what for check in found.checks for c in check.comparisons}


def test_another_rate_in_one_of_them_is_found(net: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = uniform(net, 0.25, 0.5, 0.25)
    assert not check_plan(net.model, net.graph, plan, net.images).faults(1e-9)
    monkeypatch.setattr(dropout, "stage_dropout", lambda *_: {})
    assert any("in training mode" in fault for fault in check_plan(net.model, net.graph, plan, net.images).faults(1e-9))


@contextmanager
def drawing(seed: int) -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def test_a_thin_stage_answers_the_same_in_every_draw_and_a_wide_one_does_not() -> None:
    net = subject(_dropping_features)
    student = masked(net, uniform(net, 0.25, 0.5, 0.25)).train()
    answers = []
    for seed in (0, 1):
        with drawing(seed), torch.no_grad():
            answers.append(student(net.images))
    first, second = answers
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[1], second[1])
    with torch.no_grad():
        torch.testing.assert_close(first[0], student.eval()(net.images)[0])


def _dropping_features() -> tuple[nn.Module, Tensor]:
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Dropout2d(0.5), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.MaxPool2d(4)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.5), nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    return model.double().eval(), torch.randn(3, 3, 8, 8, dtype=torch.float64)


def test_channels_are_dropped_at_the_rate_of_the_stage_that_makes_them() -> None:
    net = subject(lambda: (_wide().double().eval(), torch.ones(50, 3, 4, 4, dtype=torch.float64)))
    plan = uniform(net, 0.25, 0.25, 0.5)
    kept = []

    def note(stage: int | None, node: torch.fx.Node, read: object) -> None:
        if node.name in net.graph.tail and stage == 2 and not kept:
            kept.append(read(node.args[0]))  # type: ignore[operator]

    with drawing(0), torch.no_grad():
        masked(net, plan).train()(net.images, Mode(observer=note))
    stages = stage_of_units(net.graph, plan)[net.graph.mixing[-1].inputs]
    shares = [float((kept[0][:, stages == stage] == 0).double().mean()) for stage in range(3)]
    assert shares == pytest.approx([0, 0.6 * 0.5, 0.6], abs=0.03)


def _wide() -> nn.Module:
    layers = nn.Sequential(nn.Flatten(), nn.Linear(48, 256), nn.Dropout(0.6), nn.Linear(256, 3))
    nn.init.uniform_(layers[1].weight, 0.5, 1)  # type: ignore[arg-type]
    return layers


def test_features_are_compared_as_they_are_before_dropout() -> None:
    net = subject(_dropping_features)
    student = masked(net, uniform(net, 0.25, 0.5, 0.25))
    dropped, plain = Features(net.graph), Features(net.graph)
    with torch.no_grad():
        student.eval()(net.images, Mode(observer=plain))
        student.train()(net.images, Mode(observer=dropped))
    assert list(plain.noted) == list(dropped.noted)
    assert len(plain.noted) == 2
    first = next(iter(plain.noted))
    assert torch.equal(dropped.noted[first], plain.noted[first])


class _Skipping(nn.Module):
    """Rows of a batch skip a block at random, as torchvision's and timm's stochastic depth have it."""

    def forward(self, x: Tensor) -> Tensor:
        return x if not self.training else x * (torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5)


def test_stochastic_depth_is_not_captured_so_that_no_stage_has_it() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), _Skipping(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    captured = trace(model.train(), torch.zeros(1, 3, 8, 8)).graph
    assert {node.name for node in captured.nodes if "rand" in node.name or "mul" in node.name} == set()
