"""What a session needs of an inference engine. Natives are its own tensors, on memory that it shares with arrays."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy.typing as npt

Native = Any
"""A tensor of an engine: (N, ...), samples first."""


class GraphProgram(Protocol):
    """One graph, ready to run. Names of inputs and outputs are those of the graph."""

    @property
    def outputs(self) -> Sequence[str]:
        """All that it gives."""

    def run(self, natives: Mapping[str, Native]) -> dict[str, Native]:
        """All outputs, given all inputs."""


class Engine(Protocol):
    """Makes programs, and moves between its natives and arrays without copying where both are in main memory."""

    name: str

    def load(self, graph: bytes) -> GraphProgram:
        """A program of the content of an ONNX file."""

    def native(self, array: npt.NDArray[Any]) -> Native:
        """The native of a contiguous array, which must not be freed or changed while the native is used."""

    def array(self, native: Native) -> npt.NDArray[Any]:
        """The array of a native; it may be written to."""
