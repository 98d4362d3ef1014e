"""What the stages of a plan may cost: whether a plan keeps to it, and the way back to one that does."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from s2dnas.errors import BudgetError
from s2dnas.space.costs import Cost
from s2dnas.space.extremes import descend
from s2dnas.space.plan import Plan
from s2dnas.space.profiles import uniform_plans
from s2dnas.space.space import SearchSpace


@dataclass(frozen=True, eq=False)
class StageLimits:
    """What a sample may cost that leaves at the first, second, .. stage, as ``shares`` of the static network's cost.

    Stages that are not named may cost anything. Nothing is run to find out: costs are known in closed form.
    """

    space: SearchSpace
    cost: Cost
    shares: tuple[float, ...]

    def hold(self, plan: Plan) -> bool:
        """Whether every stage of a plan keeps its limit."""
        return self._excess(plan) < 1e-9

    @cached_property
    def uniform(self) -> list[Plan]:
        """The plans that divide all couplings alike, in eighths, and keep the limits."""
        return [plan for plan in uniform_plans(self.space) if self.hold(plan)]

    @cached_property
    def known(self) -> list[Plan]:
        """Some plans that keep the limits, at least one. Raises BudgetError, with the nearest, if none is found."""
        if self.uniform:
            return self.uniform
        nearest = descend(self.space, self._excess, min(uniform_plans(self.space), key=self._excess))
        if not self.hold(nearest):
            raise BudgetError(
                f"no plan is found whose stages cost {_percent(self.shares)} % of the static {self.cost.unit} or less; "
                f"the nearest has {_percent(self.cost.shares(nearest).tolist())} %; raise search.budgets or "
                "search.stage_limits, or lower space.min_width"
            )
        return [nearest]

    @cached_property
    def most_expensive(self) -> Plan:
        """A plan that keeps the limits, whose mean cost over the stages no single change raises unless it exceeds them.

        Raises BudgetError, with the nearest, if no plan that keeps them is found.
        """

        def price(plan: Plan) -> float:
            return -self.mean_share(plan) if self.hold(plan) else np.inf

        return descend(self.space, price, min(self.known, key=price))

    def mean_share(self, plan: Plan) -> float:
        """What a sample costs if equally many leave at each stage, as a share of the static network's cost."""
        return float(self.cost.shares(plan).mean())

    def repaired(self, plan: Plan, rng: np.random.Generator) -> Plan:
        """A plan that keeps the limits: in random order, decisions become those of a known one until it does."""
        choices = self.space.encode(plan)
        target = self.space.encode(self.known[rng.integers(len(self.known))])
        for place in rng.permutation(len(choices)):
            if self.hold(plan):
                break
            choices[place] = target[place]
            plan = self.space.decode(choices)
        return plan

    def _excess(self, plan: Plan) -> float:
        """By what factor, as a logarithm, all stages together exceed their limits."""
        shares = self.cost.shares(plan)[: len(self.shares)]
        return float(np.log(np.maximum(shares / self.shares[: len(shares)], 1.0)).sum())


def stage_limits(space: SearchSpace, cost: Cost, budgets: Sequence[float], shares: Sequence[float] = ()) -> StageLimits:
    """The limits that serve ``budgets``: a first stage above the smallest one could not keep it."""
    first, *later = shares or (min(budgets),)
    return StageLimits(space, cost, (min(first, *budgets), *later))


def _percent(shares: Sequence[float]) -> str:
    return " / ".join(f"{100 * share:.1f}" for share in shares)
