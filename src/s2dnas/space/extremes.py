"""Plans that no single change makes cheaper, by any price."""

from collections.abc import Callable, Iterator

from s2dnas.space.cost import CostModel
from s2dnas.space.plan import Plan
from s2dnas.space.space import Choice, Concat, SearchSpace


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
            for choice in _flips(choices[index]) if isinstance(decision, Concat) else _moves(choices[index]):
                candidate = [*choices[:index], choice, *choices[index + 1 :]]
                if (value := price(space.decode(candidate))) < best:
                    choices, best, improved = candidate, value, True
    return space.decode(choices)


def _flips(choice: Choice) -> Iterator[Choice]:
    """One indicator changed."""
    for place in range(len(choice)):
        yield (*choice[:place], 1 - choice[place], *choice[place + 1 :])


def _moves(choice: Choice) -> Iterator[Choice]:
    """One piece, or all but one, moved from one stage to another."""
    for source, width in enumerate(choice):
        for target in range(len(choice)):
            for pieces in {1, width - 1}:
                if source != target and 1 <= pieces < width:
                    moved = list(choice)
                    moved[source], moved[target] = width - pieces, choice[target] + pieces
                    yield tuple(moved)
