"""Whether the parts of a network fit together: it is run on shapes alone, without numbers."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.func import functional_call

from s2dnas.errors import ArtifactError
from s2dnas.graph.calls import failure
from s2dnas.saving.tensors import dtype_name, stage_tensors
from s2dnas.staged.build import MultiStageNet


def image_dtype(stages: Iterable[nn.Module]) -> torch.dtype:
    """The dtype of the images that a network takes: that of its first floating-point tensor."""
    tensors = (tensor for stage in stages for tensor in stage_tensors(stage).values())
    return next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)


def refuse_unfit(network: MultiStageNet, dtype: torch.dtype) -> None:
    """Raise ArtifactError unless the stages take images of the network's shape to logits of its classes."""
    shape = (2, *network.info.image_shape)
    tensors: dict[str, Tensor] = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    shapes = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors.items()}
    images = torch.empty(shape, dtype=dtype, device="meta")
    try:
        with torch.no_grad():
            logits: Tensor = functional_call(network, shapes, (images,))
    except Exception as error:  # operators raise what they like
        raise ArtifactError(
            f"the stages do not run on images {shape} of {dtype_name(dtype)} ({failure(error)}); "
            "build the network again"
        ) from error
    expected = (network.num_stages, 2, network.info.num_classes)
    if tuple(logits.shape) != expected:
        raise ArtifactError(f"the stages give logits {tuple(logits.shape)}, not {expected}; build the network again")
