"""What a server takes on before it refuses, and when its answers get cheaper."""

from dataclasses import dataclass

from s2dnas.errors import require


@dataclass(frozen=True)
class ServingLimits:
    """``batch`` images are answered together at most, and come in one request at most; ``queue`` images wait at most.

    ``workers`` batches are answered at once. A request that names no deadline has ``deadline`` seconds. From the share
    ``relief_from`` of a full queue on, thresholds fall, by the share ``relief_most`` when it is full; 0 for never. Full
    is a queue, too, in which a request would be expected to wait half of ``deadline``.
    Raises SettingsError for values out of range.
    """

    batch: int = 32
    queue: int = 256
    workers: int = 1
    deadline: float = 1.0
    relief_from: float = 0.5
    relief_most: float = 1.0

    def __post_init__(self) -> None:
        rules = {
            "batch": (self.batch >= 1, "at least 1"),
            "queue": (self.queue >= self.batch, f"at least the batch of {self.batch}"),
            "workers": (self.workers >= 1, "at least 1"),
            "deadline": (0 < self.deadline <= LONGEST, f"above 0 and at most {LONGEST} seconds"),
            "relief_from": (0 <= self.relief_from < 1, "at least 0 and below 1"),
            "relief_most": (0 <= self.relief_most <= 1, "from 0 to 1"),
        }
        require(self, rules)


LONGEST = 600.0
"""Seconds that a deadline may be away."""
