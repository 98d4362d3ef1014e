"""Fit what scores need on calibration samples, and score those samples as if they were new."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from s2dnas.errors import DataError, SettingsError, nearest
from s2dnas.exits.confidence import FloatArray, IntArray, softmax
from s2dnas.exits.predictor import TARGETS, fit_predictor
from s2dnas.exits.scoring import AnyScoring, Scoring, shortened, spelt_out
from s2dnas.exits.table import ExitTable
from s2dnas.exits.temperature import fit_temperatures

FOLDS = 5


@dataclass(frozen=True)
class Fit:
    """What scores are made of: a measure, or a ``predictor`` of one of ``TARGETS``; with a ``temperature`` per stage.

    ``surest``: a stage answers with the surest stage so far. Raises SettingsError if the target is unknown.
    """

    measure: str = "max_probability"
    temperature: bool = False
    predictor: str | None = None
    surest: bool = False

    def __post_init__(self) -> None:
        if self.predictor is not None and self.predictor not in TARGETS:
            raise SettingsError(f"nothing predicts {self.predictor!r}{nearest(self.predictor, TARGETS)}")

    @property
    def learns(self) -> bool:
        """Does it depend on samples?"""
        return self.temperature or self.predictor is not None

    def __call__(self, logits: FloatArray, labels: IntArray) -> AnyScoring:
        """Scores fitted to logits (S, N, K) and labels (N,)."""
        temperatures = fit_temperatures(logits, labels) if self.temperature else ()
        warmed = logits / np.array(temperatures)[:, None, None] if temperatures else logits
        measure = fit_predictor(softmax(warmed), labels, self.predictor) if self.predictor else self.measure
        return shortened(Scoring(measure, temperatures, self.surest))


def calibration_table(
    fit: Fit, logits: npt.ArrayLike, labels: npt.ArrayLike, macs: npt.ArrayLike, static: npt.ArrayLike | None = None
) -> ExitTable:
    """The table of logits (S, N, K) by scores that are fitted to the same samples.

    ``confidence`` is what all samples together gave, to be used on new ones. Each sample's own score, however, is by
    what the other ``FOLDS`` - 1 parts of the samples gave: as good as a new sample's, so thresholds can be set on it.
    Raises DataError if there are fewer samples than folds.
    """
    values, answers = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    table = ExitTable.from_logits(values, answers, macs, fit(values, answers), static)
    if not fit.learns:
        return table
    if len(answers) < FOLDS:
        raise DataError(f"fitting needs at least {FOLDS} calibration samples, got {len(answers)}; hold out more")
    scores, predictions = np.empty_like(table.scores), np.empty_like(table.predictions)
    for fold in range(FOLDS):
        inside = np.arange(len(answers)) % FOLDS == fold
        scoring = spelt_out(fit(values[:, ~inside], answers[~inside]))
        scores[:, inside], predictions[:, inside] = scoring.answers(values[:, inside])
    return ExitTable(scores, predictions, table.labels, table.macs, table.confidence, table.static)
