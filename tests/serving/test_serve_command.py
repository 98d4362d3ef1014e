"""``s2dnas serve`` as a process: it says where it is, answers, and ends with nothing left open."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bundled import bundled
from command import s2dnas
from s2dnas.runtime import Session
from served import Address

START = [sys.executable, "-c", "from s2dnas.cli import main; main()", "serve"]


@contextmanager
def served(*options: str) -> Iterator[tuple["subprocess.Popen[str]", Address]]:
    """The command on a free port."""
    command = [*START, str(bundled("residual").bundle.folder), "--port", "0", "--name", "net", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            found = re.fullmatch(r"serving at http://127\.0\.0\.1:(\d+)\n", said)
            assert found, said
            yield process, Address(int(found[1]))
        finally:
            process.kill()


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_what_it_accepted_when_it_is_stopped(number: signal.Signals) -> None:
    images = bundled("residual").images[:3].numpy()
    given: dict[str, Any] = {
        "name": "image",
        "datatype": "FP32",
        "shape": images.shape,
        "data": images.ravel().tolist(),
    }
    body = json.dumps({"inputs": [given]}).encode()
    with served("--deadline", "30000") as (process, address):
        assert address.infer({"inputs": [given]}).status == 200
        with socket.create_connection(("127.0.0.1", address.port), timeout=60) as client:
            head = f"POST /v2/models/net/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body[:-1])
            address.send("/metrics")  # a later connection: by its answer the server knows the one above
            process.send_signal(number)
            while accepts(address):
                pass
            client.sendall(body[-1:])
            reply = client.makefile("rb").read()
        assert reply.startswith(b"HTTP/1.1 200")
        labels = json.loads(reply.partition(b"\r\n\r\n")[2])["outputs"][0]["data"]
        assert labels == Session(bundled("residual").bundle)(images).labels.tolist()
        assert ended(process) == (0, "stopped; what was accepted is answered\n", "")


def accepts(address: Address) -> bool:
    try:
        socket.create_connection(("127.0.0.1", address.port), timeout=60).close()
    except ConnectionError:
        return False
    return True


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--batch", "9", "--queue", "8"], "queue must be at least the batch of 9, not 8"),
        (["--deadline", "0"], "deadline must be above 0"),
        (["--name", "a/b"], "'a/b'"),
        (["--host", "256.0.0.1"], "256.0.0.1:8000 cannot be listened on"),
    ],
)
def test_what_makes_no_sense_is_refused_before_it_starts(
    options: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert s2dnas(monkeypatch, "serve", str(bundled("residual").bundle.folder), *options) == 1
    found = capsys.readouterr()
    assert said in found.err
    assert "Traceback" not in found.err
    assert found.out == ""


def test_a_folder_that_is_no_bundle_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert s2dnas(monkeypatch, "serve", str(tmp_path)) == 1
    assert "is no bundle" in capsys.readouterr().err


def test_no_torch_is_loaded_to_serve() -> None:
    code = (
        "import sys, s2dnas.cli.commands, s2dnas.serving.server, s2dnas.serving.http.app, s2dnas.serving.triton_model"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nprint('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert done.stdout == "False\n", done.stderr
