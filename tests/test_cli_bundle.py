"""The commands that make a bundle of a saved network, and answer image files with it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from command import s2dnas
from oracle import subject
from s2dnas.exits import ExitRule
from s2dnas.runtime import Bundle
from s2dnas.saving.loading import load
from s2dnas.saving.writing import save
from s2dnas.space.division import search_space
from s2dnas.space.plan import Plan
from s2dnas.staged.build import build

RULES = {"some": ExitRule("margin", (0.0155,)), "always": ExitRule("margin", (0.0,))}


def make() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 3)).eval(), torch.ones(1, 3, 8, 8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a saved network, its bundle and some pictures."""
    folder = tmp_path_factory.mktemp("run")
    graph = subject(make).graph
    network, static = build(graph, search_space(graph, 2, 2).uniform()), build(graph, Plan(1, {}, {}))
    stats = ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    save(network, RULES, folder / "network", class_names=["cat", "dog", "owl"], normalisation=stats, static=static)
    for number in range(12):
        noise = torch.randint(256, (9, 7, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(number))
        Image.fromarray(noise.numpy()).save(folder / f"{number}.png")
    with pytest.MonkeyPatch.context() as patch:
        assert s2dnas(patch, "export", str(folder / "network")) == 0
    return folder


def test_a_bundle_is_made_beside_the_network(folder: Path) -> None:
    manifest = Bundle.opened(folder / "bundle").manifest
    assert list(manifest.points) == list(RULES)
    assert manifest.class_names == ("cat", "dog", "owl")
    assert manifest.static is not None
    assert manifest.static.macs == manifest.static_macs
    for file in (*manifest.stages, manifest.static):
        times = file.milliseconds["onnxruntime"]
        assert set(times) == {1, 64}
        assert all(each > 0 for each in times.values())


def predicted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> list[dict[str, object]]:
    capsys.readouterr()
    assert s2dnas(monkeypatch, "predict", *arguments, "--json") == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("batch", ["1", "5"])
def test_a_bundle_answers_as_its_network(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], batch: str
) -> None:
    files = [str(path) for path in sorted(folder.glob("*.png"))]
    expected = predicted(monkeypatch, capsys, str(folder / "network"), *files)
    found = predicted(monkeypatch, capsys, str(folder / "bundle"), *files, "--batch", batch)
    assert {answer["stage"] for answer in expected} == {1, 2}
    for here, there in zip(found, expected, strict=True):
        assert here.pop("score") == pytest.approx(there.pop("score"), abs=1e-5)
        assert here == there


def test_a_bundle_is_answered_without_torch(folder: Path) -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\nfrom s2dnas.cli.entry import main\n"
        f"sys.argv = ['s2dnas', 'predict', {str(folder / 'bundle')!r}, {str(folder / '0.png')!r}, '--json']\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["class"] in ("cat", "dog", "owl")


def test_a_bundle_is_verified_against_its_network(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert s2dnas(monkeypatch, "verify", str(folder / "bundle"), "--images", "150", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["passed"]
    assert found["images"] == 150
    assert "noise" in found["images_of"]
    assert {(check["part"], check["point"]) for check in found["answers"]} >= {("stages", name) for name in RULES}


def test_a_bundle_of_other_weights_fails(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other, rules = load(folder / "network")
    with torch.no_grad():
        next(other.parameters()).mul_(3)
    save(other, rules, tmp_path / "network")
    command = ["verify", str(folder / "bundle"), "--network", str(tmp_path / "network"), "--images", "50"]
    assert s2dnas(monkeypatch, *command) == 1
    said = capsys.readouterr().out
    assert "FAILED" in said
    assert "the logits of stage 1 deviate" in said


def test_a_bundle_is_quantised_on_a_folder_of_images(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--int8", "--calibration", str(folder), "--out", str(tmp_path / "b"), "--batch", "1"]
    assert s2dnas(monkeypatch, "export", str(folder / "network"), *options) == 0
    assert "answered alike" in capsys.readouterr().out
    manifest = Bundle.opened(tmp_path / "b-int8").manifest
    assert manifest.precision == "int8"
    assert {value.dtype for name, value in manifest.values.items() if "logits" not in name} == {"uint8"}
    assert s2dnas(monkeypatch, "verify", str(tmp_path / "b-int8"), "--network", str(folder / "network")) == 1
    assert "is an int8 bundle" in capsys.readouterr().err


def test_int8_without_images_to_calibrate_on_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--int8", "--out", str(tmp_path / "b"), "--batch", "1"]
    assert s2dnas(monkeypatch, "export", str(folder / "network"), *options) == 1
    assert "--calibration" in capsys.readouterr().err


def test_what_is_no_saved_network_is_not_exported(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert s2dnas(monkeypatch, "export", str(folder)) == 1
    assert "is not a saved network" in capsys.readouterr().err
