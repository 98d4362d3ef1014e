"""onnxruntime as the engine of a session, on the CPU or, where its build has the provider, on a CUDA device."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from s2dnas.errors import ArtifactError, SettingsError
from s2dnas.extras import require_extra

if TYPE_CHECKING:
    import onnxruntime as ort

_PROVIDERS = {"cpu": ["CPUExecutionProvider"], "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"]}


class OnnxruntimeEngine:
    """``threads`` work on one call; they sleep, not spin, between calls, so that other processes get the cores.

    Raises SettingsError if there is no such device for this onnxruntime, MissingExtraError without onnxruntime.
    """

    name = "onnxruntime"

    def __init__(self, *, threads: int = 1, device: str = "cpu") -> None:
        if threads < 1:
            raise SettingsError(f"threads must be at least 1, not {threads}")
        if device not in _PROVIDERS:
            raise SettingsError(f"device must be one of {', '.join(_PROVIDERS)}, not {device!r}")
        require_extra("runtime")
        import onnxruntime

        wanted, found = _PROVIDERS[device][0], onnxruntime.get_available_providers()
        if wanted not in found:
            raise SettingsError(f"this onnxruntime has {', '.join(found)}, not {wanted}; pip install onnxruntime-gpu")
        self.threads, self.device = threads, device
        self._library = onnxruntime

    def load(self, graph: bytes, *, optimised: bool = False) -> "OnnxruntimeProgram":
        """A program of the content of an ONNX file; of an ``optimised`` one, it is run as it is.

        Raises ArtifactError if onnxruntime cannot load it.
        """
        options = self.options()
        if optimised:
            options.graph_optimization_level = self._library.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            session = self._library.InferenceSession(graph, options, providers=_PROVIDERS[self.device])
        except Exception as error:  # onnxruntime's own exceptions share no base class
            raise ArtifactError(f"onnxruntime {self._library.__version__} cannot load the graph: {error}") from error
        return OnnxruntimeProgram(session)

    def options(self) -> "ort.SessionOptions":
        """The options of every session of this engine."""
        options = self._library.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return options

    def native(self, array: npt.NDArray[Any]) -> "ort.OrtValue":
        """An OrtValue on the array's memory, which it keeps."""
        return self._library.OrtValue.ortvalue_from_numpy(array)

    def array(self, native: "ort.OrtValue") -> npt.NDArray[Any]:
        """The memory of an OrtValue as an array, which keeps it."""
        return np.asarray(_Exposed(native))


class OnnxruntimeProgram:
    """A graph in onnxruntime. Its outputs are on memory that onnxruntime owns, and that lives as long as they do."""

    def __init__(self, session: "ort.InferenceSession") -> None:
        self._session = session
        self.outputs: Sequence[str] = [output.name for output in session.get_outputs()]

    def run(self, natives: Mapping[str, "ort.OrtValue"]) -> dict[str, "ort.OrtValue"]:
        """All outputs, given all inputs."""
        return dict(zip(self.outputs, self._session.run_with_ort_values(self.outputs, natives), strict=True))


class _Exposed:
    """What NumPy asks of memory that another library owns; arrays made of it keep it, and with it the OrtValue."""

    def __init__(self, value: "ort.OrtValue") -> None:
        self.value = value
        self.__array_interface__ = {
            "version": 3,
            "data": (value.data_ptr(), False),
            "shape": tuple(value.shape()),
            "typestr": _TYPES[value.data_type()],
        }


_TYPES = {
    "tensor(float)": "<f4",
    "tensor(double)": "<f8",
    "tensor(int64)": "<i8",
    "tensor(int32)": "<i4",
    "tensor(uint8)": "|u1",
    "tensor(int8)": "|i1",
    "tensor(bool)": "|b1",
    "tensor(float16)": "<f2",
}
