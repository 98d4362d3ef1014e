"""What runs layers and stages in an engine, so that they can be timed: on one thread of the processor."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import ClassVar, cast

from s2dnas.errors import SettingsError, nearest
from s2dnas.profile.kernel import Kernel
from s2dnas.staged.build import MultiStageNet

THREADS = 1

_ENGINES = {"onnxruntime": "on_onnxruntime.ProfiledOnnxruntime", "pytorch": "on_pytorch.ProfiledPytorch"}


class ProfiledEngine(ABC):
    """Runs layers and stages on random values."""

    name: ClassVar[str]

    @abstractmethod
    def versions(self) -> Mapping[str, str]:
        """The software that times depend on."""

    @abstractmethod
    def layer(self, kernel: Kernel, inputs: int, outputs: int, batch: int, copies: int) -> Callable[[], object]:
        """What runs a layer of these widths as so many ``copies`` with different weights."""

    @abstractmethod
    def stages(self, network: MultiStageNet, batch: int) -> Sequence[Callable[[], object]]:
        """What runs each stage of a network, (S,)."""


def profiled_engine(name: str) -> ProfiledEngine:
    """An engine by name. Raises SettingsError if it is unknown, MissingExtraError if it is not installed."""
    if name not in _ENGINES:
        raise SettingsError(f"unknown engine {name!r}{nearest(name, _ENGINES)}")
    module, _, kind = _ENGINES[name].partition(".")
    return cast(ProfiledEngine, getattr(import_module(f"{__package__}.{module}"), kind)())
