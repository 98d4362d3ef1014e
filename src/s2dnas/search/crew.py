"""Workers that live as long as a search, score a plan at a time each, and are replaced where they die."""

import logging
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, Self

from s2dnas.errors import WorkerError, require
from s2dnas.search.executors import PlanExecutor, TimedScore
from s2dnas.space.plan import Plan

_log = logging.getLogger(__name__)


class Worker(ABC):
    """Scores plans elsewhere. Its futures are done when their work is, or when the worker has died."""

    @abstractmethod
    def prepare(self) -> "Future[None]":
        """Make the evaluator; asked for once, before any score."""

    @abstractmethod
    def score(self, plan: Plan) -> "Future[TimedScore]":
        """Score a plan; asked for when all that was asked for before is done."""

    @abstractmethod
    def raised(self, error: BaseException) -> BaseException | None:
        """What was raised inside the worker, given what a future of it raises; None if the worker has died."""

    @abstractmethod
    def stop(self) -> None:
        """End the worker at once, whatever it does."""


@dataclass(frozen=True)
class _Task:
    """What a worker does: it scores ``plan``, or (None) it is prepared, after ``deaths`` others that died of that."""

    worker: Worker
    plan: Plan | None = None
    deaths: int = 0


class Crew(PlanExecutor):
    """At most ``size`` workers, hired when there are plans for them, until the end of the ``with`` block.

    A worker that dies costs what it was doing: another one takes its place and does it again. What kills ``attempts``
    workers one after the other, a plan or their preparation, ends in WorkerError. Plans are only given to workers that
    are prepared, so one that waits for its machine holds nothing up. What preparing a worker raises is raised as it
    was. If scores are not fetched to the end, because something raised, all workers are stopped.

    Raises SettingsError for a size or a number of attempts below 1.
    """

    def __init__(self, hire: Callable[[], Worker], size: int, attempts: int = 3) -> None:
        self.size, self.attempts = size, attempts
        require(self, {"size": (size >= 1, "at least 1"), "attempts": (attempts >= 1, "at least 1")})
        self._hire = hire
        self._idle: list[Worker] = []
        self._tasks: dict[Future[Any], _Task] = {}
        self._lost: Counter[Plan] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def map(self, plans: Sequence[Plan]) -> Iterator[TimedScore]:
        """See ``PlanExecutor``."""
        waiting, outcomes = deque(plans), dict[Plan, TimedScore | BaseException]()
        try:
            for plan in plans:
                while plan not in outcomes:
                    self._hand_out(waiting)
                    self._take_in(waiting, outcomes)
                outcome = outcomes.pop(plan)
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
        finally:
            if any(task.plan is not None for task in self._tasks.values()):
                self.stop()

    def stop(self) -> None:
        """End all workers at once; plans that come after that are scored by new ones."""
        workers = [*self._idle, *(task.worker for task in self._tasks.values())]
        self._idle, self._tasks = [], {}
        for worker in workers:
            worker.stop()

    def _hand_out(self, waiting: deque[Plan]) -> None:
        while waiting and self._idle:
            worker, plan = self._idle.pop(), waiting.popleft()
            self._tasks[worker.score(plan)] = _Task(worker, plan)
        preparing = sum(task.plan is None for task in self._tasks.values())
        for _ in range(min(len(waiting) - preparing, self.size - len(self._tasks))):
            self._take_on(deaths=0)

    def _take_on(self, deaths: int) -> None:
        worker = self._hire()
        self._tasks[worker.prepare()] = _Task(worker, deaths=deaths)

    def _take_in(self, waiting: deque[Plan], outcomes: dict[Plan, TimedScore | BaseException]) -> None:
        """Wait until a worker is done with what it does, and note what came of it."""
        for future in wait(self._tasks, return_when=FIRST_COMPLETED).done:
            task, error = self._tasks.pop(future), future.exception()
            raised = None if error is None else task.worker.raised(error)
            if error is not None and raised is None:
                self._replace(task, error, waiting)
                continue
            self._idle.append(task.worker)
            if task.plan is not None:
                outcomes[task.plan] = future.result() if raised is None else raised
            elif raised is not None:
                raise raised

    def _replace(self, task: _Task, error: BaseException, waiting: deque[Plan]) -> None:
        task.worker.stop()
        if task.plan is None:
            doing, deaths = "was prepared", task.deaths + 1
        else:
            self._lost[task.plan] += 1
            doing, deaths = f"scored plan {task.plan.key}", self._lost[task.plan]
            waiting.appendleft(task.plan)
        if deaths >= self.attempts:
            raise WorkerError(
                f"{deaths} workers died one after the other while each {doing}, the last one of: {error}; see whether "
                "they lack memory, take fewer of them, and start the search again: it goes on where it stopped"
            ) from error
        _log.warning("a worker died while it %s (%s); another one takes its place", doing, error)
        self._take_on(deaths if task.plan is None else 0)
