"""Where networks run, and in which precision they are trained."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from s2dnas.errors import SettingsError, nearest

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
"""Single precision throughout, or convolutions and products in half precision while training."""

_HALF = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


@dataclass(frozen=True)
class Compute:
    """A device, and the precision of trainings on it.

    Raises SettingsError for an unknown precision, and for ``16-mixed`` on a CPU, which has no fast float16.
    """

    device: torch.device
    precision: Precision = "32-true"

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            raise SettingsError(f"unknown precision {self.precision!r}{nearest(self.precision, get_args(Precision))}")
        if self.precision == "16-mixed" and self.device.type == "cpu":
            raise SettingsError("precision 16-mixed needs a GPU; on a CPU take bf16-mixed or 32-true")

    def autocast(self) -> AbstractContextManager[object]:
        """The region in which a loss is computed."""
        if (half := _HALF.get(self.precision)) is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=half)

    def scaler(self) -> torch.amp.GradScaler:
        """What keeps float16 gradients from vanishing; it does nothing in any other precision."""
        return torch.amp.GradScaler(self.device.type, enabled=self.precision == "16-mixed")


def device_for(accelerator: str) -> torch.device:
    """The device of an accelerator: ``cpu``, ``cuda``, ``mps``, or ``auto`` for the best that is there.

    Raises SettingsError if it is not there.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if accelerator == "auto":
        return torch.device(next(name for name, there in present.items() if there))
    if not present.get(accelerator, False):
        found = ", ".join(name for name, there in present.items() if there)
        raise SettingsError(f"there is no accelerator {accelerator!r} here; take auto, or one of {found}")
    return torch.device(accelerator)


def at_least_single(logits: Tensor) -> Tensor:
    """The same values in single precision if theirs is half; double stays double."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
