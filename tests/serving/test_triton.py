"""The model repository for Triton: what is in it, and that a real Triton answers with it as the session does."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundled import bundled
from command import s2dnas
from s2dnas.errors import ArtifactError, SettingsError
from s2dnas.runtime import Bundle, Session
from s2dnas.serving.triton import TritonSettings, write_repository


def test_a_repository_holds_model_configuration_and_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    net = bundled("residual")
    options = [
        "--name",
        "net",
        "--batch",
        "8",
        "--queue",
        "50",
        "--delay",
        "2",
        "--deadline",
        "300",
        "--instances",
        "2",
    ]
    assert s2dnas(monkeypatch, "triton", str(net.bundle.folder), "--out", str(tmp_path), *options) == 0
    assert "tritonserver --model-repository=" in capsys.readouterr().out
    model = tmp_path / "net"
    copied = Bundle.opened(model / "1" / "bundle")
    assert copied.manifest == net.bundle.manifest
    images = net.images[:4].numpy()
    assert Session(copied)(images).labels.tolist() == Session(net.bundle)(images).labels.tolist()
    compile((model / "1" / "model.py").read_text(), "model.py", "exec")
    config = (model / "config.pbtxt").read_text()
    for line in (
        'name: "net"',
        "max_batch_size: 8",
        "dims: [3, 8, 8]",
        "count: 2",
        "max_queue_delay_microseconds: 2000",
        "default_timeout_microseconds: 300000",
        "max_queue_size: 50",
    ):
        assert line in config


def test_a_model_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    whole = bundled("residual").bundle
    write_repository(whole, tmp_path, TritonSettings("net"))
    without_static = Bundle(whole.folder, whole.manifest.model_copy(update={"static": None}))
    write_repository(without_static, tmp_path, TritonSettings("net"))
    found = Bundle.opened(tmp_path / "net" / "1" / "bundle")
    assert found.manifest == without_static.manifest
    assert {path.name for path in found.folder.iterdir()} == {"manifest.json", *(f.file for f in found.manifest.files)}
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_a_damaged_bundle_leaves_the_model_before(tmp_path: Path) -> None:
    repository, whole = tmp_path / "repository", bundled("residual").bundle
    write_repository(whole, repository, TritonSettings("net"))
    damaged = shutil.copytree(whole.folder, tmp_path / "bundle")
    next(damaged.glob("stage1-*.onnx")).write_bytes(b"")
    with pytest.raises(ArtifactError, match="not what was exported"):
        write_repository(damaged, repository, TritonSettings("net"))
    assert Session(repository / "net" / "1" / "bundle").num_stages == 3
    assert [path.name for path in repository.iterdir()] == ["net"]


@pytest.mark.parametrize("wrong", [{"name": "a/b"}, {"batch": 0}, {"queue": 0}, {"instances": 0}, {"deadline": 0}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        TritonSettings(**wrong)


def free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The ports of requests and of metrics of a real server, from the wheel of nvidia-pytriton."""
    found = find_spec("pytriton")
    if found is None or found.origin is None:
        pytest.skip("needs a Triton server: pip install --no-deps nvidia-pytriton")
    pytest.importorskip("tritonclient.http", reason="needs tritonclient[http], of the group dev")
    home, folder = Path(found.origin).parent, tmp_path_factory.mktemp("triton")
    server, python = home / "tritonserver", f"{sys.version_info.major}.{sys.version_info.minor}"
    # The wheel holds the backend and, elsewhere, the process that it starts, for each version of Python.
    shutil.copytree(server / "backends" / "python", folder / "backends" / "python")
    stub = folder / "backends" / "python" / "triton_python_backend_stub"
    shutil.copy(server / "python_backend_stubs" / python / stub.name, stub)
    stub.chmod(0o755)
    repository = folder / "repository"
    write_repository(bundled("residual").bundle, repository, TritonSettings("net", batch=8, queue=4, delay=0.05))
    http, metrics = free_ports(2)
    command = [server / "bin" / "tritonserver", f"--model-repository={repository}"]
    command += [f"--backend-directory={folder / 'backends'}", "--http-address=127.0.0.1", "--allow-grpc=false"]
    command += [f"--http-port={http}", f"--metrics-port={metrics}", "--metrics-address=127.0.0.1"]
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LD_LIBRARY_PATH": str(home.parent / "nvidia_pytriton.libs"),
    }
    log = folder / "log"
    with log.open("w") as file, subprocess.Popen(command, env=environment, stdout=file, stderr=file) as process:
        while process.poll() is None and not answers(f"http://127.0.0.1:{http}/v2/health/ready"):
            time.sleep(0.1)
        assert process.poll() is None, log.read_text()
        yield http, metrics
        process.terminate()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


