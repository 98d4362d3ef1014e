"""How the logits of the stages become a score and an answer: a measure, and what was fitted to make it better."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import FloatArray, IntArray
from s2dnas.errors import ArtifactError, DataError, SettingsError
from s2dnas.exits.confidence import DEFAULT_CONFIDENCE, confidence
from s2dnas.exits.predictor import Predictor
from s2dnas.exits.temperature import tempered


@dataclass(frozen=True)
class Scoring:
    """A confidence measure, by name, or a predictor, applied to softmax(logits / temperature).

    ``temperatures``: one per stage, or none. ``surest``: a stage answers with the surest stage so far, itself included.
    Where nothing but a measure is needed, its name alone will do.
    Raises SettingsError if the measure is unknown, a temperature is not positive, or numbers of stages disagree.
    """

    measure: str | Predictor = DEFAULT_CONFIDENCE
    temperatures: tuple[float, ...] = ()
    surest: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.measure, str):
            confidence(self.measure)
        if not all(0 < temperature < np.inf for temperature in self.temperatures):
            raise SettingsError(f"temperatures must be positive and finite, not {self.temperatures}")
        if len(self._stages) > 1:
            raise SettingsError(f"temperatures and predictor are fitted to {self._stages} stages; fit both anew")

    @property
    def _stages(self) -> set[int]:
        """The numbers of stages that the fitted parts belong to: empty if nothing is fitted."""
        predictor = {len(self.measure.weights)} if isinstance(self.measure, Predictor) else set()
        return predictor | ({len(self.temperatures)} if self.temperatures else set())

    def answer(self, logits: npt.ArrayLike) -> tuple[FloatArray, IntArray]:
        """Scores in [0, 1] and predictions, each (N,), of stage J, given logits (J, N, K) of the stages up to it."""
        scores, predictions = self.answers(logits)
        return scores[-1], predictions[-1]

    def answers(self, logits: npt.ArrayLike) -> tuple[FloatArray, IntArray]:
        """Scores in [0, 1] and predictions, each (S, N), of all stages, given their logits (S, N, K).

        Raises DataError if the logits have another shape, SettingsError if they have more stages than were fitted.
        """
        probabilities = self._probabilities(np.asarray(logits, dtype=np.float64))
        predictions = probabilities.argmax(axis=-1).astype(np.int64)
        if isinstance(self.measure, str):
            scores = confidence(self.measure)(probabilities)
        else:
            scores = np.array([self.measure.scores(probabilities[: j + 1]) for j in range(len(probabilities))])
        return _surest(scores, predictions) if self.surest else (scores, predictions)

    def _probabilities(self, logits: FloatArray) -> FloatArray:
        if logits.ndim != 3 or 0 in logits.shape:
            raise DataError(f"an exit table is made of logits (S, N, K), none of them 0, got shape {logits.shape}")
        if self._stages and len(logits) > (most := min(self._stages)):
            raise SettingsError(f"scores fitted to {most} stages cannot be given to {len(logits)}; fit them anew")
        return tempered(logits, self.temperatures)


AnyScoring = str | Scoring
"""A measure's name is short for a Scoring by that measure alone."""


def canonical(scoring: AnyScoring) -> AnyScoring:
    """The name alone where that is all. Raises SettingsError if there is no such measure."""
    if isinstance(scoring, str):
        confidence(scoring)
        return scoring
    name = scoring.measure
    return name if isinstance(name, str) and scoring == Scoring(name) else scoring


def as_scoring(scoring: AnyScoring) -> Scoring:
    """The same with nothing left out. Raises SettingsError if there is no such measure."""
    return Scoring(scoring) if isinstance(scoring, str) else scoring


def to_plain(scoring: AnyScoring) -> str | dict[str, Any]:
    """Plain values, as JSON holds them."""
    if isinstance(scoring, str):
        return scoring
    measure = scoring.measure if isinstance(scoring.measure, str) else [list(row) for row in scoring.measure.weights]
    return {"measure": measure, "temperatures": list(scoring.temperatures), "surest": scoring.surest}


def from_plain(content: str | Mapping[str, Any]) -> AnyScoring:
    """What ``to_plain`` wrote. Raises ArtifactError if a part is missing or out of range."""
    try:
        if isinstance(content, str):
            return canonical(content)
        measure = content["measure"]
        if not isinstance(measure, str):
            measure = Predictor(tuple(tuple(map(float, row)) for row in measure))
        return canonical(Scoring(measure, tuple(map(float, content["temperatures"])), bool(content["surest"])))
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"not a way to score: {error!r}; give one that s2dnas wrote") from error


def to_text(scoring: AnyScoring) -> str:
    """A name, or a JSON object."""
    return scoring if isinstance(scoring, str) else json.dumps(to_plain(scoring))


def from_text(text: str) -> AnyScoring:
    """What ``to_text`` wrote. Raises ArtifactError if it is neither."""
    try:
        return from_plain(json.loads(text) if text.startswith("{") else text)
    except json.JSONDecodeError as error:
        raise ArtifactError(f"not a way to score: {error}; give one that s2dnas wrote") from error


def _surest(scores: FloatArray, predictions: IntArray) -> tuple[FloatArray, IntArray]:
    """Of equally sure stages the later one answers."""
    best, answers = scores.copy(), predictions.copy()
    for stage in range(1, len(scores)):
        sinks = best[stage] < best[stage - 1]
        best[stage][sinks], answers[stage][sinks] = best[stage - 1][sinks], answers[stage - 1][sinks]
    return best, answers
