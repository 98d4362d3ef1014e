"""Samples leave where the exit table says they do, and a stage runs on those alone that reach it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from s2dnas.errors import SettingsError
from s2dnas.exits import NEVER, ExitRule, Predictor, Scoring, decide
from s2dnas.exits.table import ExitTable
from s2dnas.network.answers import Answers
from s2dnas.network.routing import Held, routing

MACS = (10.0, 20.0, 40.0)
PREDICTOR = Predictor(((0.5, 0.3, -1.0, 2.1), *[(-0.5, 0.1, 1.0, 0.5, 0.7, 0.2)] * 2))
SCORINGS = (Scoring("margin"), Scoring("entropy", (0.7, 1.0, 3.1), surest=True), Scoring(PREDICTOR))


class Recorded:
    """Stages that look their logits (S, N, K) up by the number of the sample, and note which samples they saw."""

    def __init__(self, logits: Tensor) -> None:
        self.logits, self.seen = logits, list[list[int]]()

    def __call__(self, index: int, held: Held) -> tuple[Tensor, Held]:
        (numbers,) = held
        self.seen.append(numbers.flatten().long().tolist())
        return self.logits[index, numbers.flatten().long()], held

    def answers(self, rule: ExitRule) -> Answers:
        return routing(self, rule, MACS)(torch.arange(self.logits.shape[1]).float().reshape(-1, 1, 1, 1))


@given(
    seed=st.integers(0, 1000),
    samples=st.integers(1, 9),
    shares=st.tuples(st.sampled_from([0.0, 0.3, 0.7, 1.0]), st.sampled_from([0.0, 0.5, 1.0])),
    scoring=st.sampled_from(SCORINGS),
)
def test_answers_are_those_of_the_exit_table(
    seed: int, samples: int, shares: tuple[float, float], scoring: Scoring
) -> None:
    logits = torch.randn(3, samples, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3
    table = ExitTable.from_logits(logits.numpy(), np.zeros(samples, np.int64), np.array(MACS), scoring)
    limits = [float(np.quantile(scores, share)) + 1e-9 for scores, share in zip(table.scores, shares, strict=False)]
    rule = ExitRule(scoring, tuple(limits))
    stages, expected = Recorded(logits), decide(table, rule)
    answers = stages.answers(rule)
    assert answers.labels.tolist() == expected.predictions.tolist()
    assert answers.stages.tolist() == expected.stages.tolist()
    assert answers.macs.tolist() == expected.costs.tolist()
    np.testing.assert_allclose(answers.scores, table.scores[expected.stages, np.arange(samples)], rtol=1e-6)
    reached = [np.flatnonzero(expected.stages >= stage).tolist() for stage in range(3)]
    assert stages.seen == [numbers for numbers in reached if numbers]


@pytest.mark.parametrize("scoring", SCORINGS)
def test_a_score_that_is_no_number_never_leaves_early(scoring: Scoring) -> None:
    logits = torch.randn(3, 4, 5)
    logits[:, 1] = torch.nan
    answers = Recorded(logits).answers(ExitRule(scoring, (0.0, 0.0)))
    assert answers.stages.tolist() == [0, 2, 0, 0]
    assert answers.scores.isnan().tolist() == [False, True, False, False]


def test_of_no_images_nothing_runs() -> None:
    stages = Recorded(torch.zeros(3, 0, 5))
    answers = stages.answers(ExitRule("margin", (NEVER, NEVER)))
    assert not stages.seen
    dtypes = (torch.int64, torch.int64, torch.float32, torch.float64)
    results = (answers.labels, answers.stages, answers.scores, answers.macs)
    assert [(result.shape, result.dtype) for result in results] == [((0,), dtype) for dtype in dtypes]


def test_a_rule_for_another_number_of_stages_is_refused() -> None:
    with pytest.raises(SettingsError, match="the rule has 2 stages, the network 3"):
        Recorded(torch.zeros(3, 1, 5)).answers(ExitRule("margin", (0.5,)))
