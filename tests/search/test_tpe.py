"""Optuna's TPE as a strategy: it learns, it can be replayed, and it says nothing."""

import sys
from pathlib import Path

import numpy as np
import pytest

from s2dnas.extras import MissingExtraError
from s2dnas.search.journal import Score
from s2dnas.search.loop import search
from s2dnas.search.random import RandomStrategy
from s2dnas.search.registry import make_strategy
from s2dnas.search.tpe import TpeStrategy
from s2dnas.space.plan import Plan
from toy_search import SPACE, agreement, hidden_plan, rewards_of


def test_is_better_than_random_after_120_evaluations() -> None:
    ours, random = (
        list(rewards_of(strategy(SPACE, 0), hidden_plan(0), batches=12)) for strategy in (TpeStrategy, RandomStrategy)
    )
    assert max(ours) > max(random)
    assert np.mean(ours[-50:]) > 2 * np.mean(random)


def score(plan: Plan) -> Score:
    near = agreement(SPACE, plan, hidden_plan(0))
    return Score(near, 1.0, near)


@pytest.mark.parametrize("before", [15, 20, 27])
def test_a_search_that_learned_already_goes_on_as_if_it_had_not_stopped(before: int, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    whole = search(TpeStrategy(SPACE, 0), score, 35, 5, None)
    search(TpeStrategy(SPACE, 0), score, before, 5, journal)
    resumed = search(TpeStrategy(SPACE, 0), score, 35, 5, journal)
    assert [entry.plan for entry in resumed] == [entry.plan for entry in whole]


def test_optuna_is_silent_here_and_left_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    import optuna

    before = optuna.logging.get_verbosity()
    list(rewards_of(TpeStrategy(SPACE, 0), hidden_plan(0), batches=3))
    assert optuna.logging.get_verbosity() == before == optuna.logging.INFO
    assert capfd.readouterr() == ("", "")


def test_without_optuna_it_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"'tpe' needs optuna, not found here: pip install 's2dnas\[search\]'"):
        make_strategy("tpe", SPACE, 0)
