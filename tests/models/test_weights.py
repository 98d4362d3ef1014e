"""Weights survive a file; a file that does not fit changes nothing."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from s2dnas.errors import ModelError
from s2dnas.models.registry import create_model
from s2dnas.models.weights import load_weights, save_weights


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_a_round_trip_gives_equal_tensors(tmp_path: Path) -> None:
    saved = create_model("resnet20", 10)
    saved(torch.rand(4, 3, 8, 8))  # batch norm has seen something
    save_weights(saved, tmp_path / "folder" / "net.safetensors")
    loaded = create_model("resnet20", 10)
    load_weights(loaded, tmp_path / "folder" / "net.safetensors")
    assert_same(state(loaded), state(saved))
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["net.safetensors"]


def test_tied_tensors_stay_tied(tmp_path: Path) -> None:
    def tied() -> nn.Sequential:
        first, second = nn.Linear(3, 3), nn.Linear(3, 3)
        second.weight = first.weight
        return nn.Sequential(first, second)

    saved, loaded = tied(), tied()
    save_weights(saved, tmp_path / "net.safetensors")
    load_weights(loaded, tmp_path / "net.safetensors")
    assert_same(state(loaded), state(saved))
    assert loaded[0].weight is loaded[1].weight


def test_channels_last_weights_are_saved(tmp_path: Path) -> None:
    saved = create_model("resnet20", 10).to(memory_format=torch.channels_last)
    save_weights(saved, tmp_path / "net.safetensors")
    loaded = create_model("resnet20", 10)
    load_weights(loaded, tmp_path / "net.safetensors")
    assert_same(state(loaded), state(saved))


def test_batch_counters_may_be_missing(tmp_path: Path) -> None:
    saved = create_model("resnet20", 10)
    kept = {name: tensor for name, tensor in state(saved).items() if not name.endswith("num_batches_tracked")}
    save_file(kept, tmp_path / "net.safetensors")
    loaded = create_model("resnet20", 10)
    load_weights(loaded, tmp_path / "net.safetensors")
    assert_same({name: state(loaded)[name] for name in kept}, kept)


def test_every_kind_of_misfit_is_listed_and_nothing_is_loaded(tmp_path: Path) -> None:
    tensors = {f"extra{number}": torch.zeros(1) for number in range(7)}
    tensors |= {"0.weight": torch.zeros(2, 2), "0.bias": torch.zeros(3)}
    save_file(tensors, tmp_path / "net.safetensors")
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    before = state(model)
    with pytest.raises(ModelError) as error:
        load_weights(model, tmp_path / "net.safetensors")
    message = str(error.value)
    assert "2 missing (1.weight, 1.bias)" in message
    assert "7 unexpected (extra0, extra1, extra2, extra3, extra4, ...)" in message
    assert "1 of another shape (0.weight (2, 2) instead of (3, 3))" in message
    assert_same(state(model), before)


@pytest.mark.parametrize(
    ("name", "tensor", "said"),
    [
        ("0.weight", torch.full((3, 3), float("nan")), r"1 with numbers that are not finite \(0.weight\)"),
        ("1.running_var", torch.full((3,), float("inf")), r"1 with numbers that are not finite \(1.running_var\)"),
        ("0.bias", torch.zeros(3, dtype=torch.int64), r"0.bias torch.int64 instead of torch.float32"),
        ("0.bias", torch.zeros(3, dtype=torch.bool), r"0.bias torch.bool instead of torch.float32"),
        ("0.bias", torch.zeros(3, dtype=torch.complex64), r"0.bias torch.complex64 instead of torch.float32"),
    ],
)
def test_numbers_that_are_no_weights_are_refused_by_name(name: str, tensor: Tensor, said: str, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    save_file({**state(model), name: tensor}, tmp_path / "net.safetensors")
    before = state(model)
    with pytest.raises(ModelError, match=said):
        load_weights(model, tmp_path / "net.safetensors")
    assert_same(state(model), before)


def test_half_precision_and_masks_with_infinities_are_weights(tmp_path: Path) -> None:
    model = nn.Linear(3, 3)
    model.register_buffer("mask", torch.tensor([0.0, float("-inf")]))
    save_file({name: tensor.half() for name, tensor in model.state_dict().items()}, tmp_path / "net.safetensors")
    load_weights(model, tmp_path / "net.safetensors")
    assert model.weight.dtype == torch.float32


def test_a_missing_or_damaged_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        load_weights(nn.Linear(1, 1), tmp_path / "none.safetensors")
    (tmp_path / "damaged.safetensors").write_bytes(b"x" * 50)
    with pytest.raises(ModelError, match="not a readable"):
        load_weights(nn.Linear(1, 1), tmp_path / "damaged.safetensors")


def test_a_classifier_for_other_classes_stays_fresh_where_that_is_allowed(tmp_path: Path) -> None:
    saved, model = create_model("resnet20", 10), create_model("resnet20", 7)
    save_weights(saved, tmp_path / "net.safetensors")
    before = state(model)
    with pytest.raises(ModelError, match="2 of another shape"):
        load_weights(model, tmp_path / "net.safetensors")
    head = load_weights(model, tmp_path / "net.safetensors", num_classes=7)
    assert len(head) == 2
    for name, tensor in state(model).items():
        assert torch.equal(tensor, before[name] if name in head else state(saved)[name])
