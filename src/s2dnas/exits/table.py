"""The exit table: what every stage says about every sample. The network is not needed from here on."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from s2dnas.artifacts import read_arrays, write_arrays
from s2dnas.errors import ArtifactError, DataError, S2dnasError
from s2dnas.exits.confidence import FloatArray, confidence, softmax

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

FORMAT = "s2dnas.exit_table"
VERSION = 1


@dataclass(frozen=True, eq=False)
class ExitTable:
    """Scores (S, N) in [0, 1], predictions (S, N), labels (N,) and cumulative macs (S,) of all exits, read-only.

    ``macs[j]`` is the cost of a sample that leaves at stage j, all earlier stages included; it never decreases.
    ``confidence`` names the measure that gave the scores.
    Raises DataError if shapes disagree or values are out of range, SettingsError if the measure is unknown.
    """

    scores: FloatArray
    predictions: IntArray
    labels: IntArray
    macs: FloatArray
    confidence: str

    def __post_init__(self) -> None:
        confidence(self.confidence)
        for name, dtype in _DTYPES.items():
            array = np.array(getattr(self, name), dtype=dtype)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        _check_shapes(self)
        _check_values(self)

    @staticmethod
    def from_logits(
        logits: npt.ArrayLike, labels: npt.ArrayLike, macs: npt.ArrayLike, confidence: str = "max_probability"
    ) -> "ExitTable":
        """The table of logits (S, N, K), labels (N,) and cumulative macs (S,). Raises as the class does."""
        values = np.asarray(logits, dtype=np.float64)
        if values.ndim != 3 or 0 in values.shape:
            raise DataError(f"an exit table is made of logits (S, N, K), none of them 0, got shape {values.shape}")
        measure = _measure(confidence)
        return ExitTable(
            scores=measure(softmax(values)),
            predictions=values.argmax(axis=-1).astype(np.int64),
            labels=np.asarray(labels, dtype=np.int64),
            macs=np.asarray(macs, dtype=np.float64),
            confidence=confidence,
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

    def save(self, path: Path) -> None:
        """Write the table as NPZ."""
        header = {"format": np.array(FORMAT), "version": np.array(VERSION), "confidence": np.array(self.confidence)}
        write_arrays(path, header | {name: getattr(self, name) for name in _DTYPES})

    @staticmethod
    def load(path: Path) -> "ExitTable":
        """Read a table that ``save`` wrote. Raises ArtifactError if it is missing, damaged or of another kind."""
        arrays = read_arrays(path)
        kind, version = str(arrays.get("format")), str(arrays.get("version"))
        if (kind, version) != (FORMAT, str(VERSION)):
            raise ArtifactError(
                f"{path} holds {kind!r} version {version}, expected {FORMAT!r} version {VERSION}; "
                "repeat the step that wrote it"
            )
        try:
            return ExitTable(**{name: arrays[name] for name in _DTYPES}, confidence=str(arrays["confidence"]))
        except (KeyError, ValueError, S2dnasError) as error:
            raise ArtifactError(f"{path} is not a valid exit table ({error}); repeat the step that wrote it") from error


_DTYPES = {"scores": np.float64, "predictions": np.int64, "labels": np.int64, "macs": np.float64}
_measure = confidence  # `from_logits` has an argument of that name


def _check_shapes(table: ExitTable) -> None:
    shape = table.scores.shape
    if len(shape) != 2 or 0 in shape:
        raise DataError(f"an exit table needs scores (S, N) with S, N >= 1, got shape {shape}")
    expected = {"predictions": shape, "labels": shape[1:], "macs": shape[:1]}
    for name, want in expected.items():
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
    if not (np.isfinite(table.macs).all() and table.macs[0] > 0 and (np.diff(table.macs) >= 0).all()):
        raise DataError(f"macs must be cumulative: finite, positive, never decreasing; got {table.macs.tolist()}")
