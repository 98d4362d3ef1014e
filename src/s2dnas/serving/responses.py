"""Answers in the Open Inference Protocol v2, as JSON or, where it was asked for, with tensors in binary after it."""

import json
from typing import Any

import numpy.typing as npt

from s2dnas.runtime import SessionAnswers
from s2dnas.runtime.manifest import Manifest
from s2dnas.serving.protocol import OUTPUTS, InferenceRequest
from s2dnas.serving.served import ServedAnswers
from s2dnas.values import IMAGE

_TYPES = {"INT64": "<i8", "FP32": "<f4", "FP64": "<f8"}


def output_arrays(answers: SessionAnswers) -> dict[str, npt.NDArray[Any]]:
    """What a client gets of answers, each (N, 1)."""
    values = {"label": answers.labels, "score": answers.scores, "stage": answers.stages + 1, "macs": answers.macs}
    return {name: values[name].astype(_TYPES[kind])[:, None] for name, kind in OUTPUTS.items()}


def response(model: str, request: InferenceRequest, served: ServedAnswers) -> tuple[bytes, int | None]:
    """The body, and how many of its bytes are JSON, None for all of them."""
    arrays, outputs, binaries = output_arrays(served.answers), [], []
    for name, binary in request.outputs.items():
        output: dict[str, Any] = {"name": name, "datatype": OUTPUTS[name], "shape": arrays[name].shape}
        if binary:
            binaries.append(arrays[name].tobytes())
            output["parameters"] = {"binary_data_size": len(binaries[-1])}
        else:
            output["data"] = arrays[name].ravel().tolist()
        outputs.append(output)
    head = {
        "model_name": model,
        "model_version": "1",
        **({"id": request.id} if request.id else {}),
        "parameters": {"point": served.point, "relief": served.relief},
        "outputs": outputs,
    }
    text = json.dumps(head, allow_nan=False, separators=(",", ":")).encode()
    return b"".join([text, *binaries]), len(text) if binaries else None


def metadata(model: str, manifest: Manifest) -> dict[str, Any]:
    """What the protocol says of a model; N is -1."""
    return {
        "name": model,
        "versions": ["1"],
        "platform": "s2dnas_onnxruntime",
        "inputs": [{"name": IMAGE, "datatype": "FP32", "shape": [-1, *manifest.image_shape]}],
        "outputs": [{"name": name, "datatype": kind, "shape": [-1, 1]} for name, kind in OUTPUTS.items()],
        "parameters": {"points": ",".join(manifest.points), "stages": len(manifest.stages)},
    }
