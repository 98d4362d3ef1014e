"""The single changes of a plan: one indicator flipped, or pieces of one coupling moved from one stage to another."""

from collections.abc import Callable, Iterator

import numpy as np

from s2dnas.space.plan import Plan
from s2dnas.space.space import Choice, Concat, SearchSpace, Split


def changes(decision: Split | Concat, choice: Choice) -> Iterator[Choice]:
    """Every other choice that one indicator flipped, or one piece, or all but one, moved makes of a choice."""
    return _flips(choice) if isinstance(decision, Concat) else _moves(choice)


def changed_once(
    space: SearchSpace, plan: Plan, rng: np.random.Generator, kept: Callable[[Choice, Choice], bool] | None = None
) -> Plan:
    """A plan that one change of one decision makes, both drawn uniformly; the same one if nothing can be changed.

    Of the changes only those are drawn for which ``kept(before, after)`` is true.
    """
    choices = space.encode(plan)
    for place in rng.permutation(len(choices)):
        before = choices[place]
        options = [after for after in changes(space.decisions[place], before) if kept is None or kept(before, after)]
        if options:
            choices[place] = options[rng.integers(len(options))]
            break
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
