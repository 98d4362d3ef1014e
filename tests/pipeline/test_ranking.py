"""Evaluators ranked by plans that are trained alone: everything is read again, nothing trained twice."""

from pathlib import Path

import numpy as np
import pytest

from s2dnas.pipeline import ranking
from s2dnas.pipeline.ranking import rank_evaluators
from s2dnas.search.agreement import agreement
from small_run import do_until, open_small

SMALL = ["static.epochs=1", "train.epochs=1", "search.budgets=[0.5]"]
EVALUATORS = {"macs", "none", "reconstructed", "trial", "predicted", "ceiling"}


def test_every_evaluator_is_ranked_beside_costs_alone_and_the_ceiling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = do_until(open_small(tmp_path, *SMALL), "static")
    found = rank_evaluators(run, 6)
    assert {rank.name for rank in found.evaluators} >= EVALUATORS
    assert len(set(found.plans)) == 6
    first, second = np.array(found.truth)
    assert (first != second).any()
    ceiling = next(rank for rank in found.evaluators if rank.name == "ceiling")
    assert ceiling.tau == agreement(first, second).tau
    trial = next(rank for rank in found.evaluators if rank.name == "trial")
    assert trial.tau == agreement(np.array(found.values["trial"]), np.array(found.truth).mean(0)).tau
    monkeypatch.setattr(ranking, "fit_plan", None)
    again = rank_evaluators(run, 6)
    assert (again.truth, again.values) == (found.truth, found.values)
