"""From the most expensive plan down, each time by the change that loses least for what it saves."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from s2dnas.errors import SettingsError
from s2dnas.search.journal import Score
from s2dnas.search.strategy import Strategy
from s2dnas.space.changes import changed_once
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan
from s2dnas.space.space import Choice, SearchSpace


class GreedyStrategy(Strategy):
    """A round proposes plans one change below the current one; the one that loses least reward per cost saved is next.

    A change moves pieces of a coupling to a later stage, or switches an indicator off. A round is one batch: changes
    are drawn at random, so a batch holds some of them, and a plan that was proposed before is changed once more. Where
    no plan of a batch is cheaper than the current one, that stays. Where nothing new lies below it, the way down begins
    at the first plan again.

    The first plan is the most expensive one that keeps the limits; what a plan costs is its mean cost over the stages
    (``StageLimits.mean_share``). Without limits costs are not known before plans are scored: the first plan has the
    widest first stage and reads all earlier features, and what a plan costs is its score's mean cost; ``tell`` raises
    SettingsError if there is none.
    """

    def __init__(self, space: SearchSpace, seed: int, limits: StageLimits | None = None) -> None:
        super().__init__(space, seed, limits)
        self._rng = np.random.default_rng(seed)
        self._top = _widest_first(space) if limits is None else limits.most_expensive
        self._scores: dict[Plan, Score] = {}
        self._current = self._top
        self._seen: set[Plan] = set()

    def _propose(self, count: int) -> list[Plan]:
        return [self._drawn() for _ in range(count)]

    def _drawn(self) -> Plan:
        plan = self._new_below(self._current)
        if plan in self._seen:
            self._current = self._top
            plan = self._new_below(self._top)
        self._seen.add(plan)
        return plan

    def _new_below(self, plan: Plan) -> Plan:
        """A plan that was not proposed yet, as few random changes down as it takes; the last one if all were."""
        while plan in self._seen:
            lower = changed_once(self.space, plan, self._rng, kept=_lowers)
            if lower == plan:
                break
            plan = lower
        return plan

    def _learn(self, plans: Sequence[Plan], scores: Sequence[Score]) -> None:
        self._scores |= zip(plans, scores, strict=True)
        if self._current not in self._scores:  # the ask that held it was never told
            self._seen.remove(self._current)
        elif cheaper := [plan for plan in plans if self._saved(plan) > 0]:
            self._current = min(cheaper, key=lambda plan: self._lost(plan) / self._saved(plan))

    def _saved(self, plan: Plan) -> float:
        return self._cost(self._current) - self._cost(plan)

    def _lost(self, plan: Plan) -> float:
        return self._scores[self._current].reward - self._scores[plan].reward

    def _cost(self, plan: Plan) -> float:
        if self.limits is not None:
            return self.limits.mean_share(plan)
        if (known := self._scores[plan].mean_cost) is None:
            raise SettingsError(
                "greedy search goes by what plans cost, and this evaluator gives scores without a mean cost; give the "
                "search limits, which price plans (net.limits), or take another strategy"
            )
        return known


def _widest_first(space: SearchSpace) -> Plan:
    return space.uniform([1.0, *[1e-9] * (space.num_stages - 1)])


def _lowers(before: Choice, after: Choice) -> bool:
    """Whether pieces go to later stages, or an indicator off."""
    return all(new <= old for old, new in zip(accumulate(before), accumulate(after), strict=True))
