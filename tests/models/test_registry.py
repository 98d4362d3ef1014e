"""Networks are found by name, in zoos and in files, and what cannot be found is explained."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from s2dnas.errors import ModelError
from s2dnas.models.registry import create_model

FILE = """
from torch import nn
from neighbour import WIDTH

def both(num_classes, in_channels):
    return nn.Conv2d(in_channels, num_classes, 1)

def classes_only(num_classes):
    return nn.Conv2d(WIDTH, num_classes, 1)

def anything(**settings):
    return nn.Conv2d(settings["in_channels"], settings["num_classes"], 1)

def nothing():
    return nn.Conv2d(WIDTH, WIDTH, 1)

def raises(num_classes):
    raise RuntimeError("out of paper")

def no_network():
    return 5
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "neighbour.py").write_text("WIDTH = 9")
    path = tmp_path / "nets.py"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize(
    ("function", "out_in"), [("both", (7, 2)), ("classes_only", (7, 9)), ("anything", (7, 2)), ("nothing", (9, 9))]
)
def test_a_function_gets_the_arguments_that_it_accepts(file: Path, function: str, out_in: tuple[int, int]) -> None:
    model = create_model(f"{file}:{function}", num_classes=7, in_channels=2)
    assert isinstance(model, nn.Conv2d)
    assert (model.out_channels, model.in_channels) == out_in
    assert str(file.parent) not in sys.path


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("bot", "did you mean 'both'"),
        ("raises", "RuntimeError: out of paper"),
        ("no_network", "returned a int"),
        ("WIDTH", "no function 'WIDTH'"),
    ],
)
def test_a_useless_function_is_refused(file: Path, function: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        create_model(f"{file}:{function}", 10)


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def net(:")
    with pytest.raises(ModelError, match="SyntaxError"):
        create_model(f"{tmp_path}/broken.py:net", 10)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("resnet_20", "did you mean 'resnet20'"),
        ("keras:resnet50", "torchvision:NAME"),
        ("missing.py:net", "does not exist"),
        ("missing.py", "FILE.py:FUNCTION"),
    ],
)
def test_an_unknown_name_is_refused_with_the_way_out(spec: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        create_model(spec, 10)


@pytest.mark.parametrize(("spec", "module"), [("torchvision:resnet18", "torchvision"), ("timm:resnet18", "timm")])
def test_a_zoo_that_is_not_installed_is_named(spec: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModelError, match=r"pip install 's2dnas\[zoo\]'"):
        create_model(spec, 10)


def test_torchvision_networks() -> None:
    pytest.importorskip("torchvision")
    assert create_model("torchvision:squeezenet1_1", 7).eval()(torch.rand(1, 3, 64, 64)).shape == (1, 7)
    with pytest.raises(ModelError, match="did you mean 'resnet18'"):
        create_model("torchvision:resnet1", 7)


@pytest.mark.parametrize("name", ["squeezenet1_1", "googlenet", "mobilenet_v3_small", "densenet121"])
def test_torchvision_networks_for_images_of_any_number_of_channels(name: str) -> None:
    pytest.importorskip("torchvision")
    model, usual = create_model(f"torchvision:{name}", 7, in_channels=1).eval(), create_model(f"torchvision:{name}", 7)
    assert model(torch.rand(2, 1, 64, 64)).shape == (2, 7)
    found, expected = model.state_dict(), usual.state_dict()
    changed = [key for key, tensor in expected.items() if tensor.shape != found[key].shape]
    assert list(found) == list(expected)
    assert [found[key].shape[1] for key in changed] == [1]


def test_timm_networks() -> None:
    pytest.importorskip("timm")
    assert create_model("timm:resnet10t", 7, in_channels=1).eval()(torch.rand(1, 1, 64, 64)).shape == (1, 7)
    with pytest.raises(ModelError, match="did you mean 'resnet"):
        create_model("timm:resnet10x", 7)
