"""How good it is to leave, predicted from several confidences and from whether the stages before agree."""

from dataclasses import dataclass

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.errors import SettingsError
from s2dnas.exits.confidence import entropy, margin, max_probability
from s2dnas.exits.logistic import SMALLEST, log_odds, logistic_probabilities


@dataclass(frozen=True)
class Predictor:
    """A logistic regression per stage: ``weights`` holds S tuples, each the bias and a weight per feature.

    The features of a stage are the log-odds of its max probability, its margin, its entropy score and, from the second
    stage on, the share of earlier stages that predict the same and the mean log-probability that they give to it.
    """

    weights: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        sizes = [len(row) for row in self.weights]
        if sizes != ([4] + [6] * len(sizes))[: len(sizes)] or not np.isfinite(np.concatenate(self.weights)).all():
            raise SettingsError(f"a predictor needs 4 finite weights, then 6 per later stage, not {self.weights}")

    def scores(self, probabilities: FloatArray) -> FloatArray:
        """(N,): how likely stage J meets the target, given the probabilities (J, N, K) of the stages up to it."""
        return logistic_probabilities(self.weights[len(probabilities) - 1], features(probabilities))


def features(probabilities: FloatArray) -> FloatArray:
    """(N, F): what the last of the stages (J, N, K) shows; F is 3 for the first stage and 5 for later ones."""
    *earlier, last = probabilities
    own = [log_odds(max_probability(last)), margin(last), entropy(last)]
    if not earlier:
        return np.stack(own, axis=1)
    answer = last.argmax(axis=-1)
    agreeing = np.mean(np.argmax(earlier, axis=-1) == answer, axis=0)
    given = np.take_along_axis(np.array(earlier), answer[None, :, None], axis=-1)[..., 0]
    return np.stack([*own, agreeing, np.log(np.maximum(given, SMALLEST)).mean(axis=0)], axis=1)
