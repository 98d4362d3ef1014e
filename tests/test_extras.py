"""What the library does without its extras, and what it says where one of them is needed."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from command import s2dnas
from s2dnas.data.sources import load_data
from s2dnas.extras import MissingExtraError, require_extra
from s2dnas.report.style import styled
from small_run import open_small

ROOT = Path(__file__).parents[1]
EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
BIG = {"ray", "zoo"}
"""Extras that are asked for by name alone: `all` does not hold them, and tests do without them."""
PARTS = sorted(EXTRAS.keys() - {"all"} - BIG)


def modules_of(extra: str) -> set[str]:
    """What can be imported once an extra is installed: of each distribution its main module."""
    names = {re.split("[<>=~]", requirement)[0] for requirement in EXTRAS[extra]}
    found = packages_distributions().items()
    main = {module for module, owners in found if names & {owner.lower().replace("_", "-") for owner in owners}}
    return {module for module in main if not module.startswith("_")} - {"mpl_toolkits", "pylab"}


OPTIONAL = sorted(set().union(*map(modules_of, PARTS)))


def python(code: str) -> "subprocess.CompletedProcess[str]":
    """A fresh interpreter in which nothing optional can be imported."""
    blocked = f"import sys\nsys.modules.update(dict.fromkeys({OPTIONAL}))\n"
    return subprocess.run([sys.executable, "-c", blocked + code], capture_output=True, text=True, check=False)


def test_importing_the_package_imports_nothing_that_takes_time() -> None:
    done = python("import s2dnas\nprint({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)")
    assert done.returncode == 0, done.stderr
    loaded = set(re.findall(r"'(\w+)'", done.stdout)) - set(OPTIONAL)
    assert "s2dnas" in loaded
    assert not loaded & {"torch", "numpy", "scipy", "pydantic", "safetensors"}


EVERY_MODULE = """
import pkgutil, s2dnas
from importlib import import_module
for module in pkgutil.walk_packages(s2dnas.__path__, "s2dnas."):
    if not module.name.startswith(("s2dnas.cli.", "s2dnas.serving.http.")):
        import_module(module.name)
"""

FROM_PYTHON = """
import torch
import s2dnas

layers = [torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
images, labels = torch.randn(16, 3, 8, 8), torch.arange(16) % 10
net = s2dnas.analyse(torch.nn.Sequential(*layers, torch.nn.Linear(8, 10)), images)
space = net.space(num_stages=2, min_width=2)
found = s2dnas.find_plan(space, net.evaluator(images, [(images, labels)]), evaluations=2)
student = net.trainable(found.best, images)
s2dnas.StageLoss()(student, images, labels).backward()
dynamic = net.build(student)
rule = s2dnas.calibrate(dynamic, [(images, labels)], budget=1.0)
print(tuple(dynamic.predict(images, rule).labels.shape))
"""


def test_the_library_but_for_its_commands_and_server_needs_no_extra() -> None:
    done = python(EVERY_MODULE + FROM_PYTHON)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "(16,)\n"


def test_the_command_says_what_it_needs() -> None:
    done = python("from s2dnas.cli import main\nsys.argv = ['s2dnas', 'inspect', 'resnet20']\nmain()")
    assert done.returncode == 1
    assert done.stderr == "error: the command line needs rich, typer, not found here: pip install 's2dnas[cli]'\n"
    assert done.stdout == ""


def lack(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


@pytest.mark.parametrize("extra", PARTS)
def test_what_an_extra_brings_is_what_its_part_asks_for(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    require_extra(extra)
    lack(monkeypatch, *OPTIONAL)
    with pytest.raises(MissingExtraError, match=rf"pip install 's2dnas\[{extra}\]'") as refused:
        require_extra(extra)
    assert {name for name in OPTIONAL if re.search(rf"\b{name}\b", str(refused.value))} == modules_of(extra)


def test_all_holds_every_extra_that_the_command_line_uses() -> None:
    (every,) = EXTRAS["all"]
    assert every == f"s2dnas[{','.join(PARTS)}]"


def test_an_extra_that_is_there_in_part_names_what_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    lack(monkeypatch, "kornia")
    require_extra("data", "datasets")
    with pytest.raises(MissingExtraError, match="needs kornia, not found"):
        require_extra("data")


@pytest.mark.parametrize(
    ("module", "data", "extra"),
    [
        ("sklearn", "digits", "data"),
        ("kornia", "digits", "data"),
        ("datasets", "imagefolder:.", "data"),
        ("PIL", "imagefolder:.", "data"),
        ("matplotlib", "digits", "report"),
        ("jinja2", "digits", "report"),
    ],
)
def test_a_run_is_refused_before_it_starts(
    module: str,
    data: str,
    extra: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lack(monkeypatch, module)
    until = [] if extra == "report" else ["--until", "static"]
    assert s2dnas(monkeypatch, "run", "resnet20", data, "--out", str(tmp_path / "run"), *until) == 1
    said = capsys.readouterr().err
    assert f"needs {module}, not found here: pip install 's2dnas[{extra}]'" in said
    assert "Traceback" not in said
    assert not (tmp_path / "run").exists()


def test_a_run_whose_strategy_lacks_its_library_is_refused_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lack(monkeypatch, "optuna")
    with pytest.raises(MissingExtraError, match=r"needs optuna, not found here: pip install 's2dnas\[search\]'"):
        open_small(tmp_path, "search.strategy=tpe")
    assert not (tmp_path / "run").exists()


def test_a_comparison_is_refused_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lack(monkeypatch, "matplotlib")
    config = ROOT / "configs" / "compare" / "digits.toml"
    assert s2dnas(monkeypatch, "compare", str(config), "--out", str(tmp_path / "compared")) == 1
    assert "pip install 's2dnas[report]'" in capsys.readouterr().err
    assert not (tmp_path / "compared").exists()


def test_functions_that_need_an_extra_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    lack(monkeypatch, "sklearn", "matplotlib")
    with pytest.raises(MissingExtraError, match="sklearn"):
        load_data("digits")
    with pytest.raises(MissingExtraError, match="matplotlib"), styled(1.0):
        pass
