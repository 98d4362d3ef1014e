"""How a network is trained: the settings of one training, and the learning rate that follows from them."""

import math
from dataclasses import dataclass
from typing import Literal

from s2dnas.errors import SettingsError, require

_LONGEST_WARMUP = 0.2


@dataclass(frozen=True)
class Recipe:
    """SGD with Nesterov momentum, or AdamW; linear warm-up, then a cosine to zero. Norms and biases do not decay.

    ``learning_rate`` None: it is chosen when the training starts (``with_learning_rate``). The warm-up is a fifth of
    the training at most. ``momentum`` is AdamW's first beta. No epochs: the network stays as it is. With ``average``
    the result is a moving average of the weights with this decay per step; 0: the weights themselves. Raises
    SettingsError for a value out of range.
    """

    epochs: int = 30
    batch_size: int = 128
    learning_rate: float | None = None
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup_epochs: float = 1.0
    average: float = 0.0
    optimizer: Literal["sgd", "adamw"] = "sgd"

    def __post_init__(self) -> None:
        rules = {
            "epochs": (self.epochs >= 0, "at least 0"),
            "batch_size": (self.batch_size >= 1, "at least 1"),
            "learning_rate": (self.learning_rate is None or 0 < self.learning_rate < math.inf, "positive"),
            "momentum": (0 <= self.momentum < 1, "in [0, 1)"),
            "weight_decay": (0 <= self.weight_decay < math.inf, "at least 0"),
            "warmup_epochs": (0 <= self.warmup_epochs < math.inf, "at least 0"),
            "optimizer": (self.optimizer in ("sgd", "adamw"), "'sgd' or 'adamw'"),
            "average": (0 <= self.average < 1, "in [0, 1)"),
        }
        require(self, rules)

    def rate(self, epoch: float) -> float:
        """The learning rate at a point of time, in epochs from the start. Raises SettingsError if none was chosen."""
        if self.learning_rate is None:
            raise SettingsError("the recipe has no learning rate yet; set learning_rate, or take with_learning_rate")
        warmup = min(self.warmup_epochs, _LONGEST_WARMUP * self.epochs)
        if epoch < warmup:
            return self.learning_rate * (0.01 + 0.99 * epoch / warmup)
        progress = (epoch - warmup) / max(self.epochs - warmup, 1e-9)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
