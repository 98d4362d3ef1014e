"""Tensors come back as they lay in memory, since PyTorch chooses other kernels, which round otherwise, for others."""

import pytest
import torch
from torch import Tensor, nn

from s2dnas.errors import ArtifactError
from s2dnas.saving.document import StageRecord, TensorRecord
from s2dnas.saving.tensors import from_bytes, record, to_bytes

TENSORS = {
    "plain": torch.randn(2, 3, 4, 5),
    "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "one_channel": torch.randn(4, 1, 3, 3).to(memory_format=torch.channels_last),
    "transposed": torch.randn(6, 7).T,
    "one_number": torch.tensor(3.0),
    "nothing": torch.zeros(0, 3),
    "half": torch.randn(3).bfloat16(),
    "whole": torch.arange(4),
    "flags": torch.tensor([True, False]),
}


def holding(tensor: Tensor) -> nn.Module:
    module = nn.Module()
    module.register_buffer("own", tensor)
    return module


def stored(tensor: Tensor, **changes: object) -> Tensor:
    """A tensor that was written and read, with parts of its record changed."""
    of = TensorRecord(**{**dict(record(tensor)), **changes})
    (found,) = from_bytes(to_bytes([holding(tensor)]), [StageRecord(nodes=(), tensors={"own": of})])
    return found["own"]


@pytest.mark.parametrize("name", TENSORS)
def test_values_and_layout_come_back(name: str) -> None:
    tensor = TENSORS[name]
    found = stored(tensor)
    assert torch.equal(found, tensor)
    assert (found.dtype, found.stride()) == (tensor.dtype, tensor.stride())


@pytest.mark.parametrize("sparse", [torch.randn(3, 1).expand(3, 4), torch.randn(3, 8)[:, ::2]])
def test_a_view_comes_back_as_a_tensor_of_its_own(sparse: Tensor) -> None:
    found = stored(sparse)
    assert torch.equal(found, sparse)
    assert found.is_contiguous()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"'own' of shape \(6, 7\) cannot have strides \(1, 1000000000\)"):
        stored(torch.randn(6, 7), strides=(1, 10**9))
    with pytest.raises(ArtifactError, match="'own' is int64, which has no gradient"):
        stored(torch.arange(3), parameter=True, requires_grad=True)
