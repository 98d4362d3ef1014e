"""Policy and shared weights in turns: a turn's plans get the weights that were trained on what the policy samples."""

import shutil
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
import torch
from torch import Tensor

from s2dnas.errors import ArtifactError, SettingsError
from s2dnas.exits import ExitTable
from s2dnas.inherit.norms import with_recalibrated_norms
from s2dnas.masked.shared import MaskedNet, SharedNet
from s2dnas.pipeline import candidates
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.search import search_seconds
from s2dnas.pipeline.steps import do
from s2dnas.search.evaluators import Objective
from s2dnas.search.journal import Score
from s2dnas.search.reinforce import ReinforceStrategy
from s2dnas.space.plan import Plan
from s2dnas.training.checkpoint import read_history
from searching import (
    assert_same_search,
    assert_same_training,
    entries,
    searched,
    searched_with_stops,
    with_static,
)
from small_run import do_until, open_small

ALTERNATING = ("search.weights=alternating", "shared.epochs=3", "search.evaluations=9", "controller.learning_rate=0.1")
STARTS, STEPS_OF_AN_EPOCH = (0, 2, 4), 3


@pytest.fixture(scope="module")
def whole(static: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return searched(with_static(static, tmp_path_factory.mktemp("whole"), *ALTERNATING))


@pytest.mark.parametrize(
    "stops",
    [
        [("shared", 2), ("checkpoint.safetensors", 1), ("search", 1), ("shared", 1), ("search", 3), ("search", 2)],
        [("search", 2), ("checkpoint.safetensors", 1), ("search", 2), ("shared", STEPS_OF_AN_EPOCH), ("search", 5)],
        [("search", 9)],
    ],
    ids=["in every turn", "between turns", "before the choice"],
)
def test_a_search_that_is_killed_ends_as_one_that_was_not(
    stops: list[tuple[str, int]], static: Run, whole: Run, tmp_path: Path
) -> None:
    resumed = searched_with_stops(with_static(static, tmp_path, *ALTERNATING), stops)
    assert_same_search(resumed, whole)
    assert_same_training(resumed.folder.trained("shared"), whole.folder.trained("shared"))


def test_each_turn_is_an_epoch_and_all_are_counted(whole: Run) -> None:
    assert whole.settings.turn_starts == STARTS
    history = read_history(whole.folder.trained("shared"))
    assert len(history) == len(STARTS)
    assert whole.settings.continued.epochs == len(STARTS) + whole.settings.train.epochs
    assert 0 < search_seconds(whole.folder) == sum(entry.seconds for entry in entries(whole))


def test_the_network_trains_on_what_the_policy_of_the_turn_samples(
    static: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, sampled, trained = list[str](), list[Plan](), list[Plan]()
    sample, learn, forward = ReinforceStrategy.sample, ReinforceStrategy._learn, SharedNet.forward

    def sampling(self: ReinforceStrategy, generator: torch.Generator) -> Plan:
        events.append("sample")
        sampled.append(sample(self, generator))
        return sampled[-1]

    def learning(self: ReinforceStrategy, plans: list[Plan], scores: list[Score]) -> None:
        events.append("learn")
        learn(self, plans, scores)

    def training(self: SharedNet, images: Tensor, plan: Plan) -> Tensor:
        trained.append(plan)
        return forward(self, images, plan)

    monkeypatch.setattr(ReinforceStrategy, "sample", sampling)
    monkeypatch.setattr(ReinforceStrategy, "_learn", learning)
    monkeypatch.setattr(SharedNet, "forward", training)
    searched(with_static(static, tmp_path, *ALTERNATING))
    assert trained == sampled
    assert len(set(sampled)) > 1
    turns = [(name, len(list(group))) for name, group in groupby(events)]
    epoch = ("sample", STEPS_OF_AN_EPOCH)
    assert turns == [epoch, ("learn", 1), epoch, ("learn", 1), epoch, ("learn", 2)]


def test_all_plans_of_a_turn_are_scored_with_the_weights_of_that_turn_and_its_best_is_taken(
    static: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = list[float]()

    def noting(shared: SharedNet, plan: Plan, batches: list[Tensor]) -> MaskedNet:
        weights.append(sum(float(parameter.detach().double().sum()) for parameter in shared.parameters()))
        return with_recalibrated_norms(shared, plan, batches)

    def always_worse(self: Objective, table: ExitTable) -> Score:
        return replace(score(self, table), reward=1.0 / len(weights))

    score = Objective.score
    monkeypatch.setattr(candidates, "with_recalibrated_norms", noting)
    monkeypatch.setattr(Objective, "score", always_worse)
    run = searched(with_static(static, tmp_path, *ALTERNATING))
    # The chosen plan is compared with uniform ones afterwards, with the weights of the last turn.
    first, second, last = (len(list(group)) for _, group in groupby(weights))
    assert (first, second) == (2, 2)
    assert last > 5
    assert run.networks.plan() == entries(run)[STARTS[-1]].plan


def test_the_chosen_network_may_start_from_the_shared_one(whole: Run, static: Run, tmp_path: Path) -> None:
    run = do_until(with_static(static, tmp_path, *ALTERNATING, "start=shared", "train.epochs=0"), "train")
    assert_same_training(run.folder.trained("shared"), whole.folder.trained("shared"))
    shared = run.networks.starting(run.networks.plan(), "shared")
    trained = run.networks.trained()
    images = run.feed.norm_images
    with torch.no_grad():
        assert torch.allclose(run.networks.built(shared).eval()(images), trained.eval()(images))


def test_a_checkpoint_of_another_turn_is_refused(whole: Run, tmp_path: Path) -> None:
    run = with_static(whole, tmp_path, *ALTERNATING)
    for name in ("shared/checkpoint.safetensors", "journal.jsonl"):
        (run.folder.path / name).parent.mkdir(exist_ok=True)
        shutil.copy(whole.folder.path / name, run.folder.path / name)
    journal = run.folder.path / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:3]))
    with pytest.raises(ArtifactError, match=r"weights of turn 3 of the search, but the journal ends in turn 2"):
        do(run, "search")
    journal.write_text("".join(lines[:5]))
    run.folder.checkpoint("shared").unlink()
    with pytest.raises(ArtifactError, match=r"weights of turn 0 of the search, but the journal ends in turn 3"):
        do(run, "search")


def test_a_strategy_without_a_policy_is_refused_before_work_starts(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"set search\.strategy=reinforce"):
        open_small(tmp_path, *ALTERNATING, "search.strategy=random")
    assert not (tmp_path / "run").exists()


def test_the_anchored_strategy_has_a_policy_too(static: Run, tmp_path: Path) -> None:
    run = searched(with_static(static, tmp_path, *ALTERNATING, "search.strategy=anchored"))
    assert len(entries(run)) == 9
