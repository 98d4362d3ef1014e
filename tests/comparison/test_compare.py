"""A comparison from the command line: it runs, goes on, and says where a method does not apply."""

import json
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from command import s2dnas
from s2dnas.comparison import multi_exit, registry
from s2dnas.comparison.measured import Point
from s2dnas.comparison.plot import visible
from s2dnas.comparison.record import Comparison, Control, MethodCurve
from s2dnas.comparison.registry import METHODS
from s2dnas.comparison.settings import CompareSettings, load_comparison
from s2dnas.comparison.table import markdown
from s2dnas.errors import SettingsError
from s2dnas.exits import ExitTable
from s2dnas.pipeline import training
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.training import fit_step
from s2dnas.training.recipe import Recipe

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "compare").rglob("*.toml"))
TINY = """
model = "resnet20"
data = "digits"
seeds = [0]
methods = ["naive-uniform", "lccl"]
[run]
data.limit = 300
augmentation.flip = false
static.epochs = 1
train.epochs = 1
space.copies = 0.5
"""

POINTS = (Point(mean_macs=4e5, accuracy=0.85), Point(mean_macs=8e5, accuracy=0.89))

NET = """
from torch import nn

def make(num_classes, in_channels):
    first = nn.Sequential(nn.Conv2d(in_channels, 12, 3), nn.BatchNorm2d(12), nn.ReLU())
    second = nn.Sequential(nn.Conv2d(12, 24, 3), nn.BatchNorm2d(24), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(first, second, nn.Flatten(), nn.Linear(24, num_classes))
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compare") / "tiny.toml"
    path.write_text(TINY)
    return path


def test_all_methods_are_compared_unless_the_settings_name_some() -> None:
    assert CompareSettings(model="net", data="data").methods == tuple(METHODS)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_comparison_loads(path: Path) -> None:
    assert load_comparison(path).seeds


def test_an_unknown_setting_is_named_with_the_nearest_one(config: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean 'epochs'"):
        load_comparison(config, ["run.train.epoch=3"])


def test_it_measures_goes_on_and_keeps_what_was_finished(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert s2dnas(monkeypatch, "compare", str(config), "--out", str(tmp_path / "out")) == 0
    assert "naive-uniform" in capsys.readouterr().out
    first = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert {curve["method"] for curve in first["curves"]} == {"naive-uniform", "lccl"}
    uniform, gated = first["curves"]
    assert uniform["epochs"] == 1
    assert uniform["params"] < first["static"]["seeds"][0]["params"]
    assert gated["accounts"].keys() >= {"zero_fraction", "saved_of_all_layers"}
    assert gated["epochs"] == first["static"]["seeds"][0]["epochs"] == 2
    assert (tmp_path / "out" / "compare.svg").read_text().startswith("<svg")

    def not_again(*_: object) -> None:
        raise AssertionError

    for weights in (tmp_path / "out").rglob("*.safetensors"):
        weights.unlink()
    monkeypatch.setattr(registry, "METHODS", dict.fromkeys(METHODS, not_again))
    assert s2dnas(monkeypatch, "compare", str(config), "--out", str(tmp_path / "out")) == 0
    assert json.loads((tmp_path / "out" / "compare.json").read_text())["curves"] == first["curves"]
    assert s2dnas(monkeypatch, "compare", str(config), "--out", str(tmp_path / "out"), "run.train.epochs=2") == 1
    assert "other settings" in capsys.readouterr().err


def test_labels_are_smoothed_for_all_and_msdnet_keeps_its_own_rate_and_confidence(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates, smoothed = {}, {}

    def observed(run: Run, step: str, module: nn.Module, recipe: Recipe, loss: Any, *others: Any) -> None:
        rates[step], smoothed[step] = recipe.learning_rate, getattr(loss, "label_smoothing", None)
        fit_step(run, step, module, recipe, loss, *others)

    monkeypatch.setattr(multi_exit, "fit_step", observed)
    monkeypatch.setattr(training, "fit_step", observed)
    methods = "methods=['naive-cascade', 'msdnet', 'msdnet-q']"
    small = ["msdnet_rate=0.07", "msdnet.blocks=2", "run.static.learning_rate=0.03", "run.loss.label_smoothing=0.2"]
    assert s2dnas(monkeypatch, "compare", str(config), "--out", str(tmp_path), methods, *small) == 0
    assert rates["static"] == 0.03
    assert rates["msdnet"] == 0.07
    assert smoothed == dict.fromkeys(("static", "control", "naive-cascade", "msdnet"), 0.2)
    used = {name: ExitTable.load(tmp_path / "seed-0" / name / "test.npz").confidence for name in ("msdnet", "msdnet-q")}
    assert used == {"msdnet": "margin", "msdnet-q": "max_probability"}


def test_a_method_that_does_not_apply_says_so(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net.py").write_text(NET)
    given = [f"model={tmp_path / 'net.py'}:make", "methods=['lccl', 'naive-uniform']"]
    assert s2dnas(monkeypatch, "compare", str(config), "--out", str(tmp_path), *given) == 0
    found = json.loads((tmp_path / "compare.json").read_text())
    (missing,) = found["not_applicable"]
    assert missing["method"] == "lccl"
    assert "ResNet" in missing["reason"]
    assert [curve["method"] for curve in found["curves"]] == ["naive-uniform"]


def test_a_single_point_is_in_sight_and_a_search_is_accounted_for() -> None:
    spent = {"params": 9, "epochs": 1, "seconds": 60.0, "at_budgets": (), "seed": 0}
    searched = MethodCurve(method="s2dnas", points=POINTS, search_seconds=120, **spent)
    single = MethodCurve(method="lccl", points=(Point(mean_macs=5e5, accuracy=0.31),), **spent)
    found = Comparison(
        model="net",
        data="data",
        static=(Control(seed=0, accuracy=0.9, macs=1_000_000, params=9, epochs=1),),
        curves=(searched, single),
        not_applicable={},
        settings=CompareSettings(model="net", data="data").model_dump(mode="json"),
    )
    bottom, top = visible(found)
    assert bottom < 31
    assert top > 90
    rows = [[cell.strip() for cell in line.split("|")] for line in markdown(found).splitlines() if "|" in line]
    minutes = {cells[1]: cells[-3:-1] for cells in rows}
    assert minutes["s2dnas"] == ["1.0", "2.0"]
    assert minutes["lccl"] == ["1.0", ""]
