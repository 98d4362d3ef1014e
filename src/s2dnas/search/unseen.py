"""No plan is proposed twice while others are left: an evaluation that is known already teaches nothing."""

from collections.abc import Callable

from s2dnas.space.plan import Plan
from s2dnas.space.space import SearchSpace


class Unseen:
    """Remembers the plans that it gave."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._seen: set[Plan] = set()

    def first(self, plan: Plan, change: Callable[[Plan], Plan]) -> Plan:
        """The plan, or, as long as it was given before, what ``change`` makes of it; any once all plans were given."""
        while plan in self._seen and len(self._seen) < self._space.size:
            plan = change(plan)
        self._seen.add(plan)
        return plan