@pytest.fixture
def client(triton: tuple[int, int]) -> Iterator[Any]:
    from tritonclient.http import InferenceServerClient

    with InferenceServerClient(f"127.0.0.1:{triton[0]}", concurrency=8) as client:
        yield client


def image_input(images: np.ndarray[Any, np.dtype[np.float32]]) -> Any:
    from tritonclient.http import InferInput

    return InferInput("image", images.shape, "FP32").set_data_from_numpy(images)


@pytest.mark.slow
@pytest.mark.parametrize("point", ["margin", "entropy", "surest", "predicted"])
def test_triton_answers_as_the_session_does(client: Any, point: str) -> None:
    session = Session(bundled("residual").bundle)
    for count in (1, 3, 8):
        images = bundled("residual").images[:count].numpy()
        found = client.infer("net", [image_input(images)], parameters={"point": point})
        answers = session(images, point)
        assert found.as_numpy("label").tolist() == answers.labels[:, None].tolist()
        assert found.as_numpy("stage").tolist() == (answers.stages[:, None] + 1).tolist()
        assert found.as_numpy("macs").tolist() == answers.macs[:, None].tolist()
        np.testing.assert_allclose(found.as_numpy("score")[:, 0], answers.scores, atol=1e-5)


@pytest.mark.slow
def test_triton_joins_requests_of_several_points(client: Any) -> None:
    session, images = Session(bundled("residual").bundle), bundled("residual").images.numpy()
    points = ["margin", "surest", "margin"]
    sent = [
        client.async_infer("net", [image_input(images[[index]])], parameters={"point": point})
        for index, point in enumerate(points)
    ]
    for index, (point, request) in enumerate(zip(points, sent, strict=True)):
        found, answers = request.get_result(), session(images[[index]], point)
        assert found.as_numpy("label").tolist() == [answers.labels.tolist()]
        assert found.as_numpy("stage").tolist() == [(answers.stages + 1).tolist()]
    statistics = client.get_inference_statistics("net")["model_stats"][0]
    assert statistics["execution_count"] < statistics["inference_count"]


@pytest.mark.slow
def test_triton_refuses_what_is_wrong_late_or_too_much(client: Any) -> None:
    from tritonclient.utils import InferenceServerException

    images = bundled("residual").images[:1].numpy()
    with pytest.raises(InferenceServerException, match="did you mean 'margin'"):
        client.infer("net", [image_input(images)], parameters={"point": "margn"})
    with pytest.raises(InferenceServerException, match="not finite"):
        client.infer("net", [image_input(images * np.float32(np.nan))])
    with pytest.raises(InferenceServerException, match="timeout expired"):
        client.infer("net", [image_input(images)], timeout=1)  # it waits 50 ms for a fuller batch
    with pytest.raises(InferenceServerException, match="unexpected shape"):
        client.infer("net", [image_input(np.zeros((1, 3, 9, 8), np.float32))])
    sent = [client.async_infer("net", [image_input(images)]) for _ in range(7)]  # 4 may wait
    said = [refusal(request) for request in sent]
    assert said.count(None) >= 4
    assert all("maximum queue size" in each for each in said if each is not None)


def refusal(request: Any) -> str | None:
    from tritonclient.utils import InferenceServerException

    try:
        request.get_result()
    except InferenceServerException as error:
        return str(error)
    return None


@pytest.mark.slow
def test_tritons_metrics_count_exits(client: Any, triton: tuple[int, int]) -> None:
    images = bundled("residual").images[:8].numpy()
    before = exits(triton[1])
    client.infer("net", [image_input(images)], parameters={"point": "predicted"})
    stages = Session(bundled("residual").bundle)(images, "predicted").stages.tolist()
    after = exits(triton[1])
    for stage in set(stages):
        name = f's2dnas_exits{{point="predicted",stage="{stage + 1}"}}'
        assert after[name] - before.get(name, 0) == stages.count(stage)


def exits(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
        lines = reply.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[:6] == "s2dnas")}
