"""Survivors of several batches wait for each other, and go on together in a batch that is worth its time."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import IntArray
from s2dnas.errors import SettingsError
from s2dnas.runtime.image_check import checked_images
from s2dnas.runtime.leaving import Leaving, run_stage
from s2dnas.runtime.session import Session
from s2dnas.runtime.session_answers import SessionAnswers
from s2dnas.runtime.workspace import Workspace
from s2dnas.values import IMAGE


@dataclass(frozen=True, eq=False)
class Ready:
    """Answers to the images of ``indices`` (N,), which count all images from the first one pushed, from 0."""

    indices: IntArray
    answers: SessionAnswers


class Joined:
    """Answers as a session does, in another order: for streams of small batches, and for servers. Not thread-safe.

    After a stage, those who stay go on at once if they are at least ``share`` of ``batch``. Otherwise they wait until
    ``batch`` wait before the next stage, until ``poll`` finds that one was pushed ``deadline`` seconds ago, or until
    ``flush``. ``point`` and ``thresholds`` as for a session. ``clock`` gives seconds.

    Raises SettingsError if ``batch`` is under 1, ``share`` outside of (0, 1] or ``deadline`` negative.
    """

    def __init__(
        self,
        session: Session,
        point: str | None = None,
        *,
        thresholds: Sequence[float] | None = None,
        batch: int = 8,
        share: float = 1.0,
        deadline: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if batch < 1 or not 0 < share <= 1 or not deadline >= 0:
            raise SettingsError(
                f"joining needs batch >= 1, 0 < share <= 1 and deadline >= 0, not {batch}, {share}, {deadline}"
            )
        self.batch, self.share, self.deadline = batch, share, deadline
        self._session, self._point, self._clock = session, session.point(point, thresholds), clock
        self._rooms = [_Room(session, batch) for _ in range(session.num_stages)]
        self._pushed = 0
        self._done: list[tuple[IntArray, Leaving, int]] = []

    @property
    def waiting(self) -> int:
        """How many wait before a stage."""
        return sum(room.count for room in self._rooms)

    @property
    def due(self) -> float:
        """When, by the clock, the first of those who wait must go on: then ``poll``. Infinite if nobody waits."""
        return min((room.oldest for room in self._rooms), default=math.inf) + self.deadline

    def push(self, images: npt.NDArray[np.float32]) -> IntArray:
        """Send images (N, C, H, W) through the first stage, and give their indices. Raises DataError as a session."""
        images, now = checked_images(images, self._session.bundle.manifest), self._clock()
        indices = np.arange(self._pushed, self._pushed + len(images))
        self._pushed += len(images)
        for start in range(0, len(images), self.batch):
            part = slice(start, start + self.batch)
            self._rooms[0].enter(images[part], indices[part], now)
            self._advance(0)
        return indices

    def poll(self) -> Ready:
        """What is answered since the last call, all included that are due now."""
        now = self._clock()
        for stage, room in enumerate(self._rooms):
            if room.count and room.oldest + self.deadline <= now:
                self._advance(stage)
        return self._taken()

    def flush(self) -> Ready:
        """What is answered since the last call, all included that wait."""
        for stage, room in enumerate(self._rooms):
            if room.count:
                self._advance(stage)
        return self._taken()

    def stream(self, batches: Iterable[npt.NDArray[np.float32]]) -> Iterator[SessionAnswers]:
        """The answers to each batch, in order, as soon as all of it is answered. Nothing may wait when it starts."""
        pending: list[tuple[int, int]] = []
        known: dict[int, tuple[int, int, float]] = {}
        for batch in batches:
            indices = self.push(batch)
            pending.append((self._pushed - len(indices), self._pushed))
            _note(known, self.poll())
            yield from self._complete(pending, known)
        _note(known, self.flush())
        yield from self._complete(pending, known)

    def _complete(
        self, pending: list[tuple[int, int]], known: dict[int, tuple[int, int, float]]
    ) -> Iterator[SessionAnswers]:
        while pending and all(index in known for index in range(*pending[0])):
            rows = [known.pop(index) for index in range(*pending.pop(0))]
            labels, stages, scores = zip(*rows, strict=True) if rows else ((), (), ())
            stage_array = np.array(stages, np.int64)
            yield SessionAnswers(
                np.array(labels, np.int64), stage_array, np.array(scores, np.float64), self._session.macs[stage_array]
            )

    def _advance(self, stage: int) -> None:
        """All who wait before a stage go through it, and on as long as they are enough."""
        room = self._rooms[stage]
        while True:
            left = run_stage(room.workspace, stage, room.count, self._point)
            self._done.append((room.indices[: room.count][left.mask], left, stage))
            staying = room.count - len(left.labels)
            if not staying or staying < self.share * self.batch:
                break
            room.keep(stage, left)
            stage += 1
        rows, room.count = np.flatnonzero(~left.mask), 0
        while len(rows):
            target = self._rooms[stage + 1]
            rows = rows[target.receive(stage, room, rows) :]
            if target.count == self.batch:
                self._advance(stage + 1)

    def _taken(self) -> Ready:
        done, self._done = self._done, []
        indices = np.concatenate([np.zeros(0, np.int64), *(indices for indices, _, _ in done)])
        labels = np.concatenate([np.zeros(0, np.int64), *(left.labels for _, left, _ in done)])
        scores = np.concatenate([np.zeros(0), *(left.scores for _, left, _ in done)])
        stages = np.repeat(
            np.array([stage for _, _, stage in done], np.int64), [len(left.labels) for _, left, _ in done]
        )
        return Ready(indices, SessionAnswers(labels, stages, scores, self._session.macs[stages]))


def _note(known: dict[int, tuple[int, int, float]], ready: Ready) -> None:
    answers = ready.answers
    rows = zip(answers.labels.tolist(), answers.stages.tolist(), answers.scores.tolist(), strict=True)
    known.update(zip(ready.indices.tolist(), rows, strict=True))


class _Room:
    """Where at most ``batch`` samples wait before a stage: their values, indices, and when they were pushed."""

    def __init__(self, session: Session, batch: int) -> None:
        self.workspace = Workspace(session.programs, batch)
        self.indices = np.zeros(batch, np.int64)
        self.since = np.zeros(batch)
        self.count = 0

    @property
    def oldest(self) -> float:
        """When the first of them was pushed."""
        return float(self.since[: self.count].min()) if self.count else math.inf

    def enter(self, images: npt.NDArray[np.float32], indices: IntArray, now: float) -> None:
        """New images; nobody waits here."""
        self.count = len(images)
        self.workspace.values[IMAGE][: self.count] = images
        self.indices[: self.count], self.since[: self.count] = indices, now

    def keep(self, stage: int, left: Leaving) -> None:
        """Let those go who have left after a stage."""
        rows = self.workspace.keep(stage, left.mask)
        self.count = len(rows)
        self.indices[: self.count], self.since[: self.count] = self.indices[rows], self.since[rows]

    def receive(self, stage: int, source: "_Room", rows: IntArray) -> int:
        """Take of some rows of another room as many as there is room for, and tell how many."""
        rows = rows[: len(self.indices) - self.count]
        end = self.count + len(rows)
        self.workspace.receive(stage, source.workspace, rows, self.count)
        self.indices[self.count : end], self.since[self.count : end] = source.indices[rows], source.since[rows]
        self.count = end
        return len(rows)
