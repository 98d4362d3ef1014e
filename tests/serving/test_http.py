"""The server over a real socket: answers as the session's, refusals with their status, metrics, an orderly end."""

import io
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bundled import RULES, Bundled, bundled
from s2dnas.arrays import Images
from s2dnas.data.decode import decode_for
from s2dnas.data.normalise import ChannelStats, normalise
from s2dnas.errors import SettingsError
from s2dnas.runtime import Bundle, Session, SessionAnswers
from s2dnas.serving import ServingLimits
from s2dnas.serving.http.app import ServingApp
from s2dnas.serving.picture import picture
from served import MODEL, Address, serving

STATS = ((0.5, 0.4, 0.3), (0.2, 0.3, 0.25))


@pytest.fixture(scope="module")
def net() -> Bundled:
    return bundled("residual")


@pytest.fixture(scope="module")
def session(net: Bundled) -> Session:
    """Says how files are normalised, too."""
    told = net.bundle.manifest.model_copy(update={"normalisation": STATS, "class_names": ("cat", "dog", "owl")})
    return Session(Bundle(net.bundle.folder, told))


@pytest.fixture(scope="module")
def server(session: Session) -> Iterator[Address]:
    with serving(session.bundle, session, batch=8, queue=64, deadline=30, relief_most=0.0) as address:
        yield address


def given(images: Images) -> dict[str, Any]:
    return {"name": "image", "datatype": "FP32", "shape": images.shape, "data": images.ravel().tolist()}


def outputs(reply: Any) -> dict[str, list[Any]]:
    return {output["name"]: output["data"] for output in reply["outputs"]}


def expected(answers: SessionAnswers) -> dict[str, list[Any]]:
    scores = answers.scores.astype(np.float32).tolist()
    stages = (answers.stages + 1).tolist()
    return {"label": answers.labels.tolist(), "score": scores, "stage": stages, "macs": answers.macs.tolist()}


@pytest.mark.parametrize("point", ["margin", "entropy", "surest", "predicted"])
def test_answers_are_the_sessions(server: Address, session: Session, net: Bundled, point: str) -> None:
    images = net.images[:5].numpy()
    reply = server.infer({"id": "7", "inputs": [given(images)], "parameters": {"point": point}})
    assert reply.status == 200
    assert outputs(reply.json) == expected(session(images, point))
    assert reply.json["id"] == "7"
    assert (reply.json["model_name"], reply.json["parameters"]) == ("net", {"point": point, "relief": 0.0})
    assert [output["shape"] for output in reply.json["outputs"]] == [[5, 1]] * 4


def test_many_clients_at_once_get_their_own_answers(server: Address, session: Session, net: Bundled) -> None:
    images = net.images.numpy()

    def ask(index: int) -> bool:
        some, point = images[[index % 16, (3 * index) % 16]], ("margin", "surest")[index % 2]
        reply = server.infer({"inputs": [given(some)], "parameters": {"point": point}})
        alone = [expected(session(some[[row]], point)) for row in (0, 1)]
        found = outputs(reply.json)
        close = np.allclose(found.pop("score"), [each.pop("score")[0] for each in alone], atol=1e-5)
        return close and found == {name: [each[name][0] for each in alone] for name in found}

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(80)))


def test_the_server_and_the_model_describe_themselves(server: Address) -> None:
    assert server.send("/v2").json["extensions"] == ["binary_tensor_data"]
    for path in ("/v2/health/live", "/v2/health/ready", f"{MODEL}/ready"):
        assert server.send(path).status == 200
    about = server.send(MODEL).json
    assert about["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 3, 8, 8]}]
    assert about["parameters"] == {"points": "margin,entropy,surest,predicted", "stages": 3}


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "said"),
    [
        ("/v2/models/other", None, {}, 404, "Not Found"),
        (f"{MODEL}/infer", None, {}, 405, "Method Not Allowed"),
        (f"{MODEL}/infer", b"{", {}, 400, "EOF"),
        (f"{MODEL}/infer", b"{}", {"Inference-Header-Content-Length": "3"}, 400, "the body has 2 bytes"),
        (f"{MODEL}/infer", b"{}", {"Inference-Header-Content-Length": "-1"}, 400, "must be a number of bytes"),
        (f"{MODEL}/infer", b"{}", {"Inference-Header-Content-Length": "9" * 5000}, 400, "must be a number of bytes"),
        (f"{MODEL}/infer", b"{}", {"Content-Encoding": "gzip"}, 415, "gzip"),
        (f"{MODEL}/infer", bytes(17_000_000), {}, 413, "larger than"),
        ("/picture", b"no image", {}, 400, "no image that can be read"),
        ("/picture", bytes(16_000_001), {}, 413, "larger than"),
        ("/picture?point=margn", b"", {}, 400, "no image"),
    ],
)
def test_wrong_requests_are_refused(
    server: Address, path: str, body: bytes | None, headers: dict[str, str], status: int, said: str
) -> None:
    reply = server.send(path, body, headers)
    assert (reply.status, reply.headers["content-type"]) == (status, "application/json")
    assert said in reply.json["error"]


