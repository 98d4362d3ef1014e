"""What a client in the field does: Triton's own one, and a tool that tries whatever the OpenAPI document allows."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from bundled import bundled
from s2dnas.runtime import Session
from served import MODEL, Address, serving

tritonhttp = pytest.importorskip("tritonclient.http", reason="needs tritonclient[http], of the group dev")
schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis, of the group dev")


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(bundled("residual").bundle)


@pytest.fixture(scope="module")
def server(session: Session) -> Iterator[Address]:
    with serving(session.bundle, session, batch=16, deadline=30, relief_most=0.0) as address:
        yield address


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_whatever_is_sent_the_answer_is_as_documented(server: Address, mode: str) -> None:
    """No 5xx, no status or body that the document does not know, and nothing accepted that it forbids.

    What it allows may be refused: it has no way to say that numbers must be as many as the shape says.
    """
    schema, tried = schemathesis.openapi.from_url(f"{server.url}/openapi.json"), set()
    excluded = [schemathesis.checks.CHECKS.get_one("positive_data_acceptance")]
    for operation in (found.ok() for found in schema.get_all_operations()):
        if mode == "negative" and operation.method == "get":
            continue  # takes nothing that could be wrong
        cases = operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode))

        @given(cases)
        @settings(max_examples=10, suppress_health_check=list(HealthCheck))
        def check(case: "schemathesis.Case") -> None:
            tried.add(case.path)
            case.call_and_validate(excluded_checks=excluded)

        check()
    assert f"{MODEL}/infer" in tried


@pytest.fixture
def client(server: Address) -> "Iterator[tritonhttp.InferenceServerClient]":
    with tritonhttp.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        yield client


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
@pytest.mark.parametrize("count", [1, 7])
def test_tritons_client_gets_the_sessions_answers(
    client: "tritonhttp.InferenceServerClient", session: Session, binary_in: bool, binary_out: bool, count: int
) -> None:
    images = bundled("residual").images[:count].numpy()
    given = tritonhttp.InferInput("image", images.shape, "FP32").set_data_from_numpy(images, binary_data=binary_in)
    wanted = [
        tritonhttp.InferRequestedOutput(name, binary_data=binary_out) for name in ("label", "score", "stage", "macs")
    ]
    found = client.infer("net", [given], outputs=wanted, parameters={"point": "surest"}, timeout=20_000_000)
    answers = session(images, "surest")
    assert found.as_numpy("label").tolist() == answers.labels[:, None].tolist()
    assert found.as_numpy("stage").tolist() == (answers.stages[:, None] + 1).tolist()
    assert found.as_numpy("macs").tolist() == answers.macs[:, None].tolist()
    assert np.array_equal(found.as_numpy("score"), answers.scores[:, None].astype(np.float32))
    kinds = [found.as_numpy(name).dtype for name in ("label", "score", "stage", "macs")]
    assert kinds == [np.int64, np.float32, np.int64, np.float64]


def test_tritons_client_gets_every_output_where_it_names_none(client: "tritonhttp.InferenceServerClient") -> None:
    images = bundled("residual").images[:2].numpy()
    given = tritonhttp.InferInput("image", images.shape, "FP32").set_data_from_numpy(images)
    found = client.infer("net", [given], request_id="a")
    assert found.get_response()["id"] == "a"
    assert found.as_numpy("label").shape == found.as_numpy("macs").shape == (2, 1)


def test_tritons_client_learns_of_server_and_model(client: "tritonhttp.InferenceServerClient") -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("net")
    assert not client.is_model_ready("other")
    assert client.get_server_metadata()["name"] == "s2dnas"
    assert [output["name"] for output in client.get_model_metadata("net")["outputs"]] == [
        "label",
        "score",
        "stage",
        "macs",
    ]


def test_tritons_client_learns_what_is_wrong(client: "tritonhttp.InferenceServerClient") -> None:
    given = tritonhttp.InferInput("image", [1, 3, 9, 8], "FP32").set_data_from_numpy(np.zeros((1, 3, 9, 8), np.float32))
    with pytest.raises(tritonhttp.InferenceServerException, match=r"images are \(N, 3, 8, 8\)") as refused:
        client.infer("net", [given])
    assert refused.value.status() == "422"


def test_the_example_of_the_page_on_serving_runs(server: Address) -> None:
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    here = {
        "127.0.0.1:8000": f"127.0.0.1:{server.port}",
        '"s2dnas"': '"net"',
        '"fast"': '"surest"',
        "3, 16, 16": "3, 8, 8",
    }
    for there, ours in here.items():
        assert there in code
        code = code.replace(there, ours)
    names: dict[str, Any] = {}
    exec(code, names)
    expected = Session(bundled("residual").bundle)(names["images"], "surest")
    assert names["labels"].tolist() == expected.labels[:, None].tolist()
    assert names["stages"].tolist() == (expected.stages + 1)[:, None].tolist()
    assert names["found"].get_response()["parameters"] == {"point": "surest", "relief": 0.0}
