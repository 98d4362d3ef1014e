"""Sends samples from stage to stage, wherever the stages run, and again where they were lost."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import FloatArray
from s2dnas.errors import require
from s2dnas.runtime import SessionAnswers
from s2dnas.serving.asked import Asked, Group, Portion, settle
from s2dnas.serving.stage_worker import StageVerdict

_log = logging.getLogger(__name__)

StageCall = Callable[[Sequence[Any]], Awaitable[tuple[StageVerdict, Any]]]
"""Runs a stage elsewhere: the values of several groups to the verdict on all, and the values of those that stay."""


@dataclass(frozen=True)
class DispatchLimits:
    """``batch`` images are in one call of a stage at most.

    Samples that were lost start again after ``pause`` seconds, twice as many each time, and are given up after
    ``losses`` times. Raises SettingsError for values out of range.
    """

    batch: int = 64
    losses: int = 8
    pause: float = 0.1

    def __post_init__(self) -> None:
        rules = {
            "batch": (self.batch >= 1, "at least 1"),
            "losses": (self.losses >= 0, "at least 0"),
            "pause": (self.pause >= 0, "at least 0 seconds"),
        }
        require(self, rules)


class Dispatcher:
    """Keeps the images of a request until all are answered: where a call is lost, its samples start again with them.

    ``calls_at_once`` (S,) calls of each stage run at once; meanwhile groups of any requests gather for the next one.
    ``macs`` (S,) are what an image costs that leaves after each stage. Errors of the types ``lost`` mean that a call
    or its values are gone and can be repeated; any other ends the requests whose samples it met.
    ``repeated`` is how many images had to start again.
    """

    def __init__(
        self,
        calls: Sequence[StageCall],
        calls_at_once: Sequence[int],
        macs: FloatArray,
        limits: DispatchLimits,
        lost: tuple[type[Exception], ...],
    ) -> None:
        self._calls, self._macs, self._limits, self._lost = calls, macs, limits, lost
        self._lines = [deque[Group]() for _ in calls]
        self._free = list(calls_at_once)
        self._tasks: set[asyncio.Task[None]] = set()
        self.repeated = 0

    async def answer(self, images: npt.NDArray[np.float32]) -> SessionAnswers:
        """The answers for a request of images (N, C, H, W), normalised as in training."""
        asked, batch = Asked(images, self._macs), self._limits.batch
        for first, end in pairwise([*range(0, asked.count, batch), asked.count]):
            self._start(Portion(asked, np.arange(first, end)), 0)
        return await asked.answers

    def _start(self, portion: Portion, losses: int) -> None:
        if not portion.asked.answers.done():
            self._add(0, Group(portion.asked.images(portion.rows), (portion,), losses))

    def _add(self, stage: int, group: Group) -> None:
        self._lines[stage].append(group)
        self._call_if_free(stage)

    def _call_if_free(self, stage: int) -> None:
        while self._lines[stage] and self._free[stage]:
            self._free[stage] -= 1
            task = asyncio.get_running_loop().create_task(self._call(stage, self._next(stage)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self, stage: int) -> list[Group]:
        """The groups that have waited longest, as many as fit into a call; no group is larger than a call.

        Those that were lost half as often as they may be go alone: if one of them kills replicas, no other dies of it.
        """
        line = self._lines[stage]
        groups = [line.popleft()]
        room = self._limits.batch - len(groups[0])
        while line and len(line[0]) <= room and not any(map(self._goes_alone, (groups[0], line[0]))):
            room -= len(line[0])
            groups.append(line.popleft())
        return groups

    def _goes_alone(self, group: Group) -> bool:
        return group.losses > 0 and 2 * group.losses >= self._limits.losses

    async def _call(self, stage: int, groups: Sequence[Group]) -> None:
        try:
            verdict, staying = await self._calls[stage]([group.values for group in groups])
            if (rest := settle(groups, stage, verdict, staying)) is not None:
                self._add(stage + 1, rest)
        except self._lost as error:
            for group in groups:
                self._repeat(group, stage, error)
        except Exception as error:  # it belongs to those who asked; the others' samples go on
            for portion in (portion for group in groups for portion in group.portions):
                portion.asked.fail(error)
        finally:
            self._free[stage] += 1
            self._call_if_free(stage)

    def _repeat(self, group: Group, stage: int, error: Exception) -> None:
        if group.losses == self._limits.losses:
            for portion in group.portions:
                portion.asked.fail(error)
            return
        _log.warning("%d images start again, lost at stage %d: %s", len(group), stage + 1, type(error).__name__)
        self.repeated += len(group)
        for portion in group.portions:
            pause = self._limits.pause * 2**group.losses
            asyncio.get_running_loop().call_later(pause, self._start, portion, group.losses + 1)
