"""OpenVINO as the engine of a session, on the CPU."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from s2dnas.errors import ArtifactError, SettingsError
from s2dnas.extras import require_extra
from s2dnas.runtime.engine import NamedArrays

if TYPE_CHECKING:
    import openvino as ov


class OpenvinoEngine:
    """``threads`` work on one call, in single precision throughout: scores, too, which the graphs ask for in double.

    Its ReLU makes 0 of NaN, so that an image which is not finite may get a finite score, and leave early.
    Raises MissingExtraError without OpenVINO.
    """

    name = "openvino"

    def __init__(self, *, threads: int = 1) -> None:
        if threads < 1:
            raise SettingsError(f"threads must be at least 1, not {threads}")
        require_extra("openvino")
        import openvino

        self.threads = threads
        self._library, self._core = openvino, openvino.Core()

    def load(self, graph: bytes) -> "OpenvinoProgram":
        """A program of the content of an ONNX file. Raises ArtifactError if OpenVINO cannot compile it."""
        options = {"INFERENCE_NUM_THREADS": self.threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        try:
            model = self._core.read_model(graph, b"")
            # Compiling gives a port more names where it drops a call, such as a cast between two.
            inputs, outputs = ([port.get_any_name() for port in ports] for ports in (model.inputs, model.outputs))
            compiled = self._core.compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise ArtifactError(f"OpenVINO {self._library.__version__} cannot compile the graph: {error}") from error
        return OpenvinoProgram(compiled, inputs, outputs, self._library.Tensor)


class OpenvinoProgram:
    """A graph in OpenVINO. Requests, which hold memory of their own, are made for as many threads as ask at once."""

    def __init__(self, compiled: "ov.CompiledModel", inputs: list[str], outputs: list[str], tensor: Any) -> None:
        self._compiled, self._tensor = compiled, tensor
        self._idle: list[Any] = []
        self.inputs: Sequence[str] = inputs
        self.outputs: Sequence[str] = outputs

    def run(self, inputs: NamedArrays) -> dict[str, npt.NDArray[Any]]:
        """All outputs, on memory of their own."""
        found = self._compiled(dict(inputs), share_inputs=False, share_outputs=False)
        return {name: np.array(array) for name, array in zip(self.outputs, found.values(), strict=True)}

    def bound(self, inputs: NamedArrays, outputs: NamedArrays) -> Callable[[], None]:
        """A call that reads these arrays and writes those."""
        arrays = {**inputs, **outputs}
        tensors = {name: self._tensor(array, shared_memory=True) for name, array in arrays.items()}

        return partial(self._infer, tensors)

    def _infer(self, tensors: Mapping[str, Any]) -> None:
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        for name, tensor in tensors.items():
            request.set_tensor(name, tensor)
        request.infer()
        self._idle.append(request)
