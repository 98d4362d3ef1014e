"""The one training loop: static, shared and multi-stage networks differ only in their objective."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from s2dnas.errors import TrainingError
from s2dnas.training.checkpoint import EpochRecord, load_checkpoint, save_checkpoint
from s2dnas.training.recipe import Recipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Objective:
    """What is trained, for what, on what.

    ``loss(module, images, labels, generator)`` is a scalar; ``batches(generator)`` is one pass over ``num_batches``
    batches of images (N, C, H, W) and labels (N,); ``validate()`` gives accuracies by name after each epoch.
    """

    module: nn.Module
    loss: Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor]
    batches: Callable[[torch.Generator], Iterator[Batch]]
    num_batches: int
    validate: Callable[[], dict[str, float]] = dict


@dataclass(frozen=True)
class Progress:
    """How far a training is: batches done of all, over all epochs."""

    done: int
    total: int
    loss: float


def fit(
    objective: Objective,
    recipe: Recipe,
    *,
    fabric: "Fabric",
    checkpoint: Path,
    seed: int,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> list[EpochRecord]:
    """Train, or go on from the checkpoint where there is one; the module is left trained, in eval mode.

    The checkpoint is written after every epoch, and every epoch draws from a generator of its own, so a training
    that was killed and resumed ends as one that was not. Raises TrainingError when the loss is not finite; the last
    good checkpoint stays.
    """
    module = objective.module.to(fabric.device, memory_format=torch.channels_last)
    optimizer = _sgd(module, recipe)
    history = load_checkpoint(checkpoint, module, optimizer) if checkpoint.exists() else []
    wrapped, wrapped_optimizer = fabric.setup(module, optimizer)
    for epoch in range(len(history), recipe.epochs):
        start = time.perf_counter()
        with torch.random.fork_rng():
            torch.manual_seed(_epoch_seed(seed, epoch))  # dropout draws from the global generator
            loss, images = _epoch(objective, wrapped, wrapped_optimizer, recipe, epoch, fabric, seed, on_progress)
        seconds = time.perf_counter() - start
        module.eval()
        record = EpochRecord(epoch + 1, loss, seconds, images / seconds, objective.validate())
        history.append(record)
        save_checkpoint(checkpoint, module, optimizer, history)
        logger.info(_line(record, recipe.epochs))
    module.eval()
    return history


def _epoch(
    objective: Objective,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    epoch: int,
    fabric: "Fabric",
    seed: int,
    on_progress: Callable[[Progress], None],
) -> tuple[float, int]:
    """Mean loss and number of images of one pass."""
    generator = torch.Generator().manual_seed(_epoch_seed(seed, epoch))
    module.train()
    total, images = 0.0, 0
    for index, (inputs, labels) in enumerate(objective.batches(generator)):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(epoch + index / objective.num_batches)
        optimizer.zero_grad()
        loss = objective.loss(module, inputs, labels, generator)
        value = float(loss.detach())
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the loss is {value} in epoch {epoch + 1}, batch {index + 1}; the checkpoint of the last good epoch "
                f"is kept; lower the learning rate (now {recipe.learning_rate}) or lengthen the warm-up and resume"
            )
        fabric.backward(loss)
        optimizer.step()
        total, images = total + value * len(labels), images + len(labels)
        done = epoch * objective.num_batches + index + 1
        on_progress(Progress(done, recipe.epochs * objective.num_batches, total / images))
    return total / images, images


def _sgd(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    parameters = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0)


def _epoch_seed(seed: int, epoch: int) -> int:
    return (seed * 1_000_003 + epoch) % 2**63


def _line(record: EpochRecord, epochs: int) -> str:
    left = record.seconds * (epochs - record.epoch) / 60
    metrics = "".join(f", {name} {value:.2%}" for name, value in record.metrics.items())
    return (
        f"epoch {record.epoch}/{epochs}: loss {record.loss:.4f}{metrics}, "
        f"{record.images_per_second:.0f} images/s, {left:.1f} min left"
    )
