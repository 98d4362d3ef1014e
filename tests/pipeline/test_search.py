"""The ways to score plans, as steps of a run: each goes on where it was killed, and ends as if it had not been."""

import json
from pathlib import Path

import pytest

from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.search import search_plan
from s2dnas.pipeline.trials import Trials
from s2dnas.pipeline.uniform import UniformComparison, read_comparison
from s2dnas.search.journal import read_journal
from s2dnas.space.plan import Plan
from small_run import do_until, open_small

LIMITED = [
    "static.epochs=1", "search.stage_limits=[0.2, 0.5]", "search.budgets=[0.5]", "search.evaluations=6",
    "search.strategy=random"]  # fmt: skip
WAYS = {
    "none": ["search.weights=none"],
    "predicted": ["search.weights=predicted", "search.anchors=4", "search.promising=1", "search.finalists=3"],
    "finalists": ["search.finalists=4", "search.evaluations=16"],
}


class KilledError(Exception):
    """What a killed process would not even raise."""


def kill(run: Run, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let a trial's answers be asked for so often, and no more."""
    table, left = Trials.table, iter([True] * after)

    def asked(self: Trials, plan: Plan, epochs: int) -> object:
        if not next(left, False):
            raise KilledError
        return table(self, plan, epochs)

    with monkeypatch.context() as patch:
        patch.setattr(Trials, "table", asked)
        with pytest.raises(KilledError):
            search_plan(run)


def found(run: Run) -> UniformComparison:
    comparison = read_comparison(run.folder)
    assert comparison is not None
    return comparison


@pytest.mark.parametrize("way", sorted(WAYS))
def test_only_plans_within_the_limits_are_scored(way: str, tmp_path: Path) -> None:
    run = do_until(open_small(tmp_path, *LIMITED, *WAYS[way]), "search")
    shares = [run.pricing.cost.shares(plan) for plan in (entry.plan for entry in read_journal(journal(run.folder)))]
    assert shares
    assert all(first <= 0.2 + 1e-9 and second <= 0.5 + 1e-9 for first, second, _ in shares)
    assert 0 < found(run).feasible < found(run).proposed


def journal(folder: RunFolder) -> Path:
    return folder.finished("journal.jsonl")


def test_by_costs_alone_the_plan_is_taken_whose_stages_cost_what_they_may(tmp_path: Path) -> None:
    run = do_until(open_small(tmp_path, *LIMITED, *WAYS["none"]), "search")
    entries = read_journal(journal(run.folder))
    assert all(entry.score.accuracy is None for entry in entries)
    best = max(entries, key=lambda entry: entry.score.reward)
    assert Plan.load(run.folder.finished("plan.json")) == best.plan
    # It tells all the same how the plan compares with the best uniform one.
    assert found(run).gain is not None


@pytest.mark.parametrize("way", ["predicted", "finalists"])
def test_a_search_with_trials_that_was_killed_ends_as_one_that_was_not(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = do_until(open_small(tmp_path / "whole", *LIMITED, *WAYS[way]), "search")
    stopped = do_until(open_small(tmp_path / "stopped", *LIMITED, *WAYS[way]), "static")
    for after in (0, 2):
        kill(stopped, monkeypatch, after)
        assert not (stopped.folder.path / "plan.json").exists()
    search_plan(stopped)
    for name in ("plan.json", "trials.json", "search.json"):
        assert (stopped.folder.path / name).read_bytes() == (whole.folder.path / name).read_bytes()


def test_half_of_the_finalists_train_on_and_the_winner_is_one_of_the_last(tmp_path: Path) -> None:
    run = do_until(open_small(tmp_path, *LIMITED, *WAYS["finalists"]), "search")
    content = json.loads((run.folder.path / "trials.json").read_text())
    first, *later = [
        [trial for trial in content["trials"] if trial["epochs"] == epochs]
        for epochs in sorted({trial["epochs"] for trial in content["trials"]})
    ]
    assert len(first) > 2
    assert [trial["epochs"] for trial in later[-1]] == [2, 2]
    cut = sorted(first, key=lambda trial: -trial["reward"])[2]["reward"]
    assert all(trial["reward"] >= cut for trial in first if trial["plan"] in [each["plan"] for each in later[-1]])
    assert content["winner"] in [trial["plan"] for trial in later[-1]]
    assert Plan.from_dict(content["winner"]) == Plan.load(run.folder.finished("plan.json"))


def test_predictions_differ_from_what_untrained_weights_answer(tmp_path: Path) -> None:
    run = do_until(open_small(tmp_path, *LIMITED, *WAYS["predicted"]), "search")
    trained = list((tmp_path / "run" / "trials").iterdir())
    assert 4 <= len(trained) <= 6  # the anchors, and at most one more in each of two rounds
    entries = read_journal(journal(run.folder))
    assert len({entry.score.reward for entry in entries}) > 1
    assert any(entry.score.reward != pytest.approx(entry.score.accuracy or 0.0) for entry in entries)
