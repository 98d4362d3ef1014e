"""Plans bred from plans: NSGA-II (Deb et al., 2002) on reward, accuracy and cost."""

from collections.abc import Sequence

import numpy as np

from s2dnas.search.dominance import ranking
from s2dnas.search.journal import Score
from s2dnas.search.strategy import Strategy
from s2dnas.search.unseen import Unseen
from s2dnas.space.changes import changed_once
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan
from s2dnas.space.profiles import draw_around_a_profile
from s2dnas.space.space import SearchSpace

_POPULATION = 20


class EvolutionStrategy(Strategy):
    """First plans around random profiles, then children of good plans: each decision from one of two, and one changed.

    Good are the 20 that stay of all plans so far: those that no other beats in reward, accuracy and mean cost at once,
    and of these the ones that differ most. So the search ends with plans for many costs, the best by reward among them.
    Parents are the better of two drawn from the 20. No plan is proposed twice before the space is exhausted.
    """

    def __init__(self, space: SearchSpace, seed: int, limits: StageLimits | None = None) -> None:
        super().__init__(space, seed, limits)
        self._rng = np.random.default_rng(seed)
        self._unseen = Unseen(space)
        self._population: dict[Plan, Score] = {}

    def _propose(self, count: int) -> list[Plan]:
        return [self._unseen.first(self._bred(), self._changed) for _ in range(count)]

    def _bred(self) -> Plan:
        if len(self._population) < _POPULATION:
            return draw_around_a_profile(self.space, self._rng)
        mother, father = self.space.encode(self._parent()), self.space.encode(self._parent())
        from_mother = self._rng.random(len(mother)) < 0.5
        pairs = zip(from_mother, mother, father, strict=True)
        return self._changed(self.space.decode([one if first else other for first, one, other in pairs]))

    def _parent(self) -> Plan:
        """The better of two plans of the population, which is held in order."""
        return list(self._population)[int(self._rng.integers(_POPULATION, size=2).min())]

    def _changed(self, plan: Plan) -> Plan:
        return changed_once(self.space, plan, self._rng)

    def _learn(self, plans: Sequence[Plan], scores: Sequence[Score]) -> None:
        known = list((self._population | dict(zip(plans, scores, strict=True))).items())
        order = ranking(np.array([_merits(score) for _, score in known]))
        self._population = dict(known[index] for index in order[:_POPULATION])


def _merits(score: Score) -> tuple[float, float, float]:
    """What more of is better; what an evaluator does not know is the same for all plans."""
    return score.reward, score.accuracy or 0.0, -(score.mean_cost or 0.0)
