"""Weights of a network as a safetensors file."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from s2dnas.artifacts import replacing
from s2dnas.errors import ModelError

_SHOWN = 5

# Batch norm reads its counter of batches only if it has no momentum, so checkpoints often lack it.
_OPTIONAL = ".num_batches_tracked"


def save_weights(model: nn.Module, path: Path) -> None:
    """Write parameters and buffers under their qualified names; a tensor of two names is written twice."""
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in model.state_dict().items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary)


def load_weights(model: nn.Module, path: Path, *, num_classes: int | None = None) -> tuple[str, ...]:
    """Load parameters and buffers into the model, on the device that it is on.

    With ``num_classes`` the classifier may be for another number of classes: its tensors, which differ in their first
    axis alone, stay as they are in the model, and their names are returned.

    Raises ModelError, before anything is changed, if the file cannot be read, differs in names or shapes, or holds
    numbers that are not finite or of another kind. Only the batch counters of batch norm may be missing.
    """
    if not path.is_file():
        raise ModelError(f"{path} does not exist; give a safetensors file of weights")
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is not a readable safetensors file ({error}); write it again") from error
    own = model.state_dict()
    head = tuple(name for name in own if name in tensors and _of_classes(own[name], tensors[name], num_classes))
    fitting = {name: tensor for name, tensor in tensors.items() if name not in head}
    if faults := _faults({name: tensor for name, tensor in own.items() if name not in head}, fitting):
        raise ModelError(f"{path} does not fit the network: {'; '.join(faults)}; give the weights of this very network")
    model.load_state_dict(fitting, strict=False)
    return head


def _of_classes(own: Tensor, given: Tensor, num_classes: int | None) -> bool:
    """Whether two tensors are the same part of two classifiers, for different numbers of classes."""
    other = own.ndim > 0 and own.ndim == given.ndim and len(own) != len(given)
    return other and len(own) == num_classes and own.shape[1:] == given.shape[1:]


def _faults(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    missing = [name for name in own if name not in given and not name.endswith(_OPTIONAL)]
    unexpected = [name for name in given if name not in own]
    misshapen = [
        f"{name} {tuple(given[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in given and given[name].shape != tensor.shape
    ]
    fitting = {name: tensor for name, tensor in given.items() if name in own}
    # A mask may well hold infinities, but then the network's own does, too.
    infinite = [name for name, tensor in fitting.items() if _is_finite(own[name]) and not _is_finite(tensor)]
    other = [
        f"{name} {tensor.dtype} instead of {own[name].dtype}"
        for name, tensor in fitting.items()
        if tensor.is_floating_point() != own[name].is_floating_point() or tensor.is_complex() != own[name].is_complex()
    ]
    kinds = (
        ("missing", missing),
        ("unexpected", unexpected),
        ("of another shape", misshapen),
        ("with numbers that are not finite", infinite),
        ("of another kind of number", other),
    )
    return [f"{len(names)} {kind} ({_first(names)})" for kind, names in kinds if names]


def _is_finite(tensor: Tensor) -> bool:
    return bool(tensor.isfinite().all())


def _first(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_SHOWN] + ["..."] * (len(names) > _SHOWN))
