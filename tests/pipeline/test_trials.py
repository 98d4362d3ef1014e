"""A search that trains every plan for a while: its trials go on after a kill, and leave no weights but their time."""

from pathlib import Path

import pytest

from s2dnas.exits import ExitTable
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.search import search_seconds
from s2dnas.pipeline.trials import trial_seconds
from s2dnas.search.evaluators import Objective
from s2dnas.search.journal import Score
from s2dnas.search.loop import best_entry
from s2dnas.training.checkpoint import EpochRecord, read_history, training_seconds
from searching import (
    assert_same_search,
    assert_same_training,
    entries,
    searched,
    searched_with_stops,
    with_static,
)

TRAIN = ("search.weights=train", "search.trial.epochs=2", "search.trial.batch_size=64")


@pytest.fixture(scope="module")
def whole(static: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return searched(with_static(static, tmp_path_factory.mktemp("whole"), *TRAIN))


def last_trial(run: Run) -> Path:
    (path,) = run.folder.path.glob("trials/*/checkpoint.safetensors")
    return path


@pytest.mark.parametrize(
    "stops",
    [
        [("trials", 2), ("checkpoint.safetensors", 1), ("search", 1), ("trials", 5), ("search", 2)],
        [("checkpoint.safetensors", 2), ("answers-2.npz", 1), ("spent.json", 1), ("trials", 1), ("search", 3)],
    ],
    ids=["in trials", "between trials"],
)
def test_a_search_that_is_killed_ends_as_one_that_was_not(
    stops: list[tuple[str, int]], static: Run, whole: Run, tmp_path: Path
) -> None:
    resumed = searched_with_stops(with_static(static, tmp_path, *TRAIN), stops)
    assert_same_search(resumed, whole)
    assert_same_training(last_trial(resumed), last_trial(whole))
    assert len(list(resumed.folder.path.glob("trials/*"))) == len(list(whole.folder.path.glob("trials/*")))


def test_a_plan_is_scored_as_its_trial_left_it_and_all_of_the_time_is_counted(
    static: Run, whole: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last_epochs, scored = list[EpochRecord](), list[ExitTable]()
    seconds = 0.0

    def noting(self: Objective, table: ExitTable) -> Score:
        nonlocal seconds
        history = read_history(last_trial(run))
        seconds += training_seconds(history)
        last_epochs.append(history[-1])
        scored.append(table)
        return score(self, table)

    score = Objective.score
    monkeypatch.setattr(Objective, "score", noting)
    run = with_static(static, tmp_path, *TRAIN)
    searched(run)
    assert_same_search(run, whole)
    assert [list(epoch.metrics.values()) for epoch in last_epochs] == [
        pytest.approx(table.stage_accuracy, abs=0.03) for table in scored
    ]
    assert trial_seconds(run.folder) == pytest.approx(seconds)
    assert search_seconds(run.folder) == pytest.approx(seconds + sum(entry.seconds for entry in entries(run)))


def test_every_plan_has_a_trial_and_the_weights_of_the_last_one_are_left(whole: Run) -> None:
    plans = [entry.plan for entry in entries(whole)]
    assert {path.name for path in whole.folder.path.glob("trials/*")} == {plan.key for plan in plans}
    assert last_trial(whole).parent.name == plans[-1].key
    assert len(read_history(last_trial(whole))) == 2


def test_the_plan_that_was_best_after_its_trial_is_taken(whole: Run) -> None:
    assert whole.networks.plan() == best_entry(entries(whole)).plan
    assert whole.settings.continued.epochs == whole.settings.train.epochs
