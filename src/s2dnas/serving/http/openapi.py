"""What the server offers, as an OpenAPI document, with the sizes and names of its bundle."""

from typing import Any

from s2dnas.runtime.manifest import Manifest
from s2dnas.serving.limits import LONGEST, ServingLimits
from s2dnas.serving.protocol import OUTPUTS
from s2dnas.values import IMAGE
from s2dnas.version import __version__

MOST_FILE = 16_000_000
"""Bytes of an image file."""

_JSON_NUMBERS = {
    "type": "array",
    "description": "All numbers in one list, or nested as the shape says.",
    "items": {"anyOf": [{"type": "number"}, {"type": "array"}]},
}


def openapi(model: str, manifest: Manifest, limits: ServingLimits) -> dict[str, Any]:
    """OpenAPI 3.1 as plain values. Binary tensors are described in words: the format has no way to say them."""
    path = f"/v2/models/{model}"
    return {
        "openapi": "3.1.0",
        "info": {"title": f"s2dnas: {model}", "version": __version__},
        "paths": {
            "/": {"get": _get("A page to try images on", {"text/html": {"schema": {"type": "string"}}})},
            "/metrics": {"get": _get("For Prometheus", {"text/plain": {"schema": {"type": "string"}}})},
            "/v2": {"get": _get("The server", _json(_object(name=_STRING, version=_STRING)))},
            "/v2/health/live": {"get": _get("Whether it runs", _json(_object(live=_BOOLEAN)))},
            "/v2/health/ready": {"get": _get("Whether it answers", _json(_object(ready=_BOOLEAN)))},
            path: {"get": _get("The model", _json(_object(name=_STRING, inputs=_ARRAY, outputs=_ARRAY)))},
            f"{path}/ready": {"get": _get("Whether the model answers", _json(_object(ready=_BOOLEAN)))},
            f"{path}/infer": {"post": _infer(manifest, limits)},
            "/picture": {"post": _picture(manifest)},
        },
    }


_STRING, _BOOLEAN, _ARRAY, _NUMBER = ({"type": kind} for kind in ("string", "boolean", "array", "number"))


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _get(summary: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": summary, "content": content}}}


def _responses(answer: dict[str, Any]) -> dict[str, Any]:
    refusals = {
        "400": "The request cannot be read",
        "408": "The body did not arrive in time",
        "413": "The request is too large",
        "415": "The body is compressed",
        "422": "The request does not fit the model",
        "503": "The queue is full; Retry-After says in how many seconds there is room",
        "504": "The deadline has passed",
    }
    fault = _json(_object(error=_STRING))
    return {
        "200": {"description": "The answers", "content": answer},
        **{status: {"description": said, "content": fault} for status, said in refusals.items()},
    }


def _infer(manifest: Manifest, limits: ServingLimits) -> dict[str, Any]:
    channels, height, width = manifest.image_shape
    count = {"type": "integer", "minimum": 1, "maximum": limits.batch}
    sizes = [count, {"const": channels}, {"const": height}, {"const": width}]
    shape = {"type": "array", "prefixItems": sizes, "minItems": 4, "maxItems": 4}
    image = _closed(
        ["name", "datatype", "shape", "data"],
        name={"const": IMAGE},
        datatype={"const": "FP32"},
        shape=shape,
        data=_JSON_NUMBERS,
        parameters=_closed([]),
    )
    output = _closed(["name"], name={"enum": list(OUTPUTS)}, parameters=_closed([], binary_data={"const": False}))
    seconds = {"type": "number", "exclusiveMinimum": 0, "maximum": 1000 * LONGEST}
    asked = _closed(
        ["inputs"],
        id=_STRING,
        inputs={"type": "array", "items": image, "minItems": 1, "maxItems": 1},
        outputs={"type": "array", "items": output, "minItems": 1},
        parameters=_closed([], point={"enum": list(manifest.points)}, deadline_ms=seconds),
    )
    tensor = _object(name={"enum": list(OUTPUTS)}, datatype=_STRING, shape=_ARRAY, data=_ARRAY)
    answered = _object(model_name=_STRING, parameters=_object(point=_STRING, relief=_NUMBER), outputs=_ARRAY)
    answered["properties"]["outputs"] = {"type": "array", "items": tensor}
    return {
        "summary": "Answer images, normalised as in training",
        "description": "Binary tensors go both ways as in Triton's extension of the protocol: after the JSON, whose "
        "length Inference-Header-Content-Length says.",
        "requestBody": {"required": True, "content": _json(asked)},
        "responses": _responses(_json(answered)),
    }


def _picture(manifest: Manifest) -> dict[str, Any]:
    answer = _object(**{"class": _STRING}, score=_NUMBER, stage={"type": "integer"}, milliseconds=_NUMBER)
    point = {"name": "point", "in": "query", "schema": {"enum": list(manifest.points)}}
    return {
        "summary": "Answer one image file of any size",
        "parameters": [point],
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        "responses": _responses(_json(answer)),
    }
