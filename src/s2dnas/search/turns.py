"""The turns of a search whose weights change on the way."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from s2dnas.errors import SettingsError


def _nothing(index: int) -> None:
    """Nothing is prepared."""


@dataclass(frozen=True, eq=False)
class Turns:
    """``starts``: the index of each turn's first evaluation, 0 first. A score is worth something in its turn alone.

    ``prepare(index)`` is called before plans of a batch are scored, with the index of the first of them.
    """

    starts: tuple[int, ...] = (0,)
    prepare: Callable[[int], None] = _nothing

    def number(self, index: int) -> int:
        """The turn, counted from 1, that an evaluation belongs to."""
        return bisect_right(self.starts, index)

    def start(self, index: int) -> int:
        """The first evaluation of the turn that an evaluation belongs to."""
        return self.starts[self.number(index) - 1]


ONE_TURN = Turns()
"""Weights stay as they are."""


def turn_starts(evaluations: int, batch: int, turns: int) -> tuple[int, ...]:
    """Where turns begin that have equally many whole batches, or one more; the last one has the most.

    Raises SettingsError if there is no turn, or if one is left without a batch.
    """
    batches = evaluations // batch
    if not 1 <= turns <= batches:
        raise SettingsError(
            f"{evaluations} evaluations in batches of {batch} cannot be divided among {turns} turns, each of which "
            f"needs a whole batch; take 1 to {max(batches, 1)} turns (shared.epochs), or more evaluations"
        )
    return tuple(batch * (number * batches // turns) for number in range(turns))
