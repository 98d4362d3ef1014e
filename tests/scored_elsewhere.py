"""Evaluators that are made in workers, in which things go wrong; a folder tells what happened."""

import os
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from s2dnas.errors import DataError
from s2dnas.search import executors
from s2dnas.search.executors import EvaluatorFactory, PlanEvaluator
from s2dnas.search.journal import Score
from s2dnas.space.plan import Plan
from s2dnas.space.space import Concat, SearchSpace, Split

SPACE = SearchSpace(3, (Split("a", (2,) * 6), Concat("c"), Split("b", (4,) * 5)))


def score_of(plan: Plan) -> Score:
    """A score that follows from the plan alone."""
    accuracy = int(plan.key, 16) / 16**16
    return Score(accuracy, mean_cost=1e6 / 3, reward=accuracy / 3)


@dataclass(frozen=True)
class Noted:
    """Makes an evaluator that notes each plan and its process in ``folder``, and comes to grief as a subclass says."""

    folder: Path

    def __call__(self) -> PlanEvaluator:
        return self._score

    def _score(self, plan: Plan) -> Score:
        with (self.folder / "calls").open("a") as file:
            file.write(f"{plan.key} {os.getpid()}\n")
        self._grief(plan)
        return score_of(plan)

    def _grief(self, plan: Plan, /) -> None:
        """Nothing happens."""

    def calls(self) -> Counter[str]:
        """How often the scoring of each plan was begun, by its key."""
        return Counter(line.split()[0] for line in self._lines())

    def processes(self) -> set[int]:
        """Where."""
        return {int(line.split()[1]) for line in self._lines()}

    def _lines(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []


@dataclass(frozen=True)
class Killed(Noted):
    """One plan kills the process that scores it, so many ``times``."""

    key: str
    times: int = 1

    def _grief(self, plan: Plan, /) -> None:
        if plan.key == self.key and self.calls()[plan.key] <= self.times:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Raises(Noted):
    """One plan has no score."""

    key: str

    def _grief(self, plan: Plan, /) -> None:
        if plan.key == self.key:
            raise DataError(f"no score for {plan.key}")


@dataclass(frozen=True)
class Sleeps(Noted):
    """Scoring takes so many ``seconds``."""

    seconds: float = 600.0

    def _grief(self, _: Plan, /) -> None:
        time.sleep(self.seconds)


@dataclass(frozen=True)
class SlowClock(Noted):
    """The worker's clock goes on by 2.5 seconds whenever it is looked at."""

    def __call__(self) -> PlanEvaluator:
        ticks = iter(range(10**6))
        executors.time = SimpleNamespace(perf_counter=lambda: 2.5 * next(ticks))  # type: ignore[attr-defined]
        return self._score


@dataclass(frozen=True)
class Unmade(Noted):
    """The evaluator cannot be made."""

    def __call__(self) -> PlanEvaluator:
        raise DataError("no evaluator here")


@dataclass(frozen=True)
class KilledOnce:
    """Makes the evaluator that another factory makes; the first plan of all kills its process."""

    factory: EvaluatorFactory
    marker: Path

    def __call__(self) -> PlanEvaluator:
        evaluate = self.factory()

        def score(plan: Plan) -> Score:
            if not self.marker.exists():
                self.marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return evaluate(plan)

        return score
