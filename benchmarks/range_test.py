"""A learning rate found by trying: it grows from step to step until the loss does (Smith, 2017)."""

import copy
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from s2dnas.training.loop import TrainingTask
from s2dnas.training.moment import Moment

LOWEST, HIGHEST, STEPS, SMOOTHING = 1e-4, 1.0, 60, 0.8


def range_test(task: TrainingTask, device: torch.device, seed: int = 0) -> float:
    """A tenth of the rate at which the smoothed loss of a copy of the network was lowest."""
    module = copy.deepcopy(task.module).to(device).train()
    optimizer = torch.optim.SGD(module.parameters(), lr=LOWEST, momentum=0.9, nesterov=True)
    generator, batches = torch.Generator().manual_seed(seed), endless(task, seed)
    smoothed, lowest, best = 0.0, math.inf, LOWEST
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for step in range(STEPS):
            rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1))
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad()
            loss = task.loss(module, *next(batches), Moment(0.0, generator))
            smoothed = SMOOTHING * smoothed + (1 - SMOOTHING) * float(loss.detach())
            mean = smoothed / (1 - SMOOTHING ** (step + 1))
            if not math.isfinite(mean) or mean > 4 * lowest:
                break
            if mean < lowest:
                lowest, best = mean, rate
            loss.backward()
            optimizer.step()
    return best / 10


def endless(task: TrainingTask, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of one pass after the other."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from task.batches(generator)
