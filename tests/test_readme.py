"""The Python examples of the README and of pages on the API, saving and deployment run as they are but search less."""

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def examples(page: str) -> str:
    """The Python examples of a page, one after the other."""
    return "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))


def run(code: str, page: str) -> dict[str, Any]:
    """The names that code leaves behind."""
    names: dict[str, Any] = {}
    exec(compile(code, page, "exec"), names)
    return names


def run_examples(page: str) -> dict[str, Any]:
    """The names that the examples of a page with a search leave behind."""
    code = examples(page)
    assert "evaluations=200" in code
    return run(code.replace("evaluations=200", "evaluations=2"), page)


def test_the_example_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_examples("README.md")
    torch, dynamic, rules = names["torch"], names["dynamic"], names["rules"]
    assert dynamic(torch.zeros(2, 3, 32, 32)).shape == (3, 2, 10)
    assert rules == {"default": names["rule"]}
    assert names["answers"].labels.shape == names["answers"].stages.shape == (64,)


def test_the_examples_of_the_api_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_examples("docs/python-api.md")
    assert names["converted"].rule.num_stages == 3


def test_the_example_of_the_page_on_saved_networks_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run(examples("docs/saved-networks.md"), "docs/saved-networks.md")
    assert names["answers"].labels.shape == (64,)
    assert names["loaded"].info.class_names == ("cat", "dog", "owl")
    assert (tmp_path / "network" / "network.json").exists()


def test_the_example_of_the_latency_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run(examples("docs/latency.md"), "docs/latency.md")
    assert 0 < names["cost"].of(names["plan"])[0] < names["cost"].of(names["plan"])[1]
    assert names["rule"].num_stages == 2


def test_the_examples_of_the_page_on_deployment_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the faster exporter."""
    monkeypatch.chdir(tmp_path)
    code, call = examples("docs/deployment.md"), 'export(dynamic, rules, "bundle")'
    assert call in code
    names = run(code.replace(call, 'export(dynamic, rules, "bundle", traced=True)'), "docs/deployment.md")
    assert len(names["answers"]) == 64
    sure = names["dynamic"].predict(names["images"], names["rules"]["sure"])
    assert names["stage"].tolist() == sure.stages.tolist()
    assert names["label"].tolist() == sure.labels.tolist()
    assert names["index"] == sure.stages[0]


def test_the_example_of_the_scaling_page_finds_what_one_thread_finds() -> None:
    names = run(examples("docs/scaling.md"), "docs/scaling.md")
    alone = names["s2dnas"].find_plan(names["net"].space(num_stages=2), names["evaluate"], evaluations=8, batch=4)
    assert (alone.best, alone.score) == (names["found"].best, names["found"].score)
