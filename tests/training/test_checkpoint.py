"""A training's state survives a file; a file that does not fit changes nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from s2dnas.errors import ArtifactError
from s2dnas.training.checkpoint import EpochRecord, load_checkpoint, save_checkpoint

HISTORY = [EpochRecord(1, 0.75, 2.5, 400.0, {"static": 0.5}), EpochRecord(2, 0.1 + 0.2, 2.4, 410.0, {"static": 0.625})]


def network(classes: int = 3) -> nn.Module:
    conv = nn.Conv2d(2, 4, 3).to(memory_format=torch.channels_last)
    return nn.Sequential(conv, nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, classes))


def optimizer_of(module: nn.Module, momentum: float = 0.9) -> torch.optim.Optimizer:
    return torch.optim.SGD(module.parameters(), lr=0.1, momentum=momentum)


def step(module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    module(torch.rand(5, 2, 4, 4, generator=torch.Generator().manual_seed(0))).square().sum().backward()
    optimizer.step()


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def refused(path: Path, message: str, module: nn.Module) -> None:
    before = state(module)
    with pytest.raises(ArtifactError, match=message):
        load_checkpoint(path, module, optimizer_of(module))
    assert_same(state(module), before)


def test_weights_statistics_and_history_come_back(tmp_path: Path) -> None:
    saved, loaded = network(), network()
    optimizer = optimizer_of(saved)
    step(saved, optimizer)
    save_checkpoint(tmp_path / "run" / "last", saved, optimizer, HISTORY)
    assert load_checkpoint(tmp_path / "run" / "last", loaded) == HISTORY
    assert_same(state(loaded), state(saved))
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["last"]


@pytest.mark.parametrize(
    "make",
    [optimizer_of, lambda module: optimizer_of(module, 0.0), lambda module: torch.optim.AdamW(module.parameters())],
)
def test_the_next_step_is_the_one_that_would_have_followed(
    tmp_path: Path, make: Callable[[nn.Module], torch.optim.Optimizer]
) -> None:
    first = network()
    optimizer = make(first)
    step(first, optimizer)
    save_checkpoint(tmp_path / "last", first, optimizer, HISTORY)
    second = network()
    resumed = make(second)
    load_checkpoint(tmp_path / "last", second, resumed)
    step(first, optimizer)
    step(second, resumed)
    assert_same(state(second), state(first))


def test_a_module_with_two_names_is_saved(tmp_path: Path) -> None:
    def twice() -> nn.Module:
        layer = nn.Linear(3, 3)
        return nn.Sequential(layer, nn.ReLU(), layer)

    saved, loaded = twice(), twice()
    save_checkpoint(tmp_path / "last", saved, optimizer_of(saved), [])
    assert load_checkpoint(tmp_path / "last", loaded) == []
    assert_same(state(loaded), state(saved))
    assert loaded[0] is loaded[2]


def test_a_write_that_fails_keeps_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved, loaded = network(), network()
    save_checkpoint(tmp_path / "last", saved, optimizer_of(saved), HISTORY)
    kept = state(saved)

    def full(tensors: object, path: Path, metadata: object) -> None:
        del tensors, metadata
        path.write_bytes(b"half")
        raise OSError("disk full")

    step(saved, optimizer_of(saved))
    monkeypatch.setattr("s2dnas.training.checkpoint.save_file", full)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(tmp_path / "last", saved, optimizer_of(saved), [])
    assert load_checkpoint(tmp_path / "last", loaded) == HISTORY
    assert_same(state(loaded), kept)
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


@pytest.mark.parametrize("kept", [0, 5, 200, -1])
def test_a_damaged_file_is_refused(tmp_path: Path, kept: int) -> None:
    module = network()
    save_checkpoint(tmp_path / "last", module, optimizer_of(module), HISTORY)
    content = (tmp_path / "last").read_bytes()
    (tmp_path / "last").write_bytes(content[:kept])
    refused(tmp_path / "last", "not a readable checkpoint .* delete it", network())


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "last", "not a readable checkpoint", network())


def test_weights_of_another_program_are_refused(tmp_path: Path) -> None:
    save_file({name: tensor.contiguous() for name, tensor in state(network()).items()}, tmp_path / "last")
    refused(tmp_path / "last", "holds no history", network())


def test_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = network()
    with monkeypatch.context() as patch:
        patch.setattr("s2dnas.training.checkpoint.VERSION", 99)
        save_checkpoint(tmp_path / "last", module, optimizer_of(module), HISTORY)
    refused(tmp_path / "last", "checkpoint version 99", network())


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (network(classes=7), r"'4.weight' is shape \(3, 16\) there and shape \(7, 16\) here"),
        (network()[:2], r"'4.bias' is shape \(3,\) there and no such tensor here"),  # type: ignore[index]
        (nn.Sequential(*network(), nn.Linear(3, 3)), "'5.weight' is no such tensor there"),  # type: ignore[misc]
    ],
)
def test_another_network_is_refused(tmp_path: Path, other: nn.Module, message: str) -> None:
    module = network()
    save_checkpoint(tmp_path / "last", module, optimizer_of(module), HISTORY)
    refused(tmp_path / "last", message, other)
