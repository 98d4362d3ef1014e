"""What each step of a run reads, and that every setting reaches the step that it is for."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from s2dnas.data.normalise import IMAGENET_STATS, channel_stats
from s2dnas.data.sources import load_data
from s2dnas.data.splits import split
from s2dnas.exits import ExitRule, ExitTable
from s2dnas.pipeline import finished as finishing
from s2dnas.pipeline.exits import rules
from s2dnas.pipeline.feed import DataFeed
from s2dnas.pipeline.galleries import galleries
from s2dnas.pipeline.judging import Judge
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.settings import load_settings
from s2dnas.pipeline.steps import STEPS, do
from s2dnas.saving.loading import load
from s2dnas.search.journal import Score, read_journal
from s2dnas.space.cost import cost_model
from s2dnas.training.best_epoch import KeptEpoch
from s2dnas.training.checkpoint import load_checkpoint
from small_run import WrongSplitError, do_until, open_small, reading_only, variant_of

MAY_READ = {
    "static": ("train", "search"),
    "search": ("train", "search"),
    "train": ("train", "search"),
    "control": ("train", "search"),
    "calibrate": ("train", "calibrate"),
    "evaluate": ("train", "test"),
    "save": ("train",),
    "time": ("train",),
    "report": ("train", "calibrate", "test"),
}
"""The training split gives every step the shape and the statistics of images."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose every step could read nothing but the splits that are its own."""
    run = open_small(tmp_path_factory.mktemp("small"))
    splits = run.feed.splits
    for step, allowed in MAY_READ.items():
        run.feed.__dict__["splits"] = splits
        do(reading_only(run, *allowed), step)
    run.feed.__dict__["splits"] = splits
    return run


def test_every_step_reads_its_own_splits_alone(finished: Run) -> None:
    assert list(MAY_READ) == list(STEPS)
    assert (finished.folder.path / "report.json").exists()


def test_a_step_that_reads_another_split_is_caught(finished: Run, tmp_path: Path) -> None:
    run = variant_of(finished, tmp_path)
    do(run, "train")
    with pytest.raises(WrongSplitError, match="the calibrate split is read"):
        do(reading_only(run, "train", "search", "test"), "calibrate")


def test_thresholds_come_from_the_calibration_split_and_results_from_the_test_split(finished: Run) -> None:
    for name in ("calibrate", "test"):
        table = ExitTable.load(finished.folder.finished(f"{name}.npz"))
        assert table.labels.tolist() == getattr(finished.feed.splits, name).labels.tolist()


def test_the_split_follows_from_the_seed(tmp_path: Path) -> None:
    source = load_data("digits", None, 300)
    for seed in (0, 5):
        found = open_small(tmp_path / str(seed), f"seed={seed}").feed.splits
        expected = split(source, 0.3, seed=seed)
        assert torch.equal(found.train.images, expected.train.images)
        assert torch.equal(found.calibrate.images, expected.calibrate.images)
    assert not torch.equal(split(source, 0.3, seed=0).train.images, split(source, 0.3, seed=5).train.images)


def test_images_are_normalised_as_the_settings_say(finished: Run) -> None:
    assert finished.feed.stats == channel_stats(finished.feed.splits.train.images)
    imagenet = load_settings(None, ["data.normalise=imagenet"])
    assert DataFeed("digits", imagenet, torch.device("cpu")).stats == IMAGENET_STATS


def trained_weights(run: Run) -> dict[str, Tensor]:
    """After the last epoch, whichever is kept."""
    net = run.networks.shared().at(run.networks.plan())
    load_checkpoint(run.folder.trained("train"), net, torch.optim.SGD(net.parameters(), lr=0.1))
    return {name: tensor for name, tensor in net.state_dict().items() if tensor.is_floating_point()}


PLAIN = ("start=static", "loss.features=0", "control=false")
OF_THE_TRAINING = [
    "carry_gradient=0.5", "accumulate_logits=true", "fade=0.5", "start=reconstructed", "start=scratch", "seed=1",
    "loss.alpha=[1, 0.5, 0.2]", "loss.alpha_start=[1, 0.5, 0.2]", "loss.distillation=0", "loss.temperature=1",
    "loss.from_last=0.5", "loss.features=2", "loss.survivors=1", "loss.label_smoothing=0.2",
    "train.epochs=1", "train.batch_size=32", "train.learning_rate=0.01", "train.momentum=0", "train.weight_decay=0.1",
    "train.warmup_epochs=0", "train.average=0.9", "train.optimizer=adamw", "augmentation.crop=false",
    "search.norm_images=16", "device.precision=bf16-mixed",
]  # fmt: skip


