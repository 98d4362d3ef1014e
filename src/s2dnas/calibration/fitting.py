"""Fit temperatures and predictors to calibration samples, and score those samples as if they were new."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import FloatArray, IntArray
from s2dnas.calibration.predictor import TARGETS, fit_predictor
from s2dnas.calibration.temperature import fit_temperatures
from s2dnas.errors import DataError, SettingsError, nearest
from s2dnas.exits.confidence import DEFAULT_CONFIDENCE
from s2dnas.exits.scoring import AnyScoring, Scoring, as_scoring, canonical
from s2dnas.exits.table import ExitTable
from s2dnas.exits.temperature import tempered

FOLDS = 5


@dataclass(frozen=True)
class Fit:
    """How scores are computed: a measure, or a ``predictor`` of one of ``TARGETS``; with a ``temperature`` per stage.

    ``surest``: a stage answers with the surest stage so far. Raises SettingsError if the target is unknown.
    """

    measure: str = DEFAULT_CONFIDENCE
    temperature: bool = False
    predictor: str | None = None
    surest: bool = False

    def __post_init__(self) -> None:
        if self.predictor is not None and self.predictor not in TARGETS:
            raise SettingsError(f"nothing predicts {self.predictor!r}{nearest(self.predictor, TARGETS)}")

    @property
    def learns(self) -> bool:
        """Whether anything is fitted to samples."""
        return self.temperature or self.predictor is not None

    def __call__(self, logits: FloatArray, labels: IntArray) -> AnyScoring:
        """Scores fitted to logits (S, N, K) and labels (N,)."""
        temperatures = fit_temperatures(logits, labels) if self.temperature else ()
        probabilities = tempered(logits, temperatures)
        measure = fit_predictor(probabilities, labels, self.predictor) if self.predictor else self.measure
        return canonical(Scoring(measure, temperatures, self.surest))


def calibration_table(
    fit: Fit,
    logits: npt.ArrayLike,
    labels: npt.ArrayLike,
    macs: npt.ArrayLike,
    static: npt.ArrayLike | None = None,
    seen: npt.ArrayLike | None = None,
) -> ExitTable:
    """The table of logits (S, N, K) with scores fitted to the same samples, or to those with indices ``seen``.

    Its ``confidence`` is fitted to all of these samples, for use on new ones. Their own scores are cross-fitted: each
    of ``FOLDS`` folds is scored by what was fitted to the others, so they are no better than those of new samples, and
    thresholds can be set on them.
    Raises DataError if there are fewer samples than folds.
    """
    values, answers = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    used = np.arange(len(answers)) if seen is None else np.asarray(seen)
    if fit.learns and len(used) < FOLDS:
        raise DataError(f"fitting needs at least {FOLDS} calibration samples, got {len(used)}; hold out more")
    table = ExitTable.from_logits(values, answers, macs, fit(values[:, used], answers[used]), static)
    return _cross_fitted(table, fit, values, used) if fit.learns else table


def _cross_fitted(table: ExitTable, fit: Fit, logits: FloatArray, used: IntArray) -> ExitTable:
    """The table with each fold of the used samples scored by what was fitted to the other folds."""
    scores, predictions = table.scores.copy(), table.predictions.copy()
    for fold in range(FOLDS):
        inside = used[fold::FOLDS]
        others = np.setdiff1d(used, inside)
        scoring = as_scoring(fit(logits[:, others], table.labels[others]))
        scores[:, inside], predictions[:, inside] = scoring.answers(logits[:, inside])
    return replace(table, scores=scores, predictions=predictions)