def test_scores_that_are_not_finite_are_refused(net: Bundled, session: Session) -> None:
    def overflows(images: Images, point: str, /, *, thresholds: Sequence[float]) -> SessionAnswers:
        found = session(images, point, thresholds=thresholds)
        return SessionAnswers(found.labels, found.stages, found.scores * np.nan, found.macs)

    with serving(session.bundle, overflows) as address:
        reply = address.infer({"inputs": [given(net.images[:1].numpy())]})
    assert reply.status == 422
    assert "no finite score" in reply.json["error"]


@pytest.mark.parametrize(
    ("kind", "mode", "size"), [("PNG", "RGB", (40, 23)), ("JPEG", "L", (8, 8)), ("GIF", "P", (9, 9))]
)
def test_files_are_answered_as_by_the_network(
    server: Address, net: Bundled, kind: str, mode: str, size: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind)
    found = server.send("/picture?point=surest", file.getvalue()).json
    decoded = decode_for([{"bytes": file.getvalue()}], (3, 8, 8)).float() / 255
    answers = net.network.predict(normalise(decoded, ChannelStats(*STATS)), RULES["surest"])
    assert found["class"] == ("cat", "dog", "owl")[int(answers.labels)]
    assert (found["label"], found["stage"], found["stages"]) == (int(answers.labels), int(answers.stages) + 1, 3)
    assert found["score"] == pytest.approx(float(answers.scores), abs=1e-4)
    assert found["milliseconds"] > 0


def test_a_file_of_too_many_pixels_is_refused(server: Address) -> None:
    file = io.BytesIO()
    Image.new("1", (10_000, 5_001)).save(file, "PNG")
    reply = server.send("/picture", file.getvalue())
    assert reply.status == 413
    assert "more than 50000000" in reply.json["error"]


def test_files_need_to_be_told_how_they_are_normalised(net: Bundled) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    with serving(net.bundle, Session(net.bundle)) as address:
        reply = address.send("/picture", file.getvalue())
    assert reply.status == 422
    assert "does not say how images are normalised" in reply.json["error"]


def metrics(server: Address) -> dict[str, float]:
    lines = server.send("/metrics").body.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def test_metrics_count_exits_requests_and_latencies(net: Bundled, session: Session) -> None:
    images = net.images[:6].numpy()
    with serving(session.bundle, session) as address:
        for point in ("margin", "surest", "margin"):
            assert address.infer({"inputs": [given(images)], "parameters": {"point": point}}).status == 200
        assert address.infer({}).status == 400
        found = metrics(address)
    for point, times in (("margin", 2), ("surest", 1)):
        stages = (1 + session(images, point).stages).tolist()
        for stage in (1, 2, 3):
            name = f's2dnas_exits_total{{point="{point}",stage="{stage}"}}'
            assert found.get(name, 0) == times * stages.count(stage)
    assert found['s2dnas_requests_total{status="200"}'] == found["s2dnas_latency_seconds_count"] == 3
    assert found['s2dnas_requests_total{status="400"}'] == 1
    assert found["s2dnas_waiting_images"] == 0


class Held:
    """A session that answers when it is let."""

    def __init__(self, session: Session) -> None:
        self.session, self.entered, self.go = session, threading.Semaphore(0), threading.Event()

    def __call__(self, images: Images, point: str, /, *, thresholds: Sequence[float]) -> SessionAnswers:
        self.entered.release()
        assert self.go.wait(60)
        return self.session(images, point, thresholds=thresholds)


