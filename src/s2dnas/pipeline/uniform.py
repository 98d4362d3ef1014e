"""What a search is worth: the chosen plan beside the best plan that divides all couplings alike."""

from collections.abc import Mapping
from typing import Any

from s2dnas.artifacts import read_record, write_json
from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.judging import Judge
from s2dnas.records import Record
from s2dnas.search.evaluators import AnswersOf
from s2dnas.search.journal import Score
from s2dnas.search.paired import paired_difference
from s2dnas.space.plan import Plan

_FILE, _FORMAT = "search.json", "search"


class UniformComparison(Record):
    """``proposed`` plans were drawn, ``feasible`` of them kept the limits; ``uniform_feasible`` uniform plans do.

    ``uniform``: the best uniform plan that was scored, if any. ``gain``: by how much more of the search split the
    chosen plan answers rightly, in [-1, 1], within the budgets; ``error``: the standard error of that, paired. Both
    with the weights that plans were scored with, before the chosen one is trained.
    """

    proposed: int
    feasible: int
    uniform_feasible: int
    chosen_is_uniform: bool
    uniform: dict[str, Any] | None = None
    gain: float | None = None
    error: float | None = None

    def save(self, folder: RunFolder) -> None:
        """Write search.json."""
        write_json(folder.path / _FILE, _FORMAT, self.model_dump(mode="json"))


def compared(
    judge: Judge, plan: Plan, uniform: Mapping[Plan, Score], answer: AnswersOf, proposed: int, feasible: int
) -> UniformComparison:
    """A plan beside the best of the ``uniform`` ones, whose scores are known; ``answer`` says what plans answer."""
    limits = judge.run.limits
    found: dict[str, Any] = {
        "proposed": proposed,
        "feasible": feasible,
        "uniform_feasible": len(limits.uniform),
        "chosen_is_uniform": plan in limits.uniform,
    }
    if not uniform:
        return UniformComparison(**found)
    best = max(uniform, key=lambda each: uniform[each].reward)
    gain = paired_difference(judge.objective.right(answer(plan)), judge.objective.right(answer(best)))
    return UniformComparison(**found, uniform=best.to_dict(), gain=gain.mean, error=gain.error)


def read_comparison(folder: RunFolder) -> UniformComparison | None:
    """What the search found; None for a search that was made before it was kept."""
    path = folder.path / _FILE
    if not path.exists():
        return None
    return read_record(path, _FORMAT, UniformComparison, "what a search found", "remove plan.json to search anew")
