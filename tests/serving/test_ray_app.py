"""A local Ray cluster of several processes, of which some are killed while requests come: nothing accepted is lost."""

import io
import json
import logging
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixed import mixed
from s2dnas.errors import DataError
from s2dnas.serving.ray_app import application

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 's2dnas[ray]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray uses what others deprecate; our part runs in other processes
]

APP = f"mixed-{os.getpid()}"
_log = logging.getLogger(__name__)

REPLICAS = {"stage_1": 2, "stage_2": 1, "stage_3": 1, "ingress": 1}


@pytest.fixture(scope="module")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def handle(port: int) -> Iterator[Any]:
    from ray import serve

    ray.init(num_cpus=5, object_store_memory=200_000_000, include_dashboard=False, log_to_driver=False)
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        yield serve.run(application(mixed().bundle.folder, replicas=(2, 1, 1)), name=APP)
    finally:
        serve.shutdown()
        ray.shutdown()


def processes(deployment: str) -> list[int]:
    """The replicas of a deployment, which have it in their titles."""
    title, found = f"ray::ServeReplica:{APP}:{deployment}", []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(title.encode()):
                found.append(int(path.parent.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


def agree(rows: Any, found: Any) -> None:
    mixed().equals(found, np.array(rows, np.int64))


def test_each_stage_has_its_processes(handle: Any) -> None:
    agree(range(64), handle.answer.remote(mixed().images).result(timeout_s=60))
    assert {name: len(processes(name)) for name in REPLICAS} == REPLICAS


@pytest.mark.parametrize("stage", ["stage_1", "stage_2", "stage_3"])
def test_a_killed_replica_loses_nothing_that_was_accepted(handle: Any, stage: str) -> None:
    rng, images = np.random.default_rng(0), mixed().images
    before, repeated = processes(stage), handle.repeated.remote().result(timeout_s=60)
    requests = [rng.integers(0, 64, rng.integers(1, 24)) for _ in range(400)]
    asked = []
    for number, rows in enumerate(requests):
        asked.append(handle.answer.remote(images[rows]))
        if number == 200:
            asked[0].result(timeout_s=60)
            os.kill(before[0], signal.SIGKILL)
        time.sleep(0.002)
    for rows, response in zip(requests, asked, strict=True):
        agree(rows, response.result(timeout_s=120))
    lost = handle.repeated.remote().result(timeout_s=60) - repeated
    _log.info("%s: killed; %d images answered, %d had started again", stage, sum(map(len, requests)), lost)
    assert lost > 0
    until = time.monotonic() + 60
    while len(processes(stage)) < REPLICAS[stage] and time.monotonic() < until:
        time.sleep(0.2)
    assert len(set(processes(stage)) - set(before)) == 1


def test_images_of_another_type_are_refused(handle: Any) -> None:
    with pytest.raises(DataError, match="float64"):
        handle.answer.remote(mixed().images.astype(np.float64)).result(timeout_s=60)


def posted(port: int, body: bytes) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", body, timeout=60) as response:
        return json.load(response)


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.usefixtures("handle")
def test_requests_come_over_http_as_well(port: int) -> None:
    found, answers = posted(port, npy(mixed().images)), mixed().answers
    assert found["label"] == answers.labels.tolist()
    assert found["stage"] == (answers.stages + 1).tolist()
    assert found["macs"] == answers.macs.tolist()
    assert found["score"] == pytest.approx(answers.scores.tolist(), abs=1e-5)
    for body in (b"", b"what", npy(np.zeros((1, 3, 8, 8))), npy(mixed().images)[:-1]):
        with pytest.raises(urllib.error.HTTPError) as refused:
            posted(port, body)
        assert refused.value.code == 400
        assert json.load(refused.value)["error"]