def test_a_full_queue_refuses_with_503_and_what_was_accepted_is_answered(net: Bundled, session: Session) -> None:
    held, request = Held(session), {"inputs": [given(net.images[:2].numpy())]}
    with (
        ThreadPoolExecutor(3) as pool,
        serving(session.bundle, held, batch=2, queue=4, deadline=60, relief_from=0.25) as address,
    ):
        accepted = [pool.submit(address.infer, request)]
        assert held.entered.acquire(timeout=60)
        accepted += [pool.submit(address.infer, request) for _ in range(2)]
        while metrics(address)["s2dnas_waiting_images"] < 4:
            pass
        refused = address.infer(request)
        assert refused.status == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert "4 of 4 images wait" in refused.json["error"]
        held.go.set()
        replies = [each.result(60) for each in accepted]
        assert [reply.status for reply in replies] == [200] * 3
        assert sorted(reply.json["parameters"]["relief"] for reply in replies) == [0.0, 0.0, 1.0]
        assert metrics(address)['s2dnas_relieved_total{relief="1"}'] == 2  # images


def test_past_its_deadline_a_request_gets_504_and_the_next_one_its_answer(net: Bundled, session: Session) -> None:
    held, request = Held(session), {"inputs": [given(net.images[:2].numpy())]}
    with serving(session.bundle, held, deadline=60) as address:
        assert address.infer({**request, "parameters": {"deadline_ms": 20}}).status == 504
        held.go.set()
        assert address.infer(request).status == 200


def test_what_the_session_raises_is_the_servers_fault(net: Bundled, session: Session) -> None:
    def fails(*_: object, **__: object) -> SessionAnswers:
        raise MemoryError("secret")

    with serving(session.bundle, fails) as address:
        reply = address.infer({"inputs": [given(net.images[:1].numpy())]})
        assert reply.status == 500
        assert "secret" not in reply.json["error"]
        assert address.send("/v2/health/live").status == 200


def test_a_body_that_does_not_come_is_given_up(session: Session) -> None:
    with (
        serving(session.bundle, session, deadline=0.05) as address,
        socket.create_connection(("127.0.0.1", address.port), timeout=60) as client,
    ):
        client.sendall(f"POST {MODEL}/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{{".encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 408")


def test_a_server_that_is_stopped_answers_what_it_accepted(net: Bundled, session: Session) -> None:
    held, request = Held(session), {"inputs": [given(net.images[:2].numpy())]}
    with ThreadPoolExecutor(4) as pool:
        with serving(session.bundle, held, batch=2, deadline=60) as address:
            accepted = [pool.submit(address.infer, request) for _ in range(4)]
            assert held.entered.acquire(timeout=60)
            while metrics(address)["s2dnas_waiting_images"] < 6:
                pass
            threading.Timer(0.2, held.go.set).start()  # while the server is stopping
        assert [each.result(0).status for each in accepted] == [200] * 4


def test_a_name_that_is_no_part_of_a_url_is_refused(session: Session) -> None:
    with pytest.raises(SettingsError, match="'a/b'"):
        ServingApp(session.bundle, session, name="a/b", limits=ServingLimits())


def test_the_page_needs_nothing_from_elsewhere(server: Address) -> None:
    page = server.send("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    text = page.body.decode()
    assert '"points": ["margin", "entropy", "surest", "predicted"]' in text
    assert not re.search(r"https?://", text)


def test_the_app_proper_is_small() -> None:
    source = Path(ServingApp.__init__.__code__.co_filename)
    assert len(source.read_text().splitlines()) < 200


def test_pixels_are_normalised_as_in_training(session: Session) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (255, 0, 51)).save(file, "PNG")
    found = picture(file.getvalue(), session.bundle.manifest)
    assert (found.shape, found.dtype) == ((1, 3, 8, 8), np.float32)
    assert found[0, :, 0, 0].tolist() == pytest.approx([(1 - 0.5) / 0.2, -0.4 / 0.3, (0.2 - 0.3) / 0.25])
