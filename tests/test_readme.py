"""The Python examples of the README and of the page on the API run as they stand, with a shorter search."""

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def run_examples(page: str) -> dict[str, Any]:
    """The names that the examples of a page leave behind, run one after the other."""
    code = "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))
    assert "evaluations=200" in code
    names: dict[str, Any] = {}
    exec(compile(code.replace("evaluations=200", "evaluations=2"), page, "exec"), names)
    return names


def test_the_example_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_examples("README.md")
    torch, dynamic, rules = names["torch"], names["dynamic"], names["rules"]
    assert dynamic(torch.zeros(2, 3, 32, 32)).shape == (3, 2, 10)
    assert rules == {"default": names["rule"]}
    assert names["answers"].labels.shape == names["answers"].stages.shape == (128,)


def test_the_examples_of_the_api_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_examples("docs/python-api.md")
    assert names["converted"].rule.num_stages == 3
