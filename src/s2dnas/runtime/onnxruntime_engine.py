"""onnxruntime as the engine of a session, on the CPU or, where its build has the provider, on a CUDA device."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from s2dnas.errors import ArtifactError, SettingsError
from s2dnas.extras import require_extra
from s2dnas.runtime.engine import NamedArrays

if TYPE_CHECKING:
    import onnxruntime as ort

_PROVIDERS = {"cpu": ["CPUExecutionProvider"], "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"]}


class OnnxruntimeEngine:
    """``threads`` work on one call; they sleep, not spin, between calls, so that other processes get the cores.

    On a CUDA device, what stages exchange passes through main memory. Raises SettingsError if there is no such device
    for this onnxruntime, MissingExtraError without onnxruntime.
    """

    name = "onnxruntime"

    def __init__(self, *, threads: int = 1, device: str = "cpu") -> None:
        if threads < 1:
            raise SettingsError(f"threads must be at least 1, not {threads}")
        if device not in _PROVIDERS:
            raise SettingsError(f"device must be one of {', '.join(_PROVIDERS)}, not {device!r}")
        require_extra("runtime", "onnxruntime")
        import onnxruntime

        wanted, found = _PROVIDERS[device][0], onnxruntime.get_available_providers()
        if wanted not in found:
            raise SettingsError(f"this onnxruntime has {', '.join(found)}, not {wanted}; pip install onnxruntime-gpu")
        self.threads, self.device = threads, device
        self._library = onnxruntime

    @property
    def version(self) -> str:
        """Of onnxruntime."""
        return str(self._library.__version__)

    def load(self, graph: bytes, *, optimised: bool = False) -> "OnnxruntimeProgram":
        """A program of the content of an ONNX file; of an ``optimised`` one, it is run as it is.

        Raises ArtifactError if onnxruntime cannot load it.
        """
        options = self._options()
        if optimised:
            options.graph_optimization_level = self._library.GraphOptimizationLevel.ORT_DISABLE_ALL
        return OnnxruntimeProgram(self._session(graph, options), self._library, inputs_stay=self.device == "cpu")

    def optimise(self, graph: bytes, path: str) -> None:
        """Write the graph that this version makes of an ONNX file, for this processor. Raises ArtifactError."""
        options = self._options()
        options.optimized_model_filepath = path
        self._session(graph, options)

    def _session(self, graph: bytes, options: "ort.SessionOptions") -> "ort.InferenceSession":
        try:
            return self._library.InferenceSession(graph, options, providers=_PROVIDERS[self.device])
        except Exception as error:  # onnxruntime's own exceptions share no base class
            raise ArtifactError(f"onnxruntime {self.version} cannot load the graph: {error}") from error

    def _options(self) -> "ort.SessionOptions":
        options = self._library.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return options


class OnnxruntimeProgram:
    """A graph in onnxruntime. ``inputs_stay`` where it reads bound arrays themselves, not copies made at binding."""

    def __init__(self, session: "ort.InferenceSession", library: Any, *, inputs_stay: bool) -> None:
        self._session, self._library, self._inputs_stay = session, library, inputs_stay
        self.inputs: Sequence[str] = [value.name for value in session.get_inputs()]
        self.outputs: Sequence[str] = [value.name for value in session.get_outputs()]

    def run(self, inputs: NamedArrays) -> dict[str, npt.NDArray[Any]]:
        """All outputs, on memory of their own."""
        return dict(zip(self.outputs, self._session.run(self.outputs, dict(inputs)), strict=True))

    def bound(self, inputs: NamedArrays, outputs: NamedArrays) -> Callable[[], None]:
        """A call that reads these arrays and writes those."""
        return _Bound(self._session, self._on(inputs), self._on(outputs), inputs_stay=self._inputs_stay)

    def _on(self, arrays: NamedArrays) -> dict[str, "ort.OrtValue"]:
        return {name: self._library.OrtValue.ortvalue_from_numpy(array) for name, array in arrays.items()}


class _Bound:
    """Keeps the OrtValues, and by them the arrays: a binding alone would be left with memory that is gone."""

    def __init__(
        self,
        session: "ort.InferenceSession",
        inputs: dict[str, "ort.OrtValue"],
        outputs: dict[str, "ort.OrtValue"],
        *,
        inputs_stay: bool,
    ) -> None:
        self._session, self._inputs, self._outputs, self._inputs_stay = session, inputs, outputs, inputs_stay
        self._binding = session.io_binding()
        self._bind_inputs()
        for name, value in outputs.items():
            self._binding.bind_ortvalue_output(name, value)

    def __call__(self) -> None:
        if not self._inputs_stay:
            self._bind_inputs()
        self._session.run_with_iobinding(self._binding)

    def _bind_inputs(self) -> None:
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
