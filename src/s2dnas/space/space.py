"""The search space: every decision that makes a plan, in the order of the network's layers."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

from s2dnas.errors import PlanError
from s2dnas.space.plan import Plan, stage_pairs

Choice = tuple[int, ...]


@dataclass(frozen=True)
class Split:
    """Divide one coupling: a choice is S numbers of pieces, each at least 1, that add up to ``count``.

    ``pieces`` holds the number of units of each piece, in unit order.
    """

    name: str
    pieces: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of pieces."""
        return len(self.pieces)

    def size(self, num_stages: int) -> int:
        """How many ways there are to divide the pieces among the stages."""
        return math.comb(self.count - 1, num_stages - 1)

    def sample(self, num_stages: int, rng: np.random.Generator) -> Choice:
        """A way to divide, uniformly at random."""
        cuts = np.sort(rng.choice(np.arange(1, self.count), size=num_stages - 1, replace=False))
        return tuple(int(width) for width in np.diff([0, *cuts, self.count]))

    def nearest(self, shares: npt.NDArray[np.float64]) -> Choice:
        """Pieces per stage, each at least 1: the shares (S,) rounded by largest remainder."""
        target = self.count * shares / shares.sum()
        widths = np.maximum(np.floor(target), 1).astype(int)
        while widths.sum() > self.count:
            widths[int(np.argmax(np.where(widths > 1, widths - target, -np.inf)))] -= 1
        while widths.sum() < self.count:
            widths[int(np.argmax(target - widths))] += 1
        return tuple(int(width) for width in widths)

    def fault(self, choice: Choice, num_stages: int) -> str | None:
        """What is wrong with a choice, or None."""
        if len(choice) != num_stages or min(choice) < 1 or sum(choice) != self.count:
            return f"{choice} must be {num_stages} numbers of pieces, each at least 1, with sum {self.count}"
        return None

    @staticmethod
    def ends(choice: Choice) -> tuple[int, ...]:
        """After how many pieces each stage but the last ends, (S - 1,)."""
        return tuple(accumulate(choice[:-1]))

    def from_ends(self, ends: Iterable[int]) -> Choice:
        """The choice whose stages end so, in rising order: the inverse of ``ends``."""
        return tuple(b - a for a, b in pairwise([0, *ends, self.count]))

    def to_units(self, choice: Choice) -> tuple[int, ...]:
        """Widths in pieces to widths in units."""
        ends = [0, *accumulate(self.pieces)]
        cuts = [ends[pieces] for pieces in accumulate(choice, initial=0)]
        return tuple(b - a for a, b in pairwise(cuts))

    def from_units(self, widths: tuple[int, ...]) -> Choice:
        """Widths in units to widths in pieces. Raises PlanError if a stage does not end where a piece ends."""
        ends = [0, *accumulate(self.pieces)]
        cuts = list(accumulate(widths, initial=0))
        if not set(cuts) <= set(ends):
            raise PlanError(
                f"coupling {self.name!r} can be divided after {ends[1:-1]} units, the plan has widths {widths}; "
                "take a plan of this search space, or another min_width"
            )
        positions = [ends.index(cut) for cut in cuts]
        return tuple(b - a for a, b in pairwise(positions))


@dataclass(frozen=True)
class Concat:
    """Which earlier stages a mixing layer reads: a choice is one flag, 0 or 1, per pair of ``stage_pairs``."""

    name: str

    def size(self, num_stages: int) -> int:
        """How many ways there are to set the flags."""
        return int(2 ** len(stage_pairs(num_stages)))

    def sample(self, num_stages: int, rng: np.random.Generator) -> Choice:
        """Flags, uniformly at random."""
        return tuple(int(flag) for flag in rng.integers(0, 2, size=len(stage_pairs(num_stages))))

    def fault(self, choice: Choice, num_stages: int) -> str | None:
        """What is wrong with a choice, or None."""
        pairs = len(stage_pairs(num_stages))
        if len(choice) != pairs or not set(choice) <= {0, 1}:
            return f"{choice} must be {pairs} flags, each 0 or 1"
        return None


@dataclass(frozen=True)
class SearchSpace:
    """All plans that divide a network's couplings among S stages."""

    num_stages: int
    decisions: tuple[Split | Concat, ...]

    @property
    def size(self) -> int:
        """The number of plans."""
        return math.prod(decision.size(self.num_stages) for decision in self.decisions)

    def sample(self, rng: np.random.Generator) -> Plan:
        """A plan, each decision uniformly at random."""
        return self.decode([decision.sample(self.num_stages, rng) for decision in self.decisions])

    def decode(self, choices: Sequence[Choice]) -> Plan:
        """The plan of one choice per decision. Raises PlanError for a choice that its decision does not allow."""
        self._check(choices)
        pairs = list(zip(self.decisions, choices, strict=True))
        return Plan(
            num_stages=self.num_stages,
            widths={d.name: d.to_units(choice) for d, choice in pairs if isinstance(d, Split)},
            indicators={d.name: tuple(map(bool, choice)) for d, choice in pairs if isinstance(d, Concat)},
        )

    def encode(self, plan: Plan) -> list[Choice]:
        """The choices that make a plan. Raises PlanError if it is not of this space."""
        if plan.num_stages != self.num_stages:
            raise PlanError(f"the plan has {plan.num_stages} stages, the search space {self.num_stages}")
        _same_names("couplings", plan.widths, [d.name for d in self.decisions if isinstance(d, Split)])
        _same_names("mixing layers", plan.indicators, [d.name for d in self.decisions if isinstance(d, Concat)])
        choices = [
            d.from_units(plan.widths[d.name]) if isinstance(d, Split) else tuple(map(int, plan.indicators[d.name]))
            for d in self.decisions
        ]
        self._check(choices)
        return choices

    def _check(self, choices: Sequence[Choice]) -> None:
        for decision, choice in zip(self.decisions, choices, strict=True):
            if fault := decision.fault(choice, self.num_stages):
                raise PlanError(f"{decision.name}: {fault}")

    def uniform(self, shares: Sequence[float] | None = None) -> Plan:
        """The plan that divides every coupling in the given shares (default: equal ones), with all indicators on."""
        fractions = np.asarray(shares if shares is not None else [1 / self.num_stages] * self.num_stages, dtype=float)
        if len(fractions) != self.num_stages or not (np.isfinite(fractions) & (fractions > 0)).all():
            raise PlanError(f"shares {list(fractions)} must be {self.num_stages} positive numbers, one per stage")
        pairs = len(stage_pairs(self.num_stages))
        return self.decode([d.nearest(fractions) if isinstance(d, Split) else (1,) * pairs for d in self.decisions])


def _same_names(what: str, given: Mapping[str, object], expected: list[str]) -> None:
    if set(given) != set(expected):
        raise PlanError(
            f"the plan's {what} are not those of the network: unknown {sorted(set(given) - set(expected))}, "
            f"missing {sorted(set(expected) - set(given))}"
        )
