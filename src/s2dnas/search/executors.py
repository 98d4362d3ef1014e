"""Who scores the plans of a batch: this process, or a pool that the caller has made."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass

from s2dnas.errors import WorkerError
from s2dnas.search.journal import Score
from s2dnas.space.plan import Plan

PlanEvaluator = Callable[[Plan], Score]
EvaluatorFactory = Callable[[], PlanEvaluator]


@dataclass(frozen=True)
class TimedScore:
    """A score, and the seconds that it took where it was made."""

    score: Score
    seconds: float


def timed(evaluate: PlanEvaluator, plan: Plan) -> TimedScore:
    """Score a plan here and now."""
    start = time.perf_counter()
    score = evaluate(plan)
    return TimedScore(score, time.perf_counter() - start)


class PlanExecutor(ABC):
    """Scores plans wherever and in whatever order it likes; what it gives is in the order of the plans."""

    @abstractmethod
    def map(self, plans: Sequence[Plan]) -> Iterator[TimedScore]:
        """Scores of distinct plans, each as soon as it and all before it are known.

        What the evaluator raised for a plan is raised in the place of its score. Raises WorkerError if workers die.
        """


class InProcess(PlanExecutor):
    """One plan after the other, in this process, each when its score is asked for."""

    def __init__(self, evaluate: PlanEvaluator) -> None:
        self._evaluate = evaluate

    def map(self, plans: Sequence[Plan]) -> Iterator[TimedScore]:
        """See ``PlanExecutor``."""
        return (timed(self._evaluate, plan) for plan in plans)


class Pooled(PlanExecutor):
    """Plans on a pool of threads or processes, which the caller closes.

    Threads share ``evaluate``. Processes get a copy of it with every plan, so it must be picklable and should be small;
    one that holds data and weights is better made once in each process of a ``process_crew``. The standard library
    gives up a whole pool when one of its processes dies, and so does this.
    """

    def __init__(self, pool: Executor, evaluate: PlanEvaluator) -> None:
        self._pool, self._evaluate = pool, evaluate

    def map(self, plans: Sequence[Plan]) -> Iterator[TimedScore]:
        """See ``PlanExecutor``."""
        futures = [self._pool.submit(timed, self._evaluate, plan) for plan in plans]
        try:
            for future in futures:
                yield future.result()
        except BrokenExecutor as error:
            raise WorkerError(
                f"a worker of {type(self._pool).__name__} died, and the pool with it: {error} Search on with a new pool"
                " and the same journal, or with a process_crew, which replaces a worker that dies"
            ) from error
        finally:
            for future in futures:
                future.cancel()
