"""A comparison from the command line: it runs, goes on, and says where a method does not apply."""

import json
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from command import s2dnas
from s2dnas.comparison import methods, multi_exit
from s2dnas.comparison.measured import Point
from s2dnas.comparison.methods import METHODS
from s2dnas.comparison.plot import visible
from s2dnas.comparison.record import Comparison, Control, MethodCurve
from s2dnas.comparison.settings import CompareSettings, load_comparison
from s2dnas.comparison.table import markdown
from s2dnas.errors import SettingsError
from s2dnas.exits import ExitTable
from s2dnas.pipeline import training
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.training import fit_step
from s2dnas.training.recipe import Recipe

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "compare").rglob("*.toml"))
RESNET = """
from s2dnas.models.resnet import ResNet

def make(num_classes, in_channels):
    return ResNet(1, num_classes, in_channels)
"""

TINY = """
data = "digits"
seeds = [0]
methods = ["naive-uniform", "lccl"]
[run]
data.limit = 300
augmentation.flip = false
static.epochs = 1
train.epochs = 1
search.evaluations = 2
search.batch = 2
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
    folder = tmp_path_factory.mktemp("compare")
    (folder / "net.py").write_text(RESNET)
    (folder / "tiny.toml").write_text(f"model = '{folder / 'net.py'}:make'\n{TINY}")
    return folder / "tiny.toml"


def test_all_methods_are_compared_unless_the_settings_name_some_and_each_is_another() -> None:
    assert CompareSettings(model="net", data="data").methods == tuple(METHODS)
    assert len(set(METHODS.values())) == len(METHODS)


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
    monkeypatch.setattr(methods, "METHODS", dict.fromkeys(METHODS, not_again))
    assert s2dnas(monkeypatch, "compare", str(config), "--out", str(tmp_path / "out")) == 0
    assert json.loads((tmp_path / "out" / "compare.json").read_text())["curves"] == first["curves"]
    assert s2dnas(monkeypatch, "compare", str(config), "--out", str(tmp_path / "out"), "run.train.epochs=2") == 1
    assert "other settings" in capsys.readouterr().err


def test_every_method_is_trained_and_measured_on_the_same_splits(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = [f"methods={list(METHODS)}", "msdnet.blocks=2", "msdnet.classifier_channels=16", "branchynet.channels=8"]
    assert s2dnas(monkeypatch, "compare", str(config), "--out", str(tmp_path), *small) == 0
    found = json.loads((tmp_path / "compare.json").read_text())
    assert found["not_applicable"] == []
    curves = {curve["method"]: curve for curve in found["curves"]}
    assert list(curves) == list(METHODS)
    for method, curve in curves.items():
        assert curve["epochs"] == (2 if method in ("msdnet", "msdnet-q", "lccl") else 1), method
        assert curve["points"], method
        assert all(0 < point["mean_macs"] < 5 * found["static"]["macs"] for point in curve["points"]), method
        assert all(at["mean_macs"] <= 1.3 * at["budget"] * found["static"]["macs"] for at in curve["at_budgets"])
    assert curves["s2dnas"]["search_seconds"] > 0
    assert curves["blockdrop"]["accounts"].keys() == {"policy_of_static", "kept_of_blocks"}
    tables = {name: ExitTable.load(tmp_path / "seed-0" / name / "test.npz") for name in ("branchynet", "msdnet")}
    assert tables["branchynet"].confidence == "entropy"
    assert tables["branchynet"].num_stages == 3
    assert tables["branchynet"].labels.tolist() == tables["msdnet"].labels.tolist()
    trained = {path.parent.name for path in (tmp_path / "seed-0").glob("*/checkpoint.safetensors")}
    others = {
        "best-uniform",
        "naive-uniform",
        "naive-cascade",
        "branchynet",
        "msdnet",
        "lccl",
        "blockdrop",
        "blockdrop-policy",
    }
    assert trained == {"static", "control", "train", *others}


def test_labels_are_smoothed_for_all_and_msdnet_keeps_its_own_rate_and_confidence(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates, smoothed, starts = {}, {}, {}

    def observed(run: Run, step: str, module: nn.Module, recipe: Recipe, loss: Any, *others: Any, fresh: bool) -> None:
        rates[step], smoothed[step] = recipe.learning_rate, getattr(loss, "label_smoothing", None)
        starts[step] = ("fresh" if fresh else "static", len(others))
        fit_step(run, step, module, recipe, loss, *others, fresh=fresh)

    monkeypatch.setattr(multi_exit, "fit_step", observed)
    monkeypatch.setattr(training, "fit_step", observed)
    named = "methods=['naive-cascade', 'msdnet', 'msdnet-q']"
    small = ["msdnet_rate=0.07", "msdnet.blocks=2", "run.static.learning_rate=0.03", "run.loss.label_smoothing=0.2"]
    assert s2dnas(monkeypatch, "compare", str(config), "--out", str(tmp_path), named, *small) == 0
    assert rates["static"] == 0.03
    assert rates["msdnet"] == 0.07
    assert rates["naive-cascade"] is rates["control"] is None  # they are chosen, by one rule
    assert starts["naive-cascade"] == starts["control"] == ("static", 1)  # validated, so that the best epoch is kept
    assert starts["msdnet"] == starts["static"] == ("fresh", 1)
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
