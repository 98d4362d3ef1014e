"""What a session needs of an inference engine: graphs that read arrays and write arrays that the session owns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy.typing as npt

NamedArrays = Mapping[str, npt.NDArray[Any]]
"""Arrays (N, ...) by the names that a graph gives its inputs or outputs."""


class GraphProgram(Protocol):
    """One graph, ready to run, from several threads at once if need be."""

    @property
    def inputs(self) -> Sequence[str]:
        """All that it takes."""

    @property
    def outputs(self) -> Sequence[str]:
        """All that it gives."""

    def run(self, inputs: NamedArrays) -> dict[str, npt.NDArray[Any]]:
        """All outputs, on memory of their own."""

    def bound(self, inputs: NamedArrays, outputs: NamedArrays) -> Callable[[], None]:
        """A call, for one thread at a time, that reads these arrays and writes those, contiguous and kept alive by it.

        Nothing is allocated or named anew where the engine allows it, which is most of what a small call costs.
        """


class Engine(Protocol):
    """Makes programs."""

    @property
    def name(self) -> str:
        """What reports call it."""

    def load(self, graph: bytes) -> GraphProgram:
        """A program of the content of an ONNX file. Raises ArtifactError if it cannot be loaded."""
