"""The best epoch is what a training leaves, wherever it was killed, and nothing worse than what it started from."""

import copy
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from s2dnas.training.best_epoch import KeptEpoch
from s2dnas.training.checkpoint import load_checkpoint, read_history, read_kept
from s2dnas.training.compute import Compute
from s2dnas.training.label_loss import LabelLoss
from s2dnas.training.loop import Progress, TrainingTask, fit
from s2dnas.training.recipe import Recipe

RECIPE = Recipe(epochs=4, learning_rate=0.1, warmup_epochs=0)
COMPUTE = Compute(torch.device("cpu"))
BATCHES = 2


class KilledError(Exception):
    """The process ends here."""


@dataclass
class Scripted:
    """A training whose accuracies are given: of the start and after each epoch. Each state that is validated is noted.

    A state is known again when a killed training goes on.
    """

    accuracies: Sequence[float]
    states: list[dict[str, Tensor]]
    module: nn.Module

    @classmethod
    def of(cls, *accuracies: float) -> "Scripted":
        with torch.random.fork_rng():
            torch.manual_seed(0)
            layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(), nn.Linear(16, 3)]
            return cls(accuracies, [], nn.Sequential(*layers))

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(BATCHES):
            yield torch.randn(8, 1, 4, 4, generator=generator), torch.randint(3, (8,), generator=generator)

    def validate(self) -> dict[str, float]:
        assert not self.module.training
        state = {name: tensor.clone() for name, tensor in self.module.state_dict().items()}
        if not any(equal(state, seen) for seen in self.states):
            self.states.append(state)
        mean = self.accuracies[next(index for index, seen in enumerate(self.states) if equal(state, seen))]
        return {"stage 1": mean - 0.1, "stage 2": mean + 0.1}

    def task(self) -> TrainingTask:
        return TrainingTask(self.module, LabelLoss(), self.batches, BATCHES, self.validate)

    def again(self) -> "Scripted":
        """With a module as it was before any training, in a new process."""
        fresh = copy.deepcopy(self.module)
        fresh.load_state_dict(self.states[0])
        return replace(self, module=fresh)


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(tensor, second[name]) for name, tensor in first.items())


@pytest.mark.parametrize(
    ("accuracies", "best"),
    [
        ((0.2, 0.4, 0.8, 0.3, 0.5), 2),
        ((0.2, 0.4, 0.5, 0.3, 0.8), 4),
        ((0.2, 0.8, 0.5, 0.8, 0.3), 3),
        ((0.8, 0.4, 0.5, 0.8, 0.3), 0),
    ],
)
@pytest.mark.parametrize("average", [0.0, 0.5])
def test_the_epoch_of_the_highest_mean_accuracy_is_the_result(
    accuracies: tuple[float, ...], best: int, average: float, tmp_path: Path
) -> None:
    toy, path = Scripted.of(*accuracies), tmp_path / "last"
    history = fit(toy.task(), replace(RECIPE, average=average), compute=COMPUTE, checkpoint=path, seed=1)
    assert len(toy.states) == 5
    assert equal(toy.module.state_dict(), toy.states[best])
    loaded = copy.deepcopy(toy.module)
    assert load_checkpoint(path, loaded) == history == read_history(path)
    assert equal(loaded.state_dict(), toy.states[best])
    assert [record.metrics["stage 2"] for record in history] == [mean + 0.1 for mean in accuracies[1:]]
    first, kept = ({"stage 1": mean - 0.1, "stage 2": mean + 0.1} for mean in (accuracies[0], accuracies[best]))
    assert read_kept(path) == KeptEpoch(best, kept, first, highest=pytest.approx(max(accuracies)))


