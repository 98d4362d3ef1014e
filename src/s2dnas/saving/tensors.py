"""The tensors of stages as bytes of safetensors, and back with the memory layout that they had."""

from collections.abc import Sequence

import safetensors.torch
import torch
from torch import Tensor, nn

from s2dnas.errors import ArtifactError
from s2dnas.saving.document import StageRecord, TensorRecord


def stage_tensors(stage: nn.Module) -> dict[str, Tensor]:
    """All parameters and buffers of a stage by qualified name."""
    parameters = dict(stage.named_parameters(remove_duplicate=False))
    return {**parameters, **dict(stage.named_buffers(remove_duplicate=False))}


def to_bytes(stages: Sequence[nn.Module]) -> bytes:
    """The tensors of all stages in one safetensors file."""
    named = {_key(index, name): t for index, stage in enumerate(stages) for name, t in stage_tensors(stage).items()}
    # A tensor of two names is written twice: safetensors refuses tensors that share memory.
    copies = {key: t.detach().cpu().clone(memory_format=torch.contiguous_format) for key, t in named.items()}
    return safetensors.torch.save(copies)


def record(tensor: Tensor) -> TensorRecord:
    """What the document says of a tensor."""
    strides = tuple(tensor.stride())
    plain = tuple(torch.empty(tensor.shape, device="meta").stride())
    return TensorRecord(
        shape=tuple(tensor.shape),
        dtype=dtype_name(tensor.dtype),
        parameter=isinstance(tensor, nn.Parameter),
        requires_grad=tensor.requires_grad,
        strides=strides if strides != plain and _dense(tuple(tensor.shape), strides) else None,
    )


def from_bytes(content: bytes, stages: Sequence[StageRecord]) -> list[dict[str, Tensor]]:
    """The tensors of each stage by name. Raises ArtifactError unless they are those of the records."""
    try:
        found = safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise ArtifactError(f"the weights are not readable ({error}); save the network again") from error
    wanted = {_key(index, name) for index, stage in enumerate(stages) for name in stage.tensors}
    if other := sorted(wanted ^ found.keys()):
        raise ArtifactError(f"weights and stages do not fit: {other[0]!r} is in one of them only; save it again")
    return [
        {name: _restored(name, found[_key(index, name)], of) for name, of in stage.tensors.items()}
        for index, stage in enumerate(stages)
    ]


def dtype_name(dtype: torch.dtype) -> str:
    """``float32``."""
    return str(dtype).removeprefix("torch.")


def _key(index: int, name: str) -> str:
    return f"stages.{index}.{name}"


def _restored(name: str, found: Tensor, of: TensorRecord) -> Tensor:
    there, here = (tuple(found.shape), dtype_name(found.dtype)), (of.shape, of.dtype)
    if there != here:
        raise ArtifactError(f"{name!r} is {there} among the weights and {here} in the stages; save the network again")
    if of.strides is not None and not _dense(of.shape, of.strides):
        raise ArtifactError(f"{name!r} of shape {of.shape} cannot have strides {of.strides}; save the network again")
    strides = found.stride() if of.strides is None else of.strides
    own = torch.empty_strided(of.shape, strides, dtype=found.dtype).copy_(found)
    if not of.parameter:
        return own
    if of.requires_grad and not (own.is_floating_point() or own.is_complex()):
        raise ArtifactError(f"{name!r} is {of.dtype}, which has no gradient; save the network again")
    return nn.Parameter(own, requires_grad=of.requires_grad)


def _dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether the elements lie side by side in memory, whatever their order."""
    if len(shape) != len(strides) or 0 in shape:
        return False
    expected = 1
    for stride, size in sorted((stride, size) for size, stride in zip(shape, strides, strict=True) if size > 1):
        if stride != expected:
            return False
        expected *= size
    return True
