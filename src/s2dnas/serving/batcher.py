"""Requests wait in a bounded queue, join into batches, and are answered by worker threads."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, fields

import numpy as np

from s2dnas.arrays import Images
from s2dnas.errors import SettingsError, nearest
from s2dnas.runtime import SessionAnswers
from s2dnas.serving.limits import ServingLimits
from s2dnas.serving.pace import Pace
from s2dnas.serving.refusals import BusyError, DeadlineError, RequestError
from s2dnas.serving.relief import relief_at, relieved
from s2dnas.serving.served import Answerer, ServedAnswers
from s2dnas.serving.waiting import Waiting, WaitingLine

HOPE = 0.5
"""The share of its time that a request may be expected to wait: this is a guess, and late answers are wasted work."""


@dataclass(frozen=True, eq=False)
class _Batch:
    """Requests of one operating point, the share by which its thresholds fall, and requests that are late already."""

    requests: Sequence[Waiting]
    relief: float
    late: Sequence[Waiting]


class Batcher:
    """Answers requests in batches. What it has accepted gets its answer in time, or a DeadlineError.

    While a batch is answered, requests gather for the next one; an idle worker takes what there is at once.
    ``points`` holds the thresholds (S - 1,) of each operating point; ``clock`` counts seconds.
    """

    def __init__(
        self,
        answer: Answerer,
        points: Mapping[str, Sequence[float]],
        limits: ServingLimits,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits, self.clock = limits, clock
        self._answer, self._points, self._pace = answer, points, Pace(limits.workers)
        self._changed = threading.Condition()
        self._line, self._stopping = WaitingLine(), False
        self._threads = [threading.Thread(target=self._work, name=f"batcher-{i}") for i in range(limits.workers)]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """How many images wait."""
        return self._line.images

    def submit(self, images: Images, point: str, deadline: float) -> "Future[ServedAnswers]":
        """Accept images (N, C, H, W), N from 1 to ``limits.batch``, to be answered before ``deadline`` on the clock.

        The future ends with the answers, with DeadlineError, or with what the worker raised. Raises BusyError where
        the queue has no room, the deadline is nearer than what waits lets hope for, or the server stops; RequestError
        for another number of images, SettingsError for a point that there is not.
        """
        if not 1 <= len(images) <= self.limits.batch:
            raise RequestError(f"a request holds 1 to {self.limits.batch} images, not {len(images)}; send several", 422)
        if point not in self._points:
            raise SettingsError(f"there is no operating point {point!r}{nearest(point, self._points)}")
        request = Waiting(images, point, deadline, Future())
        with self._changed:
            self._refuse(len(images), deadline)
            self._line.add(request)
            self._changed.notify()
        return request.future

    def refuse_if_full(self) -> None:
        """Raise BusyError if there is not room for a single image."""
        with self._changed:
            self._refuse(1, float("inf"))

    def close(self) -> None:
        """Accept nothing more, answer what was accepted, and end the workers."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _refuse(self, count: int, deadline: float) -> None:
        waiting = self._line.images
        wait, left = self._pace.seconds(waiting), deadline - self.clock()
        if self._stopping:
            raise BusyError("the server stops", 1.0)
        if waiting + count > self.limits.queue:
            raise BusyError(f"{waiting} of {self.limits.queue} images wait, there is no room for {count}", wait)
        if waiting and wait > HOPE * left:
            raise BusyError(f"{waiting} images wait, about {wait:.3g} s, too long for a deadline in {left:.3g} s", wait)

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            for request in batch.late:
                if request.future.set_running_or_notify_cancel():
                    request.future.set_exception(DeadlineError("the deadline has passed while the request waited"))
            live = [request for request in batch.requests if request.future.set_running_or_notify_cancel()]
            if live:
                self._serve(live, batch.relief)

    def _next(self) -> _Batch | None:
        """What to do next, as soon as there is something; None once there never will be."""
        with self._changed:
            self._changed.wait_for(lambda: self._line or self._stopping)
            late = self._line.take_late(self.clock())
            if self._line:
                taken = self._line.take(self.limits.batch)
                return _Batch(taken, relief_at(self._load_beside(sum(map(len, taken))), self.limits), late)
            return _Batch([], 0.0, late) if late or not self._stopping else None

    def _load_beside(self, taken: int) -> float:
        """What still waits, as a share of what could by number or by time: a batch is no load if nobody else waits."""
        waiting = self._line.images
        return max(
            waiting / max(self.limits.queue - taken, 1), self._pace.seconds(waiting) / (HOPE * self.limits.deadline)
        )

    def _serve(self, requests: Sequence[Waiting], relief: float) -> None:
        point = requests[0].point
        thresholds = relieved(self._points[point], relief)
        images = requests[0].images if len(requests) == 1 else np.concatenate([request.images for request in requests])
        start = self.clock()
        try:
            answers = self._answer(images, point, thresholds=thresholds)
        except Exception as error:  # it belongs to those who wait; the worker goes on with the next batch
            for request in requests:
                request.future.set_exception(error)
            return
        now = self.clock()
        self._pace.took(len(images), now - start)
        self._deliver(requests, ServedAnswers(answers, point, relief, thresholds), now)

    def _deliver(self, requests: Sequence[Waiting], served: ServedAnswers, now: float) -> None:
        first = 0
        for request in requests:
            rows = slice(first, first := first + len(request))
            if now > request.deadline:
                request.future.set_exception(DeadlineError("the answer was found after the deadline"))
            else:
                part = _rows(served.answers, rows)
                request.future.set_result(ServedAnswers(part, served.point, served.relief, served.thresholds))


def _rows(answers: SessionAnswers, rows: slice) -> SessionAnswers:
    return SessionAnswers(*(getattr(answers, field.name)[rows] for field in fields(answers)))
