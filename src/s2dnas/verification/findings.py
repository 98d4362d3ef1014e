"""What a verification found: per plan, how far logits and costs are from what they must be."""

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

from s2dnas.space.plan import Plan

TOLERANCE = 1e-9


@dataclass(frozen=True)
class LogitCheck:
    """The logits of a built network, and ``what`` they must equal.

    ``error`` is the largest deviation, relative to the largest value expected, of the stage (counted from 1) where it
    is largest; infinite where a result is not finite.
    """

    what: str
    stage: int
    error: float


@dataclass(frozen=True)
class PlanCheck:
    """What was found for one plan.

    ``macs`` (S,) are cumulative multiply-adds by the cost model, ``counted`` (S,) those of the stages that really ran.
    ``failure`` says what was raised, if building or running the network ended in an error.
    """

    plan: Plan
    comparisons: tuple[LogitCheck, ...] = ()
    macs: tuple[float, ...] = ()
    counted: tuple[int, ...] = ()
    failure: str = ""

    @property
    def oracle_error(self) -> float:
        """The largest error of all comparisons, infinite if there are none."""
        return max((comparison.error for comparison in self.comparisons), default=inf)

    @property
    def macs_error(self) -> float:
        """The largest relative deviation of the cost model, infinite if nothing was counted."""
        pairs = zip(self.macs, self.counted, strict=True)
        return max((abs(said - counted) / max(counted, 1) for said, counted in pairs), default=inf)

    def faults(self, tolerance: float) -> list[str]:
        """A sentence for each thing that is wrong with this plan."""
        if self.failure:
            return [self.failure]
        wrong = [
            f"stage {c.stage} deviates by {c.error:.1e} from {c.what}"
            for c in self.comparisons
            if not c.error < tolerance
        ]
        if self.macs_error > 0:
            wrong.append(f"the cost model says {list(self.macs)} macs, a counter {list(self.counted)}")
        return wrong


@dataclass(frozen=True)
class Verification:
    """The checks of all plans, the first of which has one stage: it must be the static network itself."""

    checks: tuple[PlanCheck, ...]
    tolerance: float = TOLERANCE

    @property
    def passed(self) -> bool:
        """Whether every plan was built, equals its oracle and costs what the cost model says."""
        return not self.faults

    @property
    def faults(self) -> list[str]:
        """What is wrong, and with which plan."""
        return [
            f"plan {check.plan.key} of {check.plan.num_stages} stages: {fault}"
            for check in self.checks
            for fault in check.faults(self.tolerance)
        ]

    @property
    def oracle_error(self) -> float:
        """The largest relative error of any comparison."""
        return max(check.oracle_error for check in self.checks)

    @property
    def macs_error(self) -> float:
        """The largest relative error of the cost model."""
        return max(check.macs_error for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, as JSON holds them; null for an error that is not finite."""
        return {
            "passed": self.passed,
            "tolerance": self.tolerance,
            "oracle_error": _number(self.oracle_error),
            "macs_error": _number(self.macs_error),
            "faults": self.faults,
            "plans": [
                {
                    "plan": check.plan.to_dict(),
                    "oracle_error": _number(check.oracle_error),
                    "macs": list(check.macs),
                    "counted": list(check.counted),
                    "comparisons": [
                        {"what": c.what, "stage": c.stage, "error": _number(c.error)} for c in check.comparisons
                    ],
                    "failure": check.failure,
                }
                for check in self.checks
            ],
        }


def _number(error: float) -> float | None:
    return error if isfinite(error) else None
