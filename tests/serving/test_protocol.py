"""Requests are read as they were meant, or refused with what is wrong; never something in between."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bundled import bundled
from s2dnas.arrays import Images
from s2dnas.serving.protocol import InferenceRequest, parse_request
from s2dnas.serving.refusals import RequestError

SHAPE = (3, 8, 8)
MOST = 4
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
BATCHES = st.integers(1, MOST).flatmap(lambda count: arrays(np.float32, (count, *SHAPE), elements=FINITE, fill=FINITE))


def read(body: bytes, json_length: int | None = None) -> InferenceRequest:
    return parse_request(body, json_length, bundled("residual").bundle.manifest, MOST)


def image_input(**changes: Any) -> dict[str, Any]:
    plain = {"name": "image", "datatype": "FP32", "shape": [1, *SHAPE], "data": [0.5] * 192}
    return {name: value for name, value in {**plain, **changes}.items() if value is not None}


def request(*inputs: Any, **changes: Any) -> bytes:
    return json.dumps({"inputs": list(inputs) or [image_input()], **changes}).encode()


def binary(images: Images, size: int | None = None, **changes: Any) -> tuple[bytes, int]:
    """A request with its tensor after the JSON, and the length of the JSON."""
    parameters = {"binary_data_size": images.nbytes if size is None else size}
    head = request(image_input(data=None, shape=images.shape, parameters=parameters), **changes)
    return head + images.astype("<f4").tobytes(), len(head)


@given(BATCHES, st.booleans())
@settings(max_examples=20)
def test_numbers_in_json_are_taken_as_they_are(images: Images, nested: bool) -> None:
    data = images.tolist() if nested else images.ravel().tolist()
    found = read(request(image_input(shape=images.shape, data=data)))
    assert np.array_equal(found.images, images)
    assert found.images.dtype == np.float32


@given(BATCHES, st.text(max_size=9))
@settings(max_examples=20)
def test_binary_tensors_are_taken_as_they_are(images: Images, name: str) -> None:
    found = read(*binary(images, id=name))  # the name moves the tensor to odd addresses
    assert np.array_equal(found.images, images)
    assert found.images.flags.aligned
    assert found.id == name


@given(BATCHES, st.data())
@settings(max_examples=50)
def test_damaged_binary_requests_are_refused_or_say_what_they_say(images: Images, data: st.DataObject) -> None:
    body, length = binary(images)
    damaged = bytearray(body)
    match data.draw(st.sampled_from(["cut", "longer", "header", "byte", "size"])):
        case "cut":
            damaged = damaged[: data.draw(st.integers(0, len(body) - 1))]
        case "longer":
            damaged += data.draw(st.binary(min_size=1, max_size=8))
        case "header":
            length = data.draw(st.integers(0, len(body) + 9).filter(lambda found: found != length))
        case "size":
            wrong = data.draw(st.integers(0, 2**63).filter(lambda size: size != images.nbytes))
            body, length = binary(images, wrong)
            damaged = bytearray(body)
        case "byte":
            place = data.draw(st.integers(length, len(body) - 1))
            damaged[place] = data.draw(st.integers(0, 255))
            meant = np.frombuffer(bytes(damaged), "<f4", offset=length).reshape(images.shape)
            if np.isfinite(meant).all():
                assert np.array_equal(read(bytes(damaged), length).images, meant)
                return
    with pytest.raises(RequestError):
        read(bytes(damaged), length)


@given(st.binary(max_size=300), st.none() | st.integers(0, 400))
def test_any_bytes_are_refused(body: bytes, length: int | None) -> None:
    with pytest.raises(RequestError):
        read(body, length)


def test_what_is_not_said_is_filled_in() -> None:
    found = read(request())
    assert (found.id, found.point, found.deadline) == ("", "margin", None)
    assert found.outputs == dict.fromkeys(("label", "score", "stage", "macs"), False)


@pytest.mark.parametrize(
    ("parameters", "seconds"),
    [({"deadline_ms": 250}, 0.25), ({"deadline_ms": 0.5}, 0.0005), ({"timeout": 2000}, 0.002)],
)
def test_deadlines_are_milliseconds_or_as_triton_has_them(parameters: dict[str, Any], seconds: float) -> None:
    assert read(request(parameters=parameters)).deadline == seconds


def test_outputs_come_as_they_were_asked_for() -> None:
    asked = [{"name": "stage"}, {"name": "label", "parameters": {"binary_data": False}}]
    assert read(request(outputs=asked, parameters={"binary_data_output": True})).outputs == {
        "stage": True,
        "label": False,
    }
    assert read(request(parameters={"binary_data_output": True})).outputs["score"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "EOF"),
        (b"\xff{}", 400, "JSON"),
        (b"[" * 100_000, 400, "JSON"),
        (b"{}", 400, "inputs: Field required"),
        (request(inputs=[]), 400, "inputs"),
        (request(image_input(), image_input()), 400, "inputs"),
        (request(image_input(name="picture")), 400, "inputs.0.name"),
        (request(image_input(datatype="FP64")), 400, "inputs.0.datatype"),
        (request(image_input(shape=["1", *SHAPE])), 400, "inputs.0.shape.0"),
        (request(image_input(shape=[0, *SHAPE], data=[])), 400, "inputs.0.shape.0"),
        (request(image_input(shape=[3, 8, 8])), 400, "inputs.0.shape"),
        (request(image_input(shape=[1, 3, 8, 9])), 422, r"images are \(N, 3, 8, 8\), not \(1, 3, 8, 9\)"),
        (request(image_input(shape=[5, *SHAPE])), 422, "at most 4 images, not 5"),
        (request(image_input(shape=[10**40, *SHAPE])), 422, "at most 4 images"),
        (request(image_input(data=[0.5] * 191)), 422, "does not have the shape"),
        (request(image_input(data=[[0.5] * 192])), 400, "data"),
        (request(image_input(data=[[[[0.5] * 8] * 8] * 2 + [[[0.5] * 8] * 7]])), 422, "does not have the shape"),
        (request(image_input(data=[[[[0.5] * 8] * 4] * 6])), 422, "does not have the shape"),
        (request(image_input(data=["0.5"] * 192)), 400, "data.0"),
        (request(image_input(data=[True] * 192)), 400, "data.0"),
        (request(image_input(data=[None] * 192)), 400, "data.0"),
        (request(image_input(data=[1e39] * 192)), 422, "not finite"),
        (request(image_input(data=[float("nan")] * 192)), 422, "not finite"),
        (request(image_input(data=[10**400] * 192)), 400, "data"),
        (request(image_input(data=None)), 400, "either as data or as binary_data_size"),
        (request(image_input(parameters={"binary_data_size": 768})), 400, "either as data or as binary_data_size"),
        (request(image_input(parameters={"shared_memory_region": "x"})), 400, "shared_memory_region"),
        (request(parameters={"point": "margn"}), 422, "did you mean 'margin'"),
        (request(parameters={"pint": "margin"}), 400, "parameters.pint"),
        (request(parameters={"deadline_ms": 0}), 400, "deadline_ms"),
        (request(parameters={"deadline_ms": "5"}), 400, "deadline_ms"),
        (request(parameters={"deadline_ms": 5, "timeout": 5}), 400, "give one"),
        (request(outputs=[]), 400, "outputs"),
        (request(outputs=[{"name": "logits"}]), 400, "outputs.0.name"),
        (request(outputs=[{"name": "label"}, {"name": "label"}]), 400, "asked for twice"),
        (request(outputs=[{"name": "label", "parameters": {"classification": 2}}]), 400, "classification"),
    ],
)
def test_wrong_requests_are_refused_with_their_fault(body: bytes, status: int, said: str) -> None:
    with pytest.raises(RequestError, match=said) as refused:
        read(body)
    assert refused.value.status == status


def test_bytes_that_nothing_names_are_refused() -> None:
    head = request()
    with pytest.raises(RequestError, match="768 bytes follow the JSON"):
        read(head + bytes(768), len(head))
