"""Find the plan of a network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from s2dnas.search.executors import PlanEvaluator, PlanExecutor
from s2dnas.search.journal import Entry, Score
from s2dnas.search.loop import best_entry, search
from s2dnas.search.registry import make_strategy
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan
from s2dnas.space.space import SearchSpace


@dataclass(frozen=True)
class SearchResult:
    """All scored plans, in the order in which they were scored."""

    entries: Sequence[Entry]

    @property
    def best(self) -> Plan:
        """The plan of the highest reward."""
        return best_entry(self.entries).plan

    @property
    def score(self) -> Score:
        """What was found out about the best plan."""
        return best_entry(self.entries).score


def find_plan(
    space: SearchSpace,
    evaluator: PlanEvaluator | PlanExecutor,
    *,
    evaluations: int = 200,
    batch: int = 10,
    strategy: str = "anchored",
    limits: StageLimits | None = None,
    journal: Path | str | None = None,
    seed: int = 0,
    on_entry: Callable[[int, Entry], None] | None = None,
) -> SearchResult:
    """Search a space for the plan of the highest reward, ``batch`` plans at a time.

    A strategy of ``search.registry.STRATEGIES`` chooses, among plans that keep the ``limits`` (``net.limits``);
    ``evaluator`` is any function from a plan to its Score, or workers that score several at a time (docs/scaling.md).
    With a ``journal``, a search that was killed goes on where it stopped, and more evaluations extend it. ``on_entry``
    is called with the index and the entry of each plan that was scored. Equal seeds give equal searches.
    Raises SettingsError for an unknown strategy, BudgetError if no plan keeps the limits, and ArtifactError if the
    journal belongs to another search, and WorkerError if workers die, and others in their place.
    """
    chosen = make_strategy(strategy, space, seed, limits=limits)
    path = None if journal is None else Path(journal)
    return SearchResult(tuple(search(chosen, evaluator, evaluations, batch, path, on_entry)))
