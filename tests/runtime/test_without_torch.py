"""A bundle runs in an environment that holds no torch, and is small."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from bundled import RULES, bundled

ROOT = Path(__file__).parents[2]
MEGABYTES = 200
ANSWER = """
import sys
from importlib.util import find_spec
import numpy as np
from s2dnas.runtime import Joined, Session
assert find_spec("torch") is None
session, images = Session(sys.argv[1]), np.load(sys.argv[2])
(joined,) = Joined(session, "margin").stream([images])
assert joined.labels.tolist() == session(images, "margin").labels.tolist()
print(session.engine, session(images, "margin").labels.tolist())
"""


def run(*command: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_bundle_runs_where_there_is_no_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["runtime"]
    assert run(sys.executable, "-m", "venv", tmp_path / "venv").returncode == 0
    python = tmp_path / "venv" / "bin" / "python"
    if run(python, "-m", "pip", "download", "--no-deps", "--dest", tmp_path / "probe", "hatchling").returncode:
        pytest.skip("no package index can be reached")
    for what in (["--no-deps", ROOT], needed):
        done = run(python, "-m", "pip", "install", "--quiet", *what)
        assert done.returncode == 0, done.stderr
    net = bundled("residual")
    np.save(tmp_path / "images.npy", net.images.numpy())
    monkeypatch.setenv("S2DNAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    done = run(python, "-c", ANSWER, net.bundle.folder, tmp_path / "images.npy")
    assert done.returncode == 0, done.stderr
    expected = net.network.predict(net.images, RULES["margin"]).labels.tolist()
    assert done.stdout == f"onnxruntime {expected}\n"
    size = sum(path.stat().st_size for path in (tmp_path / "venv").rglob("*") if path.is_file())
    assert size < MEGABYTES * 2**20, f"{size / 2**20:.0f} MiB"
