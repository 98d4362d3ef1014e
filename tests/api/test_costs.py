"""From Python, plans are searched and thresholds set for whatever cost a program has."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import s2dnas
from latencies import by_macs, table_by
from nets import CLASSES
from oracle import tiny
from s2dnas.errors import ArtifactError, BudgetError
from s2dnas.evaluation.collect import stage_logits
from s2dnas.exits import ExitTable, decide, mean_cost

IMAGES = torch.randn(40, 3, 8, 8)
HELD_OUT = [(IMAGES, torch.arange(40) % CLASSES)]


@pytest.fixture(scope="module")
def net() -> s2dnas.Network:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, CLASSES))
    return s2dnas.analyse(model.eval(), IMAGES[:1])


def energy(net: s2dnas.Network) -> s2dnas.Cost:
    """Millijoules: the first stage is nearly free, whatever it is, the second costs as much as the static network."""
    return s2dnas.Cost("mJ", 2.0, lambda plan: np.array([0.1, 2.0]) + 0 * len(plan.widths) * net.static_macs)


def test_plans_are_scored_by_the_cost_that_is_given(net: s2dnas.Network) -> None:
    plan = net.space(2, 4).uniform()
    score = net.evaluator(IMAGES, HELD_OUT, cost=energy(net), budget=0.06, exponent=0)(plan)
    assert score.mean_cost == pytest.approx(0.1)
    by_macs_score = net.evaluator(IMAGES, HELD_OUT, budget=1.0, exponent=0)(plan)
    assert by_macs_score.mean_cost >= net.macs(plan)[0]


def test_a_budget_is_a_share_of_what_the_static_network_costs(net: s2dnas.Network) -> None:
    dynamic = net.build(net.trainable(net.space(2, 4).uniform(), IMAGES))
    cost = energy(net)
    rule = s2dnas.calibrate(dynamic, HELD_OUT, budget=0.5, cost=cost)
    table = ExitTable.from_logits(*stage_logits(dynamic, HELD_OUT), dynamic.macs, rule.confidence)
    spent = mean_cost(decide(table.priced(cost.of(dynamic.info.plan), cost.unit), rule))
    assert spent <= 0.5 * cost.static
    with pytest.raises(BudgetError, match=r"0\.02 mJ per sample, the cheapest possible is 0\.1"):
        s2dnas.calibrate(dynamic, HELD_OUT, budget=0.01, cost=cost)


def test_latency_is_a_cost(net: s2dnas.Network) -> None:
    space = net.space(2, 4)
    table = table_by(by_macs, net.graph, space)
    cost, plan = net.latency(table, batch=1), space.uniform()
    assert cost.shares(plan) == pytest.approx(net.macs(plan) / net.static_macs)
    wide = net.with_copies(0.5, IMAGES[:2])
    assert wide.latency(table, batch=1).static == cost.static
    assert wide.with_copies(0.0, IMAGES[:2]).given is net.graph


def test_a_conversion_by_another_cost_is_another_conversion(tmp_path: Path) -> None:
    model = copy.deepcopy(tiny("vgg").model).float()
    how = s2dnas.Conversion(num_stages=2, min_width=2, evaluations=2, fit_images=40)
    made = s2dnas.convert(model, HELD_OUT, HELD_OUT, budget=0.9, cost=energy, epochs=1, folder=tmp_path, how=how)
    _, rules = s2dnas.load(tmp_path / "network")
    assert list(rules) == ["mJ <= 90% of static"]
    assert made.rule == rules["mJ <= 90% of static"]
    with pytest.raises(ArtifactError, match="other settings"):
        s2dnas.convert(model, HELD_OUT, HELD_OUT, budget=0.9, epochs=1, folder=tmp_path, how=how)