@pytest.fixture(scope="module")
def plain(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    run = variant_of(finished, tmp_path_factory.mktemp("plain"), *PLAIN)
    do(run, "train")
    return trained_weights(run)


@pytest.mark.parametrize("setting", OF_THE_TRAINING)
def test_every_setting_of_the_training_changes_what_is_trained(
    setting: str, finished: Run, plain: dict[str, Tensor], tmp_path: Path
) -> None:
    start = [pair for pair in PLAIN if pair.partition("=")[0] != setting.partition("=")[0]]
    # Only reconstructed weights look at images before the training.
    needed = ["start=reconstructed"] if setting.startswith("search.norm_images") else start
    run = variant_of(finished, tmp_path, *needed, *([] if needed is start else PLAIN[1:]), setting)
    do(run, "train")
    ours = trained_weights(run)
    assert ours.keys() == plain.keys()
    assert any(not torch.equal(tensor, plain[name]) for name, tensor in ours.items())


def test_accumulated_logits_are_running_sums_in_the_network_that_is_saved(finished: Run, tmp_path: Path) -> None:
    run = do_until(variant_of(finished, tmp_path, "accumulate_logits=true", "control=false"), "save")
    network, _ = load(run.folder.path / "network")
    assert network.accumulate_logits
    assert not load(finished.folder.path / "network")[0].accumulate_logits


def test_a_first_stage_never_exceeds_the_smallest_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = open_small(tmp_path, "search.budgets=[0.6, 0.3]", "search.evaluations=24", "static.epochs=1")

    def prefers_wide_first_stages(*_: object) -> object:
        return lambda plan: Score(0.5, 1.0, float(cost_model(run.study.graph).macs(plan)[0]))

    monkeypatch.setattr(Judge, "evaluator", prefers_wide_first_stages)
    do_until(run, "search")
    entries = read_journal(run.folder.finished("journal.jsonl"))
    firsts = [cost_model(run.study.graph).macs(entry.plan)[0] for entry in entries]
    assert cost_model(run.study.graph).macs(run.networks.plan())[0] == max(firsts) <= 0.3 * run.statics.graph.macs


def test_a_report_warns_of_what_its_results_are_worth(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reported() -> dict[str, Any]:
        do(run, "report")
        return json.loads((run.folder.path / "report.json").read_text())

    run = variant_of(finished, tmp_path, "control=false", "train.learning_rate=0.01")
    for step in ("train", "calibrate", "evaluate", "time"):
        do(run, step)
    monkeypatch.setattr(finishing, "read_kept", lambda _: KeptEpoch(2, {"stage 1": 0.8}, {"stage 1": 0.5}, 0.8))
    report = reported()
    (narrow,) = report["warnings"]
    assert "fewer than 32 channels" in narrow
    assert (report["training"]["learning_rate"], report["training"]["kept_epoch"]) == (0.01, 2)
    monkeypatch.setattr(finishing, "read_kept", lambda _: KeptEpoch(0, {"stage 1": 0.8}, {"stage 1": 0.8}, 0.8))
    _, useless, also_narrow = reported()["warnings"]
    assert useless.startswith("No epoch of the training “train” was better on the search split than what it started")
    monkeypatch.undo()
    others = reported()["warnings"]
    for name, accuracy in (("rules", {"static_accuracy": 1.0}), ("static", {"static": 0.5})):
        path = run.folder.path / f"{name}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | accuracy))
    warning, *same = reported()["warnings"]
    assert same == others
    assert also_narrow == narrow == others[-1]
    assert "right on 100.0% of the calibration split, but on 50.0% of the test split" in warning


def test_galleries_show_the_surest_that_leave_first_and_the_least_sure_that_leave_last(finished: Run) -> None:
    data = finished.feed.splits.test
    scores = np.linspace(0.05, 0.95, len(data))
    np.random.default_rng(0).shuffle(scores)
    zeros = np.zeros((2, len(data)))
    table = ExitTable(np.stack([scores, scores]), zeros, data.labels.numpy(), np.array([1.0, 2.0]), "margin")
    first, last = galleries(data, table, ExitRule("margin", (0.5,)))
    order = np.argsort(scores)
    assert np.array_equal(first.images, data.images[order[::-1][:8].copy()].numpy())
    assert np.array_equal(last.images, data.images[order[:8].copy()].numpy())
    assert first.captions == tuple(data.class_names[int(data.labels[i])] for i in order[::-1][:8])


def test_the_saved_network_is_the_trained_one_with_its_rules_classes_and_normalisation(finished: Run) -> None:
    network, found = load(finished.folder.path / "network")
    images, _ = next(iter(finished.feed.plain(finished.feed.splits.test)))
    with torch.no_grad():
        assert torch.equal(network(images), finished.networks.trained()(images))
    assert found == rules(finished.folder)
    assert network.info.class_names == finished.feed.splits.train.class_names
    assert network.info.normalisation == (finished.feed.stats.mean, finished.feed.stats.std)
