"""The tensors of a masked network: those of the body, and those of each classifier, by qualified name."""

from collections.abc import Mapping

from torch import Tensor, nn


class NamedTensors(nn.Module):
    """Named parameters and buffers in one flat module; a dot, which module names cannot hold, is written as a slash."""

    def __init__(self, tensors: Mapping[str, Tensor], parameters: frozenset[str], *, persistent: bool = True) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            key = name.replace(".", "/")
            if name in parameters:
                self.register_parameter(key, tensor if isinstance(tensor, nn.Parameter) else nn.Parameter(tensor))
            else:
                self.register_buffer(key, tensor, persistent=persistent)

    def tensors(self) -> dict[str, Tensor]:
        """All of them by qualified name."""
        found = {**self._parameters, **self._buffers}
        return {key.replace("/", "."): tensor for key, tensor in found.items() if tensor is not None}

    def with_own_buffers(self) -> "NamedTensors":
        """The same parameters beside copies of the buffers."""
        own = {name: t if isinstance(t, nn.Parameter) else t.clone() for name, t in self.tensors().items()}
        return NamedTensors(own, frozenset(name for name, t in own.items() if isinstance(t, nn.Parameter)))


class HeadTensors(nn.ModuleList):
    """The tensors of S classifiers."""

    def tensors(self) -> tuple[dict[str, Tensor], ...]:
        """Each stage's by qualified name."""
        return tuple(head.tensors() for head in self if isinstance(head, NamedTensors))

    def with_own_buffers(self) -> "HeadTensors":
        """The same parameters beside copies of the buffers."""
        return HeadTensors(head.with_own_buffers() for head in self if isinstance(head, NamedTensors))
