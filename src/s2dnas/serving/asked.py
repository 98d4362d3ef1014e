"""Requests whose samples leave at different stages, and the samples of several requests that go on together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import FloatArray, IntArray
from s2dnas.runtime import SessionAnswers
from s2dnas.serving.stage_worker import StageValues, StageVerdict
from s2dnas.values import IMAGE


class Asked:
    """A request: its images, kept until all are answered, and the ``answers`` that are awaited.

    ``macs`` (S,) are what an image costs that leaves after each stage.
    """

    def __init__(self, images: npt.NDArray[np.float32], macs: FloatArray) -> None:
        self._images, self._macs = images, macs
        self.count = count = len(images)
        self._labels, self._stages, self._scores = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count)
        self._missing = count
        self.answers: asyncio.Future[SessionAnswers] = asyncio.get_running_loop().create_future()
        self._end_if_complete()

    def images(self, rows: IntArray) -> StageValues:
        """What the first stage takes of some samples."""
        return {IMAGE: self._images[rows]}

    def take(self, rows: IntArray, stage: int, labels: IntArray, scores: FloatArray) -> None:
        """The answers of samples that left at a stage."""
        self._labels[rows], self._stages[rows], self._scores[rows] = labels, stage, scores
        self._missing -= len(rows)
        self._end_if_complete()

    def fail(self, error: Exception) -> None:
        """End without answers, unless whoever asked has gone."""
        if not self.answers.done():
            self.answers.set_exception(error)

    def _end_if_complete(self) -> None:
        if not self._missing and not self.answers.done():
            found = SessionAnswers(self._labels, self._stages, self._scores, self._macs[self._stages])
            self.answers.set_result(found)


@dataclass(frozen=True, eq=False)
class Portion:
    """Samples of one request: these ``rows`` of it."""

    asked: Asked
    rows: IntArray

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class Group:
    """Samples that go to a stage together. ``values`` are arrays by name or what stands for them elsewhere.

    ``portions`` tell whose they are, in order; ``losses`` how often they were lost on the way.
    """

    values: Any
    portions: tuple[Portion, ...]
    losses: int = 0

    def __len__(self) -> int:
        return sum(map(len, self.portions))


def settle(groups: Sequence[Group], stage: int, verdict: StageVerdict, staying: Any) -> Group | None:
    """Give the answers of those that leave to whom they belong; what stays is one group of the values ``staying``."""
    start, stay = 0, []
    for portion in (portion for group in groups for portion in group.portions):
        mine = slice(start, start := start + len(portion))
        leaving = verdict.leaving[mine]
        if leaving.any():
            labels, scores = verdict.labels[mine][leaving], verdict.scores[mine][leaving]
            portion.asked.take(portion.rows[leaving], stage, labels, scores)
        if not leaving.all():
            stay.append(Portion(portion.asked, portion.rows[~leaving]))
    return Group(staying, tuple(stay), max(group.losses for group in groups)) if stay else None
