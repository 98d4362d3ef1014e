"""Tensors by qualified name, in a tree of plain modules."""

from torch import Tensor, nn


def hold(root: nn.Module, path: str, value: Tensor) -> None:
    """Register a parameter or a buffer at ``a.b.c``, in modules that are made where there are none."""
    *names, leaf = path.split(".")
    owner = root
    for name in names:
        if name not in owner._modules:
            owner.add_module(name, nn.Module())
        owner = owner.get_submodule(name)
    if isinstance(value, nn.Parameter):
        owner.register_parameter(leaf, value)
    else:
        owner.register_buffer(leaf, value)
