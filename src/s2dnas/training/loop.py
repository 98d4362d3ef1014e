"""The one training loop: static, shared and masked networks differ only in their task."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from s2dnas.errors import TrainingError
from s2dnas.training.average import WeightAverage
from s2dnas.training.best_epoch import BestEpoch
from s2dnas.training.checkpoint import EpochRecord, load_checkpoint, save_checkpoint
from s2dnas.training.compute import Compute
from s2dnas.training.learning_rate import with_learning_rate
from s2dnas.training.moment import Loss, Moment
from s2dnas.training.recipe import Recipe

_log = logging.getLogger(__name__)

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class TrainingTask:
    """What is trained, for what, on what.

    ``loss(module, images, labels, moment)`` is a scalar; ``batches(generator)`` is one pass over ``num_batches``
    batches of images (N, C, H, W) and labels (N,) or class probabilities (N, K); ``validate()`` gives accuracies by
    name after each epoch, and before the first one, on ``num_validated`` images. ``fresh``: the weights are new, so
    there is nothing to be lost.
    """

    module: nn.Module
    loss: Loss
    batches: Callable[[torch.Generator], Iterator[Batch]]
    num_batches: int
    validate: Callable[[], dict[str, float]] = dict
    num_validated: int = 0
    fresh: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a training is: batches done of all, over all epochs."""

    done: int
    total: int
    loss: float


