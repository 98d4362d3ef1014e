"""The exit table: what every stage says about every sample. The network is not needed from here on."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import BoolArray, FloatArray, IntArray
from s2dnas.artifacts import read_arrays, write_arrays
from s2dnas.errors import ArtifactError, DataError, S2dnasError
from s2dnas.exits.confidence import DEFAULT_CONFIDENCE
from s2dnas.exits.scoring import AnyScoring, as_scoring, canonical, from_text, to_text

_FORMAT = "s2dnas.exit_table"
_VERSION = 2


@dataclass(frozen=True, eq=False)
class ExitTable:
    """Scores (S, N) in [0, 1], predictions (S, N), labels (N,) and cumulative costs (S,) of all exits, read-only.

    ``costs[j]`` is the cost, in ``unit``, of a sample that leaves at stage j, all earlier stages included; it never
    decreases.
    ``confidence`` says how the scores were made; ``static`` (N,) is what the static network answers, where it is known.
    Raises DataError if shapes disagree or values are out of range, SettingsError if the measure is unknown.
    """

    scores: FloatArray
    predictions: IntArray
    labels: IntArray
    costs: FloatArray
    confidence: AnyScoring
    static: IntArray | None = None
    unit: str = "macs"

    def __post_init__(self) -> None:
        object.__setattr__(self, "confidence", canonical(self.confidence))
        for name in self._arrays():
            array = np.array(getattr(self, name), dtype=_DTYPES[name])
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        _check_shapes(self)
        _check_values(self)

    @staticmethod
    def from_logits(
        logits: npt.ArrayLike,
        labels: npt.ArrayLike,
        macs: npt.ArrayLike,
        confidence: AnyScoring = DEFAULT_CONFIDENCE,
        static: npt.ArrayLike | None = None,
    ) -> "ExitTable":
        """The table of logits (S, N, K), labels (N,) and cumulative macs (S,). Raises as the class does."""
        scores, predictions = as_scoring(confidence).answers(logits)
        return ExitTable(
            scores=scores,
            predictions=predictions,
            labels=np.asarray(labels, dtype=np.int64),
            costs=np.asarray(macs, dtype=np.float64),
            confidence=confidence,
            static=None if static is None else np.asarray(static, dtype=np.int64),
        )

    @property
    def num_stages(self) -> int:
        """S."""
        return int(self.scores.shape[0])

    @property
    def num_samples(self) -> int:
        """N."""
        return int(self.scores.shape[1])

    @cached_property
    def correct(self) -> BoolArray:
        """(S, N): is stage j right about sample n?"""
        return np.asarray(self.predictions == self.labels)

    @property
    def stage_accuracy(self) -> FloatArray:
        """(S,): accuracy if every sample left at that stage."""
        return np.asarray(self.correct.mean(axis=1))

    def take(self, samples: npt.ArrayLike) -> "ExitTable":
        """The table of some samples, by their indices."""
        picked = np.asarray(samples)
        static = None if self.static is None else self.static[picked]
        scores, predictions = self.scores[:, picked], self.predictions[:, picked]
        return replace(self, scores=scores, predictions=predictions, labels=self.labels[picked], static=static)

    def priced(self, costs: npt.ArrayLike, unit: str) -> "ExitTable":
        """The same answers at other costs (S,)."""
        return replace(self, costs=np.asarray(costs, dtype=np.float64), unit=unit)

    @property
    def like_static(self) -> "ExitTable":
        """The table whose labels are the static network's answers: to be right in it is to agree with that network.

        Raises DataError if those are not known.
        """
        if self.static is None:
            raise DataError("agreement needs the static network's answers; give them to the exit table as static=")
        return replace(self, labels=self.static)

    def save(self, path: Path) -> None:
        """Write the table as NPZ."""
        header = {"format": _FORMAT, "version": _VERSION, "confidence": to_text(self.confidence), "unit": self.unit}
        arrays = {name: np.array(value) for name, value in header.items()}
        write_arrays(path, arrays | {name: getattr(self, name) for name in self._arrays()})

    @staticmethod
    def load(path: Path) -> "ExitTable":
        """Read a table that ``save`` wrote. Raises ArtifactError if it is missing, damaged or of another kind."""
        arrays = read_arrays(path)
        kind, version = str(arrays.get("format")), str(arrays.get("version"))
        if (kind, version) != (_FORMAT, str(_VERSION)):
            raise ArtifactError(
                f"{path} holds {kind!r} version {version}, expected {_FORMAT!r} version {_VERSION}; "
                "repeat the step that wrote it"
            )
        try:
            scores, predictions, labels, costs = (arrays[name] for name in _DTYPES if name != "static")
            scoring = from_text(str(arrays["confidence"]))
            return ExitTable(scores, predictions, labels, costs, scoring, arrays.get("static"), str(arrays["unit"]))
        except (KeyError, ValueError, S2dnasError) as error:
            raise ArtifactError(f"{path} is not a valid exit table ({error}); repeat the step that wrote it") from error

    def _arrays(self) -> list[str]:
        return [name for name in _DTYPES if name != "static" or self.static is not None]


_DTYPES = {
    "scores": np.float64,
    "predictions": np.int64,
    "labels": np.int64,
    "costs": np.float64,
    "static": np.int64,
}


def _check_shapes(table: ExitTable) -> None:
    shape = table.scores.shape
    if len(shape) != 2 or 0 in shape:
        raise DataError(f"an exit table needs scores (S, N) with S, N >= 1, got shape {shape}")
    expected = {"predictions": shape, "labels": shape[1:], "costs": shape[:1], "static": shape[1:]}
    for name in table._arrays()[1:]:
        want = expected[name]
        if (got := getattr(table, name).shape) != want:
            raise DataError(f"exit table: {name} must have shape {want} to fit scores {shape}, got {got}")


def _check_values(table: ExitTable) -> None:
    inside = (table.scores >= 0) & (table.scores <= 1)  # False for NaN
    if not inside.all():
        stage, sample = np.argwhere(~inside)[0]
        raise DataError(
            f"scores must lie in [0, 1]: stage {stage + 1}, sample {sample} has {table.scores[stage, sample]}; "
            "a network that gives non-finite logits must be trained again"
        )
    if not (np.isfinite(table.costs).all() and table.costs[0] > 0 and (np.diff(table.costs) >= 0).all()):
        raise DataError(f"costs must be cumulative: finite, positive, never decreasing; got {table.costs.tolist()}")
