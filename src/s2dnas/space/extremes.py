"""The cheapest and the most expensive plan of a search space."""

from collections.abc import Iterator

from s2dnas.space.cost import CostModel
from s2dnas.space.plan import Plan
from s2dnas.space.space import Choice, Concat, SearchSpace


def cheapest(space: SearchSpace, cost: CostModel) -> Plan:
    """A plan whose last stage no single change makes cheaper (coordinate descent from equal shares)."""
    return _descend(space, cost, 1.0)


def most_expensive(space: SearchSpace, cost: CostModel) -> Plan:
    """A plan whose last stage no single change makes more expensive (coordinate ascent from equal shares)."""
    return _descend(space, cost, -1.0)


def _descend(space: SearchSpace, cost: CostModel, sign: float) -> Plan:
    choices = space.encode(space.uniform())

    def price(candidate: list[Choice]) -> float:
        return sign * float(cost.macs(space.decode(candidate))[-1])

    best, improved = price(choices), True
    while improved:
        improved = False
        for index, decision in enumerate(space.decisions):
            for choice in _flips(choices[index]) if isinstance(decision, Concat) else _moves(choices[index]):
                candidate = [*choices[:index], choice, *choices[index + 1 :]]
                if (value := price(candidate)) < best:
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
