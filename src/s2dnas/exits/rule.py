"""The exit rule: when does a sample stop, and what then comes out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from s2dnas.arrays import BoolArray, FloatArray, IntArray
from s2dnas.artifacts import read_json, write_json
from s2dnas.errors import ArtifactError, DataError, SettingsError
from s2dnas.exits.scoring import AnyScoring, canonical, from_plain, to_plain
from s2dnas.exits.table import ExitTable

NEVER = 2.0
"""A threshold that no score reaches: nobody leaves at that stage."""


@dataclass(frozen=True)
class ExitRule:
    """A sample leaves at the first stage j whose score is >= ``thresholds[j]``; the last stage takes the rest.

    There are S - 1 thresholds in [0, inf): 0 lets everybody leave, ``NEVER`` nobody. ``confidence`` says how scores are
    made of logits, so a rule needs nothing else to be applied.
    Raises SettingsError if the confidence measure is unknown or a threshold is negative or not finite.
    """

    confidence: AnyScoring
    thresholds: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "confidence", canonical(self.confidence))
        object.__setattr__(self, "thresholds", tuple(float(threshold) for threshold in self.thresholds))
        for stage, threshold in enumerate(self.thresholds):
            if not (math.isfinite(threshold) and threshold >= 0):
                raise SettingsError(
                    f"the threshold of stage {stage + 1} must be finite and >= 0, got {threshold}; "
                    f"{NEVER} means that nobody leaves there"
                )

    @property
    def num_stages(self) -> int:
        """S."""
        return len(self.thresholds) + 1

    def leaves(self, scores: FloatArray, stage: int) -> BoolArray:
        """(N,): which of the samples that reached ``stage`` (from 0) with these scores (N,) leave there."""
        if not 0 <= stage < self.num_stages:
            raise SettingsError(f"the exit rule has {self.num_stages} stages, there is no stage {stage + 1}")
        if stage == self.num_stages - 1:
            return np.ones(np.shape(scores), dtype=np.bool_)
        return np.asarray(np.asarray(scores, dtype=np.float64) >= self.thresholds[stage])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        return {"confidence": to_plain(self.confidence), "thresholds": list(self.thresholds)}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> "ExitRule":
        """The rule that ``to_dict`` wrote. Raises ArtifactError if a part is missing or out of range."""
        try:
            return ExitRule(from_plain(content["confidence"]), tuple(map(float, content["thresholds"])))
        except (KeyError, TypeError, ValueError, ArtifactError) as error:
            raise ArtifactError(f"not an exit rule: {error!r}; give a rule that s2dnas wrote") from error

    def save(self, path: Path) -> None:
        """Write the rule as JSON."""
        write_json(path, "exit_rule", self.to_dict())

    @staticmethod
    def load(path: Path) -> "ExitRule":
        """Read a rule that ``save`` wrote."""
        return ExitRule.from_dict(read_json(path, "exit_rule"))


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What came out, per sample: predictions, stages (from 0), what was spent and labels, each (N,).

    Every method that is compared ends here, however it works inside. Raises DataError if shapes disagree.
    """

    predictions: IntArray
    stages: IntArray
    costs: FloatArray
    labels: IntArray
    num_stages: int

    def __post_init__(self) -> None:
        shapes = {name: np.shape(getattr(self, name)) for name in ("predictions", "stages", "costs", "labels")}
        if len(set(shapes.values())) != 1 or len(shape := shapes["labels"]) != 1 or shape[0] == 0:
            raise DataError(f"outcomes need N >= 1 predictions, stages, costs and labels, got shapes {shapes}")
        if np.min(self.stages) < 0 or np.max(self.stages) >= self.num_stages:
            raise DataError(f"outcomes of {self.num_stages} stages hold a stage outside 0..{self.num_stages - 1}")

    @property
    def num_samples(self) -> int:
        """N."""
        return int(self.labels.shape[0])


def decide(table: ExitTable, rule: ExitRule) -> Outcomes:
    """Where each sample leaves and with which answer. Raises SettingsError if rule and table do not belong together."""
    if (rule.num_stages, rule.confidence) != (table.num_stages, table.confidence):
        raise SettingsError(
            f"an exit rule for {rule.num_stages} stages and {rule.confidence!r} cannot be used on a table of "
            f"{table.num_stages} stages and {table.confidence!r}; calibrate a rule on a table of the same kind"
        )
    stages = np.full(table.num_samples, table.num_stages - 1, dtype=np.int64)
    for stage in reversed(range(table.num_stages - 1)):
        stages[rule.leaves(table.scores[stage], stage)] = stage
    return Outcomes(
        predictions=np.take_along_axis(table.predictions, stages[None], axis=0)[0],
        stages=stages,
        costs=table.costs[stages],
        labels=table.labels,
        num_stages=table.num_stages,
    )
