"""A plan is worth what it answers within the budget; one that cannot keep it is worth less, by how far it is off."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from s2dnas.exits import CONFIDENCES, ExitTable
from s2dnas.network.multi_exit import MultiExitNet
from s2dnas.search.evaluators import Objective, evaluator
from s2dnas.space.plan import Plan


def table(first_macs: float, last_macs: float) -> ExitTable:
    """Half of the samples are right at a first stage that is sure of them, all at the last."""
    scores = np.array([[0.9, 0.9, 0.2, 0.2], [1.0] * 4])
    predictions = np.array([[1, 1, 0, 0], [1] * 4])
    return ExitTable(scores, predictions, np.ones(4, dtype=int), np.array([first_macs, last_macs]), "max_probability")


def test_a_plan_is_scored_by_its_best_thresholds_within_the_budget() -> None:
    score = Objective(static_cost=100, budgets=(50,), exponent=-0.1).score(table(20, 80))
    assert (score.accuracy, score.mean_cost) == (1.0, 50.0)
    assert score.reward == pytest.approx(0.5**-0.1)


def test_a_smaller_budget_costs_accuracy() -> None:
    score = Objective(static_cost=100, budgets=(30,), exponent=0).score(table(20, 80))
    assert (score.accuracy, score.mean_cost) == (0.5, 20.0)


def test_a_plan_that_cannot_keep_the_budget_is_worth_less_than_any_that_can_and_less_the_dearer_it_is() -> None:
    objective = Objective(static_cost=100, budgets=(30,), exponent=0)
    kept, dear, dearer = (objective.score(table(first, 90)).reward for first in (29, 40, 60))
    assert kept == 0.5
    assert dear == pytest.approx(0.5 * 30 / 40)
    assert dearer == pytest.approx(0.5 * 30 / 60)


def test_several_budgets_count_alike() -> None:
    both = Objective(static_cost=100, budgets=(30, 50), exponent=0).score(table(20, 80))
    assert (both.accuracy, both.mean_cost, both.reward) == pytest.approx((0.75, 35.0, 0.75))
    cheap, dear = (Objective(100, (10, 50), exponent=0).score(table(first, 80)).reward for first in (10, 20))
    assert cheap > dear


class Answers(MultiExitNet):
    """The images are the logits (N, S, K)."""

    def __init__(self, macs: tuple[float, ...]) -> None:
        super().__init__()
        self.macs = macs

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(0, 1)


@pytest.mark.parametrize("confidence", sorted(CONFIDENCES))
def test_a_plan_is_scored_by_what_its_own_network_answers_on_the_search_split(confidence: str) -> None:
    rng = torch.Generator().manual_seed(0)
    images = 2 * torch.randn(3, 40, 2, 5, generator=rng)
    answers = (images.mean(2) + torch.randn(3, 40, 5, generator=rng)).argmax(-1)
    batches = list(zip(images, answers, strict=True))
    cheap, dear = (Plan(2, {"a": widths}, {}) for widths in ((1, 9), (5, 5)))
    nets = {cheap: Answers((10.0, 50.0)), dear: Answers((30.0, 70.0))}
    objective = Objective(static_cost=100, budgets=(40,), exponent=-0.1, confidence=confidence)
    score = evaluator(nets.__getitem__, batches, objective)
    logits, labels = torch.cat([x for x, _ in batches]).transpose(0, 1), torch.cat([y for _, y in batches])
    for plan, net in nets.items():
        assert score(plan) == objective.score(ExitTable.from_logits(logits, labels, net.macs, confidence))
    assert score(cheap).mean_cost < score(dear).mean_cost
    assert evaluator(nets.__getitem__, batches, replace(objective, exponent=-1.0))(cheap).reward > score(cheap).reward


def test_thresholds_are_as_many_as_the_resolution() -> None:
    """Of two thresholds one lets all leave and one nobody, which is more than the budget."""
    score = Objective(static_cost=100, budgets=(50,), exponent=0, resolution=2).score(table(20, 80))
    assert (score.accuracy, score.mean_cost) == (0.5, 20.0)
