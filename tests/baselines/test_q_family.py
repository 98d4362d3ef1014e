"""The q-family lets shares proportional to powers of q leave, the surest first."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.baselines.q_family import q_family, q_rule
from s2dnas.errors import SettingsError
from s2dnas.exits import ExitTable, decide, exit_share, mean_cost

STAGES, SAMPLES = 4, 4000


def table(seed: int = 0, levels: int | None = None) -> ExitTable:
    """Scores without ties, or of so many levels."""
    rng = np.random.default_rng(seed)
    scores = rng.random((STAGES, SAMPLES))
    scores = scores if levels is None else np.floor(scores * levels) / levels
    predictions = rng.integers(0, 3, (STAGES, SAMPLES))
    return ExitTable(scores, predictions, rng.integers(0, 3, SAMPLES), np.array([1.0, 2, 4, 9]), "max_probability")


@given(q=st.floats(1e-3, 1e3), seed=st.integers(0, 20))
def test_shares_are_proportional_to_powers_of_q(q: float, seed: int) -> None:
    outcomes = decide(table(seed), q_rule(table(seed), q))
    powers = (q / max(q, 1.0)) ** np.arange(STAGES) * (1 / max(q, 1.0)) ** (STAGES - 1 - np.arange(STAGES))
    np.testing.assert_allclose(exit_share(outcomes), powers / powers.sum(), atol=STAGES / SAMPLES)


@given(q=st.floats(1e-2, 1e2), levels=st.integers(1, 5))
def test_at_least_as_many_leave_where_scores_tie(q: float, levels: int) -> None:
    ties = table(levels=levels)
    left = np.cumsum(exit_share(decide(ties, q_rule(ties, q))))
    powers = np.exp(np.log(q) * np.arange(STAGES))
    assert (left >= np.cumsum(powers / powers.sum()) - STAGES / SAMPLES).all()


def test_the_surest_leave_first() -> None:
    given_table = table()
    outcomes = decide(given_table, q_rule(given_table, 0.5))
    first = outcomes.stages == 0
    assert given_table.scores[0][first].min() > given_table.scores[0][~first].max()


def test_a_rising_q_costs_more() -> None:
    costs = [mean_cost(decide(table(), rule)) for rule in q_family(table())]
    assert costs == sorted(costs)
    assert costs[0] < 1.1
    assert costs[-1] > 8.5


@pytest.mark.parametrize("q", [0.0, -1.0, float("nan"), float("inf")])
def test_q_must_be_positive(q: float) -> None:
    with pytest.raises(SettingsError, match="q must be positive"):
        q_rule(table(), q)