@pytest.mark.parametrize("killed", range(1, 4 * BATCHES + 1))
@pytest.mark.parametrize("average", [0.0, 0.5])
def test_killed_anywhere_it_ends_with_the_same_best_epoch(killed: int, average: float, tmp_path: Path) -> None:
    toy, recipe = Scripted.of(0.2, 0.4, 0.8, 0.3, 0.5), replace(RECIPE, average=average)
    fit(toy.task(), recipe, compute=COMPUTE, checkpoint=tmp_path / "whole", seed=1)
    first, second = toy.again(), toy.again()

    def on_progress(progress: Progress) -> None:
        if progress.done == killed:
            raise KilledError

    with pytest.raises(KilledError):
        fit(first.task(), recipe, compute=COMPUTE, checkpoint=tmp_path / "last", seed=1, on_progress=on_progress)
    fit(second.task(), recipe, compute=COMPUTE, checkpoint=tmp_path / "last", seed=1)
    assert len(toy.states) == 5  # no state that the whole training had not
    assert equal(second.module.state_dict(), toy.states[2])
    assert read_kept(tmp_path / "last") == read_kept(tmp_path / "whole")


@pytest.mark.parametrize(
    ("accuracies", "best"),
    [
        ((0.2, 0.4, 0.8, 0.3, 0.77), 4),  # 0.8 of 100 images are known to 0.04
        ((0.2, 0.4, 0.8, 0.3, 0.75), 2),
        ((0.2, 0.8, 0.77, 0.74, 0.71), 2),
        ((0.78, 0.8, 0.77, 0.77, 0.77), 1),
        ((0.8, 0.79, 0.79, 0.79, 0.79), 0),
    ],
)
def test_a_later_epoch_is_kept_that_is_not_separated_from_the_best(
    accuracies: tuple[float, ...], best: int, tmp_path: Path
) -> None:
    toy = Scripted.of(*accuracies)
    task = replace(toy.task(), num_validated=100)
    fit(task, RECIPE, compute=COMPUTE, checkpoint=tmp_path / "last", seed=1)
    assert equal(toy.module.state_dict(), toy.states[best])
    kept = read_kept(tmp_path / "last")
    assert kept is not None
    assert (kept.epoch, kept.highest) == (best, pytest.approx(max(accuracies)))


def test_it_is_said_that_a_training_brought_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    toy = Scripted.of(0.8, 0.4, 0.5, 0.3, 0.2)
    with caplog.at_level(logging.WARNING):
        fit(toy.task(), RECIPE, compute=COMPUTE, checkpoint=tmp_path / "last", seed=1)
    (record,) = caplog.records
    assert "no epoch of the training was better than its start, with a mean accuracy of 80.00 %" in record.message


def test_nothing_is_said_of_a_training_that_ends_with_its_best_epoch(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        fit(Scripted.of(0.2, 0.3, 0.5, 0.6, 0.8).task(), RECIPE, compute=COMPUTE, checkpoint=None, seed=1)
    assert not caplog.records


def test_fresh_weights_are_not_kept_whatever_the_epochs_bring(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    toy = Scripted.of(0.5, 0.3, 0.4, 0.2)  # of the epochs alone
    task = replace(toy.task(), fresh=True)
    with caplog.at_level(logging.WARNING):
        fit(task, RECIPE, compute=COMPUTE, checkpoint=tmp_path / "last", seed=1)
    assert equal(toy.module.state_dict(), toy.states[0])
    kept = read_kept(tmp_path / "last")
    assert kept is not None
    assert (kept.epoch, kept.start) == (1, {})
    assert not caplog.records


def test_without_accuracies_the_last_epoch_is_the_result(tmp_path: Path) -> None:
    toy = Scripted.of(0.8, 0.4, 0.5, 0.3, 0.2)
    fit(toy.task(), RECIPE, compute=COMPUTE, checkpoint=None, seed=1)
    other = toy.again()
    fit(replace(other.task(), validate=dict), RECIPE, compute=COMPUTE, checkpoint=tmp_path / "last", seed=1)
    assert equal(other.module.state_dict(), toy.states[-1])
    assert read_kept(tmp_path / "last") is None


def test_no_epochs_are_not_validated(tmp_path: Path) -> None:
    toy = Scripted.of()
    fit(toy.task(), replace(RECIPE, epochs=0), compute=COMPUTE, checkpoint=tmp_path / "last", seed=1)
    assert toy.states == []
    assert read_kept(tmp_path / "last") is None
