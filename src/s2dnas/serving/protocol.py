"""Requests of the Open Inference Protocol v2, read: JSON, with the images in it or in binary after it.

The protocol is at https://github.com/kserve/open-inference-protocol; binary tensors are Triton's extension of it.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from s2dnas.arrays import Images
from s2dnas.errors import nearest
from s2dnas.records import Record, faults_of
from s2dnas.runtime.manifest import Manifest
from s2dnas.serving.limits import LONGEST
from s2dnas.serving.refusals import RequestError

OUTPUTS = {"label": "INT64", "score": "FP32", "stage": "INT64", "macs": "FP64"}
"""What there is for each image, (N, 1): ``stage`` counts from 1, ``score`` is from 0 to 1."""


class _Strict(Record):
    model_config = ConfigDict(strict=True)


class _InputParameters(_Strict):
    binary_data_size: Annotated[int, Field(ge=0)] | None = None


class _Input(_Strict):
    name: Literal["image"]
    datatype: Literal["FP32"]
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=4, max_length=4)]
    parameters: _InputParameters = _InputParameters()
    data: list[Any] | None = None


class _OutputParameters(_Strict):
    binary_data: bool | None = None


class _Output(_Strict):
    name: Literal["label", "score", "stage", "macs"]
    parameters: _OutputParameters = _OutputParameters()


class _Parameters(_Strict):
    point: str | None = None
    deadline_ms: Annotated[float, Field(gt=0, le=1000 * LONGEST)] | None = None
    timeout: Annotated[int, Field(gt=0, le=1_000_000 * int(LONGEST))] | None = None
    binary_data_output: bool = False


class _Inference(_Strict):
    id: str = ""
    parameters: _Parameters = _Parameters()
    inputs: Annotated[list[_Input], Field(min_length=1, max_length=1)]
    outputs: Annotated[list[_Output], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _asks_once(self) -> "_Inference":
        names = [output.name for output in self.outputs or ()]
        if len(set(names)) < len(names):
            raise ValueError("an output is asked for twice")
        if self.parameters.deadline_ms is not None and self.parameters.timeout is not None:
            raise ValueError("deadline_ms and timeout both name a deadline; give one")
        return self


@dataclass(frozen=True, eq=False)
class InferenceRequest:
    """Images (N, C, H, W), an operating point, seconds until the deadline, None where none is named, and outputs.

    ``outputs`` says of each output that is wanted whether it is to come in binary.
    """

    id: str
    images: Images
    point: str
    deadline: float | None
    outputs: dict[str, bool]


def parse_request(body: bytes, json_length: int | None, manifest: Manifest, most: int) -> InferenceRequest:
    """Read a request of at most ``most`` images; its JSON are the first ``json_length`` bytes, all of them for None.

    Raises RequestError, with what is wrong and where.
    """
    end = len(body) if json_length is None else json_length
    if not 0 <= end <= len(body):
        raise RequestError(f"Inference-Header-Content-Length is {end}, the body has {len(body)} bytes")
    try:
        found = _Inference.model_validate_json(body[:end])
    except ValidationError as error:
        raise RequestError(faults_of(error)[0]) from error
    images = _images(found.inputs[0], memoryview(body)[end:], manifest, most)
    points, point = manifest.points, found.parameters.point
    if point is not None and point not in points:
        raise RequestError(f"there is no operating point {point!r}{nearest(point, points)}", 422)
    return InferenceRequest(
        found.id,
        images,
        next(iter(points)) if point is None else point,
        _deadline(found.parameters),
        _outputs(found),
    )


def _outputs(found: _Inference) -> dict[str, bool]:
    binary = found.parameters.binary_data_output
    if found.outputs is None:
        return dict.fromkeys(OUTPUTS, binary)
    asked = {output.name: output.parameters.binary_data for output in found.outputs}
    return {name: binary if own is None else own for name, own in asked.items()}


def _deadline(parameters: _Parameters) -> float | None:
    if parameters.deadline_ms is not None:
        return parameters.deadline_ms / 1e3
    return None if parameters.timeout is None else parameters.timeout / 1e6


def _images(given: _Input, binary: memoryview, manifest: Manifest, most: int) -> Images:
    shape, wanted = tuple(given.shape), manifest.image_shape
    if shape[1:] != wanted:
        raise RequestError(f"inputs.0.shape: images are (N, {', '.join(map(str, wanted))}), not {shape}", 422)
    if shape[0] > most:
        raise RequestError(f"inputs.0.shape: a request holds at most {most} images, not {shape[0]}; send several", 422)
    size = given.parameters.binary_data_size
    if (size is None) == (given.data is None):
        raise RequestError("inputs.0: give the images either as data or as binary_data_size bytes after the JSON")
    if size is None:
        if len(binary):
            raise RequestError(f"{len(binary)} bytes follow the JSON, and binary_data_size names none")
        images = _numbers(given.data or [], shape)
    else:
        images = _tensor(binary, size, shape)
    if not np.isfinite(images).all():
        raise RequestError("inputs.0: images hold a value that is not finite as FP32", 422)
    return images


def _tensor(binary: memoryview, size: int, shape: tuple[int, ...]) -> Images:
    if not len(binary) == size == 4 * math.prod(shape):
        raise RequestError(
            f"inputs.0: FP32 of shape {shape} are {4 * math.prod(shape)} bytes; binary_data_size is {size}, "
            f"and {len(binary)} bytes follow the JSON"
        )
    return np.require(np.frombuffer(binary, np.dtype("<f4")).reshape(shape), np.float32, "A")


_FLAT = TypeAdapter(list[float], config=ConfigDict(strict=True))
_NESTED = TypeAdapter(list[list[list[list[float]]]], config=ConfigDict(strict=True))


def _numbers(data: list[Any], shape: tuple[int, ...]) -> Images:
    nested = bool(data) and isinstance(data[0], list)
    try:
        with np.errstate(over="ignore"):
            images = np.array((_NESTED if nested else _FLAT).validate_python(data), np.float64).astype(np.float32)
    except ValidationError as error:
        raise RequestError(f"inputs.0.data.{faults_of(error)[0]}") from error
    except ValueError as error:  # lists of unequal length
        raise RequestError(f"inputs.0.data does not have the shape {shape}", 422) from error
    if images.shape != shape and (nested or images.size != math.prod(shape)):
        raise RequestError(f"inputs.0.data does not have the shape {shape}", 422)
    return images.reshape(shape)
