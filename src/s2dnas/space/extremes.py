"""Plans that no single change makes cheaper, by any price."""

from collections.abc import Callable

from s2dnas.space.changes import changes
from s2dnas.space.cost import CostModel
from s2dnas.space.plan import Plan
from s2dnas.space.space import SearchSpace


def cheapest(space: SearchSpace, cost: CostModel) -> Plan:
    """A plan whose last stage no single change makes cheaper (coordinate descent from equal shares)."""
    return descend(space, lambda plan: float(cost.macs(plan)[-1]), space.uniform())


def most_expensive(space: SearchSpace, cost: CostModel) -> Plan:
    """A plan whose last stage no single change makes more expensive (coordinate ascent from equal shares)."""
    return descend(space, lambda plan: -float(cost.macs(plan)[-1]), space.uniform())


def descend(space: SearchSpace, price: Callable[[Plan], float], start: Plan) -> Plan:
    """Coordinate descent: from ``start`` to a plan whose price no single change lowers."""
    choices, best, improved = space.encode(start), price(start), True
    while improved:
        improved = False
        for index, decision in enumerate(space.decisions):
            for choice in changes(decision, choices[index]):
                candidate = [*choices[:index], choice, *choices[index + 1 :]]
                if (value := price(space.decode(candidate))) < best:
                    choices, best, improved = candidate, value, True
    return space.decode(choices)
