"""How much each part of the loss of a network with several exits counts."""

import math
from dataclasses import dataclass

from s2dnas.errors import SettingsError, require


@dataclass(frozen=True)
class LossWeights:
    """What each stage learns from, and how much each stage and sample counts.

    ``alpha`` per stage (empty: 1 each); a training that has an ``alpha_start`` goes from there to it, linearly.
    ``distillation`` in [0, 1] is the teacher's share, the labels have the rest;
    ``temperature`` softens both sides. ``from_last`` is added for every earlier stage: distillation from the last one.
    ``survivors`` in [0, 1]: from counting every sample alike in every stage to counting it by its chance to get there.
    ``features``: how strongly features are drawn to the static network's when a training begins; 0 when it ends.
    ``label_smoothing`` in [0, 1) is the share of the labels that is spread over all classes; in every training of a run
    and of a comparison, the static network's as well.
    Raises SettingsError for a value out of range.
    """

    alpha: tuple[float, ...] = ()
    alpha_start: tuple[float, ...] = ()
    distillation: float = 0.5
    temperature: float = 3.0
    from_last: float = 0.0
    features: float = 2.0
    survivors: float = 0.0
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        rules = {
            "distillation": (0 <= self.distillation <= 1, "in [0, 1]"),
            "temperature": (0 < self.temperature < math.inf, "positive"),
            "from_last": (0 <= self.from_last < math.inf, "at least 0"),
            "features": (0 <= self.features < math.inf, "at least 0"),
            "survivors": (0 <= self.survivors <= 1, "in [0, 1]"),
            "label_smoothing": (0 <= self.label_smoothing < 1, "in [0, 1)"),
        }
        require(self, rules)

    def per_stage(self, num_stages: int, progress: float = 1.0) -> tuple[float, ...]:
        """S weights when a share of the training is done.

        Raises SettingsError if ``alpha`` or ``alpha_start`` does not hold as many, or none that counts.
        """
        end = _weights("alpha", self.alpha or (1.0,) * num_stages, num_stages)
        start = _weights("alpha_start", self.alpha_start or end, num_stages)
        return tuple((1 - progress) * a + progress * b for a, b in zip(start, end, strict=True))


def _weights(name: str, alpha: tuple[float, ...], num_stages: int) -> tuple[float, ...]:
    if len(alpha) != num_stages or not min(alpha) >= 0 or not 0 < sum(alpha) < math.inf:
        raise SettingsError(
            f"{name} is {alpha} for {num_stages} stages; give {num_stages} weights, none negative and not all 0, "
            "or none"
        )
    return alpha
