"""Numbers that describe outcomes: accuracy, mean cost, who leaves where and how right they are."""

from dataclasses import dataclass

import numpy as np

from s2dnas.arrays import FloatArray, IntArray
from s2dnas.exits.rule import ExitRule, Outcomes, decide
from s2dnas.exits.table import ExitTable


def accuracy(outcomes: Outcomes) -> float:
    """Share of right predictions, in [0, 1]."""
    return float(np.mean(outcomes.predictions == outcomes.labels))


def mean_cost(outcomes: Outcomes) -> float:
    """What one sample costs on average, in the unit of the outcomes."""
    return float(np.mean(outcomes.costs))


def exit_share(outcomes: Outcomes) -> FloatArray:
    """(S,): share of the samples that leave at each stage; sums to 1."""
    return _leaving(outcomes) / outcomes.num_samples


def exit_accuracy(outcomes: Outcomes) -> tuple[float | None, ...]:
    """S accuracies among the samples that leave at each stage, None where nobody does."""
    right = outcomes.stages[outcomes.predictions == outcomes.labels]
    hits = np.bincount(right, minlength=outcomes.num_stages)
    return tuple(float(h / n) if n else None for h, n in zip(hits, _leaving(outcomes), strict=True))


@dataclass(frozen=True)
class OperatingPoint:
    """One exit rule measured on one table. ``target`` says what the rule was chosen for, e.g. ``"accuracy"``.

    ``agreement`` is the share of samples that are answered as by the static network, None where that is not known.
    """

    target: str
    accuracy: float
    mean_cost: float
    exit_share: tuple[float, ...]
    exit_accuracy: tuple[float | None, ...]
    thresholds: tuple[float, ...]
    agreement: float | None = None


def operating_point(table: ExitTable, rule: ExitRule, target: str) -> OperatingPoint:
    """Measure ``rule`` on ``table``. Raises SettingsError if they do not belong together."""
    outcomes = decide(table, rule)
    return OperatingPoint(
        target=target,
        accuracy=accuracy(outcomes),
        mean_cost=mean_cost(outcomes),
        exit_share=tuple(exit_share(outcomes).tolist()),
        exit_accuracy=exit_accuracy(outcomes),
        thresholds=rule.thresholds,
        agreement=None if table.static is None else float(np.mean(outcomes.predictions == table.static)),
    )


def _leaving(outcomes: Outcomes) -> IntArray:
    return np.bincount(outcomes.stages, minlength=outcomes.num_stages)