def fit(
    task: TrainingTask,
    recipe: Recipe,
    *,
    compute: Compute,
    checkpoint: Path | None,
    seed: int,
    until: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> list[EpochRecord]:
    """Train, or go on from the checkpoint where there is one; the module is left trained, in eval mode.

    ``until``: stop once so many epochs of the recipe are done; None: after all, with the weights of the ``BestEpoch``
    where epochs are validated. A recipe without a learning rate gets one. The checkpoint, if there is to be one, is
    written after every epoch (for no epochs, at once), and each draws from a generator of its own, so a training that
    was killed ends as one that was not. Raises TrainingError when loss or weights are not finite; the last good
    checkpoint stays.
    """
    recipe = with_learning_rate(recipe, task.num_batches, fresh=task.fresh)
    # The stub of `Module.to` has no overload with both a device and a memory format.
    module: nn.Module = cast(Any, task.module).to(compute.device, memory_format=torch.channels_last)
    optimizer = _optimizer(module, recipe)
    average = WeightAverage(module, recipe.average) if recipe.average else None
    state = _State(checkpoint, module, optimizer, average, BestEpoch(module, task.num_validated))
    history = state.load() or state.begun(task, recipe)
    run = _Training(task, recipe, compute, compute.scaler(), optimizer, average, on_progress)
    for epoch in range(len(history), recipe.epochs if until is None else min(until, recipe.epochs)):
        start = time.perf_counter()
        loss, images = run.epoch(epoch, _epoch_seed(seed, epoch))
        seconds = time.perf_counter() - start
        module.eval()
        _check_finite(module, recipe, epoch)
        run.exchange()
        history.append(EpochRecord(epoch + 1, loss, seconds, images / seconds, task.validate()))
        state.save(history)
        run.exchange()
        _log.info(_line(history[-1], recipe.epochs))
    run.exchange()
    state.end(history, recipe)
    return history


@dataclass(frozen=True, eq=False)
class _State:
    """What a training keeps between epochs, on disk if there is a path."""

    path: Path | None
    module: nn.Module
    optimizer: torch.optim.Optimizer
    average: WeightAverage | None
    best: BestEpoch

    def load(self) -> list[EpochRecord]:
        """The history of what was done before, with weights and optimizer as they were left."""
        if self.path is None or not self.path.exists():
            return []
        return load_checkpoint(self.path, self.module, self.optimizer, self.average, self.best)

    def begun(self, task: TrainingTask, recipe: Recipe) -> list[EpochRecord]:
        """The history of a training that begins, whose start may be the best; one of no epochs is at its end."""
        if not recipe.epochs:
            self.save([])
        elif not task.fresh:
            self.module.eval()
            self.best.offer(0, task.validate())
        return []

    def save(self, history: list[EpochRecord]) -> None:
        """Write the state after an epoch, which may be the best."""
        for record in history[-1:]:
            self.best.offer(record.epoch, record.metrics)
        if self.path is not None:
            save_checkpoint(self.path, self.module, self.optimizer, history, self.average, self.best)

    def end(self, history: list[EpochRecord], recipe: Recipe) -> None:
        """Leave the best weights, once all epochs are done."""
        if len(history) == recipe.epochs:
            self.best.restore(len(history))
        self.module.eval()


@dataclass(frozen=True, eq=False)
class _Training:
    """What stays the same from epoch to epoch."""

    task: TrainingTask
    recipe: Recipe
    compute: Compute
    scaler: torch.amp.GradScaler
    optimizer: torch.optim.Optimizer
    average: WeightAverage | None
    on_progress: Callable[[Progress], None]

    def epoch(self, epoch: int, seed: int) -> tuple[float, int]:
        """Mean loss and number of images of one pass."""
        generator = torch.Generator().manual_seed(seed)
        self.task.module.train()
        total, images = 0.0, 0
        with torch.random.fork_rng():
            torch.manual_seed(seed)  # dropout draws from the global generator
            for index, (inputs, labels) in enumerate(self.task.batches(generator)):
                passed = epoch + index / self.task.num_batches
                self._set_rate(passed)
                value = self._step(inputs, labels, Moment(passed / self.recipe.epochs, generator))
                if not math.isfinite(value):
                    raise _diverged(f"the loss is {value} in epoch {epoch + 1}, batch {index + 1}", self.recipe)
                done = epoch * self.task.num_batches + index + 1
                if self.average is not None:
                    self.average.update(done)
                total, images = total + value * len(labels), images + len(labels)
                self._report(done, total / images)
        return total / images, images

    def _step(self, inputs: Tensor, labels: Tensor, moment: Moment) -> float:
        """The loss of one batch; the weights are moved if it is finite."""
        self.optimizer.zero_grad()
        with self.compute.autocast():
            loss = self.task.loss(self.task.module, inputs, labels, moment)
        value = float(loss.detach())
        if math.isfinite(value):
            torch.autograd.backward(self.scaler.scale(loss))
            self.scaler.step(self.optimizer)
            self.scaler.update()
        return value

    def exchange(self) -> None:
        """The averaged weights for those of the last step, or the other way round."""
        if self.average is not None:
            self.average.swap()

    def _set_rate(self, epoch: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(epoch)

    def _report(self, done: int, loss: float) -> None:
        self.on_progress(Progress(done, self.recipe.epochs * self.task.num_batches, loss))


def _check_finite(module: nn.Module, recipe: Recipe, epoch: int) -> None:
    """The last step of an epoch may ruin the weights after a loss that was finite, and statistics without any.

    Buffers that are no statistics, such as masks, may hold infinities.
    """
    statistics = ((name, buffer) for name, buffer in module.named_buffers() if "running_" in name)
    for name, tensor in (*module.named_parameters(), *statistics):
        if not bool(tensor.isfinite().all()):
            raise _diverged(f"{name} is not finite after epoch {epoch + 1}", recipe)


def _diverged(fault: str, recipe: Recipe) -> TrainingError:
    return TrainingError(
        f"{fault}; the checkpoint of the last good epoch is kept; lower the learning rate (now "
        f"{recipe.learning_rate}) or lengthen the warm-up (now {recipe.warmup_epochs} epochs) and resume"
    )


def _optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    parameters = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.rate(0), betas=(recipe.momentum, 0.999))
    return torch.optim.SGD(groups, lr=recipe.rate(0), momentum=recipe.momentum, nesterov=recipe.momentum > 0)


def _epoch_seed(seed: int, epoch: int) -> int:
    return (seed * 1_000_003 + epoch) % 2**63


def _line(record: EpochRecord, epochs: int) -> str:
    left = record.seconds * (epochs - record.epoch) / 60
    metrics = "".join(f", {name} {value:.2%}" for name, value in record.metrics.items())
    return (
        f"epoch {record.epoch}/{epochs}: loss {record.loss:.4f}{metrics}, "
        f"{record.images_per_second:.0f} images/s, {left:.1f} min left"
    )
