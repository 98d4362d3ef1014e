"""What is known of a network beside its weights, so that it can be used without whoever made it."""

import math
from dataclasses import dataclass
from itertools import pairwise

from s2dnas.errors import require
from s2dnas.space.plan import Plan

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation per channel, (C,) each, of pixel values from 0 to 1."""


@dataclass(frozen=True)
class NetworkInfo:
    """A network of S stages for images (C, H, W) of K classes.

    ``macs`` (S,) are cumulative, ``static_macs`` those of the network that was divided, both for one image.
    ``fingerprint`` tells apart networks of equal shapes (``space.fingerprint``). ``class_names`` (K,) may be empty;
    ``normalisation`` is None where nobody has said how images are normalised.
    Raises SettingsError for values that do not fit together.
    """

    plan: Plan
    image_shape: tuple[int, int, int]
    num_classes: int
    macs: tuple[float, ...]
    static_macs: int
    fingerprint: str
    class_names: tuple[str, ...] = ()
    normalisation: Normalisation | None = None

    def __post_init__(self) -> None:
        stages, classes, names = self.plan.num_stages, self.num_classes, self.class_names
        rising = all(0 <= a <= b for a, b in pairwise((0.0, *self.macs))) and all(map(math.isfinite, self.macs))
        shape_fits = len(self.image_shape) == 3 and min(self.image_shape) >= 1
        rules = {
            "image_shape": (shape_fits, "three sizes (C, H, W), each at least 1"),
            "num_classes": (classes >= 1, "at least 1"),
            "macs": (len(self.macs) == stages and rising, f"{stages} numbers, one per stage, that do not fall"),
            "static_macs": (self.static_macs >= 1, "at least 1"),
            "class_names": (len(names) in (0, classes), f"empty or {classes} names, one per class"),
            "normalisation": (self._normalises(), "(mean, std), a finite number per channel each, std above 0"),
            "fingerprint": (self.fingerprint.startswith(f"{self.plan.key}-"), f"that of plan {self.plan.key}"),
        }
        require(self, rules)

    def _normalises(self) -> bool:
        if self.normalisation is None:
            return True
        mean, std = self.normalisation
        fits = len(mean) == len(std) == self.image_shape[0]
        return fits and all(map(math.isfinite, (*mean, *std))) and min(std) > 0
