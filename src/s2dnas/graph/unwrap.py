"""The network inside wrappers such as DataParallel, and the modules that its logits do not need."""

from collections.abc import Iterator, Set

import torch
from torch import nn

from s2dnas.errors import ModelError


def unwrapped(model: nn.Module) -> nn.Module:
    """The user's own module inside DataParallel, DistributedDataParallel and torch.compile.

    Raises ModelError for a scripted module, which has no Python code.
    """
    while True:
        if isinstance(model, torch.jit.ScriptModule):
            raise ModelError("a TorchScript module cannot be captured; give the nn.Module that it was made from")
        inner = getattr(model, "_orig_mod", None)  # torch.compile
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def unused_modules(model: nn.Module, used: Set[int], path: str = "") -> Iterator[str]:
    """The largest modules with parameters none of which is ``used`` (by ``id``): auxiliary heads, layers left over."""
    for name, child in model.named_children():
        parameters = [id(parameter) for parameter in child.parameters()]
        if parameters and used.isdisjoint(parameters):
            yield path + name
        else:
            yield from unused_modules(child, used, f"{path}{name}.")
