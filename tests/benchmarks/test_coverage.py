"""The coverage benchmark chooses every family, keeps rows that it has, survives crashes, and writes its page."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from coverage_table import markdown
from measuring import measure, unmeasured, what_stays_whole

from s2dnas.graph.channels import Whole

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CHOSEN = tomllib.loads((BENCHMARKS / "coverage.toml").read_text())


def row(model: str, **values: Any) -> dict[str, Any]:
    return {**unmeasured("torchvision", model), **values}


def test_every_module_of_timm_is_chosen_or_left_out_with_a_reason() -> None:
    timm = pytest.importorskip("timm")
    chosen, excluded = CHOSEN["timm"]["models"], CHOSEN["timm"]["excluded"]
    assert sorted([*chosen, *excluded]) == timm.list_modules()
    for module, names in chosen.items():
        assert names
        assert set(names) <= set(timm.list_models(module=module))


def test_every_classifier_of_torchvision_is_chosen_or_left_out_with_a_reason() -> None:
    models = pytest.importorskip("torchvision.models")
    chosen, excluded = CHOSEN["torchvision"]["models"], tuple(CHOSEN["torchvision"]["excluded"])
    known = models.list_models(module=models)
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= set(known)
    assert all(name.startswith(excluded) for name in set(known) - set(chosen))


def test_a_row_says_all_that_was_measured() -> None:
    pytest.importorskip("torchvision")
    found = measure("torchvision", "squeezenet1_1")
    assert found["captured"]
    assert found["proven"]
    assert found["oracle_error"] < 1e-9
    assert found["macs_error"] == 0
    assert found["divisible"] == 1
    assert found["resolution"] == 64
    assert set(found["seconds"]) == {"capture", "analysis", "build", "cost"}
    assert found["peak_memory"] > 0
    assert found["reason"] == found["raised"] == ""


def test_a_model_that_is_not_there_is_a_row_with_the_reason() -> None:
    pytest.importorskip("torchvision")
    found = measure("torchvision", "resnet19")
    assert not found["captured"]
    assert "did you mean 'resnet1" in found["reason"]
    assert found["raised"] == ""


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "coverage.py"), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return done.stdout


@pytest.mark.slow
def test_rows_are_kept_and_measured_again_when_asked(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    pytest.importorskip("timm")
    file, page = tmp_path / "rows.json", tmp_path / "page.md"
    asked = ("--json", str(file), "--only", "torchvision:squeezenet1_1")
    assert "1/1 torchvision:squeezenet1_1 100.0%" in run(*asked)
    assert run(*asked) == run(*asked, "--again", "lacking") == ""
    assert "1/1" in run(*asked, "--again", "all", "--markdown", str(page))
    assert [row["model"] for row in json.loads(file.read_text())["rows"]] == ["squeezenet1_1"]
    assert "| squeezenet1_1 | 64 |" in page.read_text()


@pytest.mark.slow
def test_a_model_that_takes_too_long_costs_one_row(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    pytest.importorskip("timm")
    file = tmp_path / "rows.json"
    run("--json", str(file), "--only", "torchvision:resnet18", "--timeout", "0.1")
    (found,) = json.loads(file.read_text())["rows"]
    assert found["reason"] == "not finished after 0.1 s"
    assert not found["captured"]


def test_what_stays_whole_is_summed_up() -> None:
    softmax = [Whole(f"layer{i}.attention", "aten.softmax", "it runs over channels") for i in (1, 2)]
    text = what_stays_whole((*softmax, Whole("", "aten.sort", "no rule for this operator")))
    assert text == (
        "aten.softmax (2x, first in layer1.attention): it runs over channels; "
        "aten.sort (1x, first in forward): no rule for this operator"
    )
    assert what_stays_whole((*softmax, Whole("", "aten.sort", "no rule for this operator")), most=1).endswith(
        "it runs over channels; and 1 more"
    )
    assert what_stays_whole(()) == ""


def test_the_page_counts_and_explains() -> None:
    measured = {"seconds": {"capture": 1.0, "analysis": 0.5, "build": 0.2, "cost": 0.0004}, "peak_memory": 50}
    good = row("resnet18", captured=True, divisible=1.0, oracle_error=3e-15, macs_error=0.0, proven=True, calls=60)
    good |= {**measured, "model_memory": 100, "macs": 5e6, "resolution": 64}
    part = {**good, "model": "alexnet", "divisible": 0.5, "proven": False, "reason": "softmax"}
    lost = row("densenet121", reason="no graph", raised="ValueError")
    rows = [good, part, lost, {**lost, "model": "vgg11"}]
    page = markdown(
        {"versions": {"torch": "2.0"}, "processor": "CPU", "rows": rows},
        {"torchvision": {"vit": "transformer", "swin": "transformer", "big": "size"}},
        {"torchvision": 9},
    )
    assert "| measured | 4 of 9 |" in page
    assert "| captured | 2 of 4 |" in page
    assert "| proven equal | 1 of 4 |" in page
    assert "| at least 90% divisible | 1 of 4 |" in page
    assert "| ended in an error that is not explained | 2 of 4 |" in page
    assert "| median divisible share | 75.0% |" in page
    assert "| resnet18 | 64 | 5 | 100.0% | 3e-15 | 0 | 1.00 | 0.50 | 0.20 | 0.50 |  |" in page
    assert "| densenet121 | - | - | - | - | - | - | - | - | - | 2 |" in page
    assert "\n1. softmax\n2. no graph\n" in page
    assert "Left out: vit, swin (transformer); big (size)." in page
    assert "with torch 2.0 on a shared CPU" in page
