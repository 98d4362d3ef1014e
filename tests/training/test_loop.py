"""A training learns, repeats itself, survives being killed, and stops when it diverges."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from s2dnas.errors import TrainingError
from s2dnas.training.checkpoint import EpochRecord, load_checkpoint
from s2dnas.training.compute import Compute
from s2dnas.training.loop import Progress, TrainingTask, fit
from s2dnas.training.moment import Moment
from s2dnas.training.recipe import Recipe

RECIPE = Recipe(epochs=4, batch_size=8, learning_rate=0.1, warmup_epochs=0.5)
SAMPLES, BATCHES = 30, 4


class KilledError(Exception):
    """The process ends here."""


@dataclass
class Toy:
    """Two classes, bright and dark images, which the network must tell apart in spite of noise and dropout."""

    module: nn.Module
    images: Tensor
    labels: Tensor

    def loss(self, module: nn.Module, images: Tensor, labels: Tensor, moment: Moment) -> Tensor:
        noise = 0.1 * torch.randn(images.shape, generator=moment.generator)
        return F.cross_entropy(module(images + noise), labels)

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(SAMPLES, generator=generator)
        return ((self.images[part], self.labels[part]) for part in order.split(RECIPE.batch_size))

    def validate(self) -> dict[str, float]:
        with torch.no_grad():
            right = self.module(self.images).argmax(1) == self.labels
        return {"accuracy": float(right.float().mean())}

    def task(self) -> TrainingTask:
        return TrainingTask(self.module, self.loss, self.batches, BATCHES, self.validate)


@pytest.fixture(scope="module")
def compute() -> Compute:
    return Compute(torch.device("cpu"))


@pytest.fixture
def toy() -> Toy:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        conv = [nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout2d(0.2), nn.AdaptiveAvgPool2d(1)]
        module = nn.Sequential(*conv, nn.Flatten(), nn.Dropout(0.3), nn.Linear(6, 2))
        labels = torch.arange(SAMPLES) % 2
        images = torch.randn(SAMPLES, 2, 6, 6) + (2.0 * labels - 1).view(-1, 1, 1, 1)
        return Toy(module, images, labels)


def another(toy: Toy) -> Toy:
    """The same problem, with a network of its own that was not trained."""
    return replace(toy, module=copy.deepcopy(toy.module))


def what_counts(history: list[EpochRecord]) -> list[tuple[int, float, dict[str, float]]]:
    """Everything but the time it took."""
    return [(record.epoch, record.loss, record.metrics) for record in history]


def assert_same_weights(first: nn.Module, second: nn.Module) -> None:
    ours, theirs = first.state_dict(), second.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_it_learns_a_separable_problem(toy: Toy, compute: Compute, tmp_path: Path) -> None:
    history = fit(toy.task(), replace(RECIPE, epochs=8), compute=compute, checkpoint=tmp_path / "last", seed=1)
    assert [record.epoch for record in history] == list(range(1, 9))
    assert history[-1].metrics == {"accuracy": 1.0}
    assert history[-1].loss < 0.5 * history[0].loss
    assert all(record.seconds > 0 and record.images_per_second > 0 for record in history)
    assert not toy.module.training


def test_equal_seeds_give_equal_networks(toy: Toy, compute: Compute, tmp_path: Path) -> None:
    same, other = another(toy), another(toy)
    first = fit(toy.task(), RECIPE, compute=compute, checkpoint=tmp_path / "first", seed=1)
    torch.manual_seed(123)  # what the process did before does not matter
    second = fit(same.task(), RECIPE, compute=compute, checkpoint=tmp_path / "second", seed=1)
    third = fit(other.task(), RECIPE, compute=compute, checkpoint=tmp_path / "third", seed=2)
    assert what_counts(first) == what_counts(second)
    assert_same_weights(toy.module, same.module)
    assert what_counts(first) != what_counts(third)


def test_the_global_generator_is_left_as_it_was(toy: Toy, compute: Compute, tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    fit(toy.task(), RECIPE, compute=compute, checkpoint=tmp_path / "last", seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_every_epoch_draws_anew(toy: Toy, compute: Compute, tmp_path: Path) -> None:
    orders: list[list[int]] = []
    drops: list[Tensor] = []

    def batches(generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        orders.append(torch.randperm(SAMPLES, generator=generator).tolist())
        drops.append(torch.rand(4))  # from the global generator, as dropout
        return toy.batches(generator)

    fit(replace(toy.task(), batches=batches), RECIPE, compute=compute, checkpoint=tmp_path / "last", seed=1)
    assert len({tuple(order) for order in orders}) == RECIPE.epochs
    assert len({tuple(drop.tolist()) for drop in drops}) == RECIPE.epochs


def kill_in_batch(done: int, task: TrainingTask) -> tuple[TrainingTask, Callable[[Progress], None]]:
    def on_progress(progress: Progress) -> None:
        if progress.done == done:
            raise KilledError

    return task, on_progress


def kill_in_validation(epoch: int, task: TrainingTask) -> tuple[TrainingTask, Callable[[Progress], None]]:
    calls = []

    def validate() -> dict[str, float]:
        calls.append(1)
        if len(calls) == 1 + epoch:  # the start is validated, too
            raise KilledError
        return task.validate()

    return replace(task, validate=validate), lambda _: None


@pytest.mark.parametrize(
    ("kill", "when", "finished"),
    [
        (kill_in_batch, 1, 0),
        (kill_in_batch, BATCHES, 0),
        (kill_in_batch, BATCHES + 1, 1),
        (kill_in_batch, 2 * BATCHES + 3, 2),
        (kill_in_validation, 0, 0),
        (kill_in_validation, 1, 0),
        (kill_in_validation, 3, 2),
        (kill_in_validation, 4, 3),
    ],
)
@pytest.mark.parametrize(
    "recipe",
    [RECIPE, replace(RECIPE, average=0.9), replace(RECIPE, optimizer="adamw", learning_rate=0.01)],
    ids=["last", "average", "adamw"],
)
def test_killed_and_resumed_ends_as_uninterrupted(
    toy: Toy, compute: Compute, tmp_path: Path, kill: Callable[..., object], when: int, finished: int, recipe: Recipe
) -> None:
    whole, resumed = another(toy), another(toy)
    expected = fit(whole.task(), recipe, compute=compute, checkpoint=tmp_path / "whole", seed=5)
    task, on_progress = kill(when, toy.task())  # type: ignore[misc]
    with pytest.raises(KilledError):
        fit(task, recipe, compute=compute, checkpoint=tmp_path / "last", seed=5, on_progress=on_progress)
    assert (tmp_path / "last").exists() is (finished > 0)
    epochs: list[int] = []

    def count(progress: Progress) -> None:
        epochs.append((progress.done - 1) // BATCHES)

    history = fit(resumed.task(), recipe, compute=compute, checkpoint=tmp_path / "last", seed=5, on_progress=count)
    assert sorted(set(epochs)) == list(range(finished, RECIPE.epochs))
    assert what_counts(history) == what_counts(expected)
    assert_same_weights(resumed.module, whole.module)


@pytest.mark.parametrize("recipe", [RECIPE, replace(RECIPE, average=0.9)], ids=["last", "average"])
def test_a_training_in_parts_ends_as_one_in_one_go(recipe: Recipe, toy: Toy, compute: Compute, tmp_path: Path) -> None:
    """The learning rate spans all epochs, whatever part of them is done at a time."""
    parts = another(toy)
    expected = fit(toy.task(), recipe, compute=compute, checkpoint=tmp_path / "whole", seed=5)
    for until in (1, 1, 3, 9):
        found = fit(parts.task(), recipe, compute=compute, checkpoint=tmp_path / "parts", seed=5, until=until)
        assert len(found) == min(until, RECIPE.epochs)
        assert not parts.module.training
    assert what_counts(found) == what_counts(expected)
    assert_same_weights(parts.module, toy.module)


def test_the_average_of_the_weights_is_the_result_and_disturbs_nothing(
    toy: Toy, compute: Compute, tmp_path: Path
) -> None:
    plain, averaged = another(toy), another(toy)
    weights: list[Tensor] = []

    def note(_: Progress) -> None:
        weights.append(plain.module[-1].weight.detach().clone())  # type: ignore[index]

    start = plain.module[-1].weight.detach().clone()  # type: ignore[index]
    first = fit(plain.task(), RECIPE, compute=compute, checkpoint=tmp_path / "a", seed=1, on_progress=note)
    recipe = replace(RECIPE, average=0.6)
    second = fit(averaged.task(), recipe, compute=compute, checkpoint=tmp_path / "b", seed=1)
    assert [record.loss for record in first] == [record.loss for record in second]
    expected = start
    for steps, weight in enumerate(weights, start=1):
        decay = min(0.6, (1 + steps) / (10 + steps))
        expected = decay * expected + (1 - decay) * weight
    torch.testing.assert_close(averaged.module[-1].weight.detach(), expected)  # type: ignore[index]
    loaded = another(toy)
    load_checkpoint(tmp_path / "b", loaded.module)
    assert_same_weights(loaded.module, averaged.module)


def test_the_share_that_is_done_is_told_before_each_batch(toy: Toy, compute: Compute, tmp_path: Path) -> None:
    told: list[float] = []

    def loss(module: nn.Module, images: Tensor, labels: Tensor, moment: Moment) -> Tensor:
        told.append(moment.progress)
        return toy.loss(module, images, labels, moment)

    fit(replace(toy.task(), loss=loss), RECIPE, compute=compute, checkpoint=tmp_path / "last", seed=1)
    assert told == [step / (RECIPE.epochs * BATCHES) for step in range(RECIPE.epochs * BATCHES)]


def test_a_finished_training_is_only_loaded(toy: Toy, compute: Compute, tmp_path: Path) -> None:
    again = another(toy)
    first = fit(toy.task(), RECIPE, compute=compute, checkpoint=tmp_path / "last", seed=1)
    progress: list[Progress] = []
    second = fit(
        again.task(), RECIPE, compute=compute, checkpoint=tmp_path / "last", seed=1, on_progress=progress.append
    )
    assert second == first
    assert not progress
    assert not again.module.training
    assert_same_weights(again.module, toy.module)


def test_progress_counts_batches_over_all_epochs(toy: Toy, compute: Compute, tmp_path: Path) -> None:
    progress: list[Progress] = []
    history = fit(
        toy.task(), RECIPE, compute=compute, checkpoint=tmp_path / "last", seed=1, on_progress=progress.append
    )
    total = RECIPE.epochs * BATCHES
    assert [(p.done, p.total) for p in progress] == [(done, total) for done in range(1, total + 1)]
    assert [p.loss for p in progress[BATCHES - 1 :: BATCHES]] == [record.loss for record in history]


def test_the_loss_is_the_mean_over_images(compute: Compute, toy: Toy, tmp_path: Path) -> None:
    def loss(module: nn.Module, images: Tensor, labels: Tensor, moment: Moment) -> Tensor:
        del moment
        return 0 * module(images).sum() + labels.float().mean()

    task = replace(toy.task(), loss=loss)
    history = fit(task, replace(RECIPE, epochs=1), compute=compute, checkpoint=tmp_path / "last", seed=1)
    assert history[0].loss == pytest.approx(float(toy.labels.float().mean()))


def test_only_weight_matrices_decay(toy: Toy, compute: Compute, tmp_path: Path) -> None:
    def loss(module: nn.Module, images: Tensor, labels: Tensor, moment: Moment) -> Tensor:
        del labels, moment
        return 0 * module(images).sum()

    frozen = toy.module[0].weight.requires_grad_(False)  # type: ignore[index]
    before = copy.deepcopy(dict(toy.module.named_parameters()))
    recipe = replace(RECIPE, epochs=1, momentum=0.0, weight_decay=0.1)
    task = replace(toy.task(), loss=loss, validate=dict)
    fit(task, recipe, compute=compute, checkpoint=tmp_path / "last", seed=1)
    factor = 1.0
    for batch in range(BATCHES):
        factor *= 1 - 0.1 * recipe.rate(batch / BATCHES)
    for name, parameter in toy.module.named_parameters():
        decays = parameter.ndim > 1 and parameter is not frozen
        torch.testing.assert_close(parameter, before[name] * (factor if decays else 1.0))


def diverging_in(call: int, toy: Toy, value: float) -> TrainingTask:
    """From one batch on, the loss is ``value``."""
    calls: list[int] = []

    def loss(module: nn.Module, images: Tensor, labels: Tensor, moment: Moment) -> Tensor:
        calls.append(1)
        ordinary = toy.loss(module, images, labels, moment)
        return ordinary * value if len(calls) >= call else ordinary

    return replace(toy.task(), loss=loss)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_the_training(toy: Toy, compute: Compute, tmp_path: Path, value: float) -> None:
    good, resumed = another(toy), another(toy)
    task = diverging_in(2 * BATCHES + 2, toy, value)
    with pytest.raises(TrainingError, match=rf"loss is {value} in epoch 3, batch 2; .* lower the learning rate"):
        fit(task, RECIPE, compute=compute, checkpoint=tmp_path / "last", seed=1)
    expected = fit(good.task(), RECIPE, compute=compute, checkpoint=tmp_path / "good", seed=1)
    assert what_counts(load_checkpoint(tmp_path / "last", resumed.module)) == what_counts(expected[:2])
    history = fit(resumed.task(), RECIPE, compute=compute, checkpoint=tmp_path / "last", seed=1)
    assert what_counts(history) == what_counts(expected)


def test_weights_that_the_last_step_of_an_epoch_ruined_are_not_kept(toy: Toy, compute: Compute, tmp_path: Path) -> None:
    def loss(module: nn.Module, images: Tensor, labels: Tensor, moment: Moment) -> Tensor:
        value = toy.loss(module, images, labels, moment)
        done = int(toy.module[1].num_batches_tracked)  # type: ignore[index]
        # A root is finite at zero, its slope is not.
        return value + ((value - value.detach()).abs() if done < 2 * BATCHES else (0 * value).sqrt())

    task = replace(toy.task(), loss=loss)
    with pytest.raises(TrainingError, match=r"is not finite after epoch 2; .* lower the learning rate"):
        fit(task, RECIPE, compute=compute, checkpoint=tmp_path / "last", seed=1)
    assert len(load_checkpoint(tmp_path / "last", another(toy).module)) == 1


def test_statistics_that_are_not_finite_stop_the_training(toy: Toy, compute: Compute, tmp_path: Path) -> None:
    def loss(module: nn.Module, images: Tensor, labels: Tensor, moment: Moment) -> Tensor:
        if int(toy.module[1].num_batches_tracked) > BATCHES:  # type: ignore[index]
            toy.module[1].running_var.fill_(float("inf"))  # type: ignore[index]
        return toy.loss(module, images, labels, moment)

    with pytest.raises(TrainingError, match=r"1.running_var is not finite after epoch 2; .* lower the learning rate"):
        fit(replace(toy.task(), loss=loss), RECIPE, compute=compute, checkpoint=tmp_path / "last", seed=1)
    assert len(load_checkpoint(tmp_path / "last", another(toy).module)) == 1
