"""Stages without what Python costs: at a batch of one, calling a layer can take as long as its kernel."""

from collections.abc import Callable, Iterable
from types import BuiltinFunctionType
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

from s2dnas.staged.flat import FlatStage

_CONVOLUTIONS: dict[type[nn.Module], Callable[..., Tensor]] = {
    nn.Conv1d: torch.conv1d,
    nn.Conv2d: torch.conv2d,
    nn.Conv3d: torch.conv3d,
}


class LeanStage(nn.Module):
    """One stage as one function of its inputs and all its tensors, which it calls layers and looks up attributes for
    no more: from tensors named ``inputs`` to tensors named ``outputs``, logits first, as the flat stage that it is of.
    """

    def __init__(self, flat: FlatStage) -> None:
        super().__init__()
        self.inputs, self.outputs = flat.inputs, flat.outputs
        graph = fx.Graph()
        graph.output(graph.graph_copy(flat.graph, {}))
        tensors = _Tensors(flat, graph)
        _call_functions(flat, tensors)
        _bind(graph)
        for number, tensor in enumerate(tensors.found):
            self.register_buffer(f"tensor_{number}", tensor)
        self._function = type(fx.GraphModule(nn.Module(), graph)).forward

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Tensors in the order of ``inputs`` to tensors in the order of ``outputs``."""
        return cast(tuple[Tensor, ...], self._function(None, *inputs, *self._buffers.values()))


class _Tensors:
    """The tensors of a stage as the last inputs of its graph."""

    def __init__(self, flat: FlatStage, graph: fx.Graph) -> None:
        self.graph, self.found = graph, list[Tensor]()
        self._flat, self._nodes = flat, dict[str, fx.Node]()
        self._last = list(graph.find_nodes(op="placeholder"))[-1]

    def input(self, path: str) -> fx.Node:
        """The input that is the tensor at a path."""
        if path not in self._nodes:
            owner, _, leaf = path.rpartition(".")
            with self.graph.inserting_after(self._last):
                self._last = self._nodes[path] = self.graph.placeholder(f"tensor_{len(self.found)}")
            self.found.append(getattr(self._flat.get_submodule(owner), leaf).detach())
        return self._nodes[path]

    def inputs(self, owner: str, names: Iterable[str]) -> list[fx.Node | None]:
        """The inputs that are tensors of a module, None for those that it lacks."""
        module = self._flat.get_submodule(owner)
        return [None if getattr(module, name) is None else self.input(f"{owner}.{name}") for name in names]


def _call_functions(flat: FlatStage, tensors: _Tensors) -> None:
    """Layers become functions and attributes inputs."""
    for node in list(tensors.graph.nodes):
        if node.op == "get_attr":
            node.replace_all_uses_with(tensors.input(str(node.target)))
            tensors.graph.erase_node(node)
        elif node.op == "call_module":
            function, arguments = _function(flat.get_submodule(str(node.target)), str(node.target), tensors)
            with tensors.graph.inserting_before(node):
                node.replace_all_uses_with(tensors.graph.call_function(function, (node.args[0], *arguments)))
            tensors.graph.erase_node(node)


def _function(layer: nn.Module, path: str, tensors: _Tensors) -> tuple[Callable[..., Tensor], tuple[Any, ...]]:
    """What a layer in eval mode calls, and with what behind its operand."""
    if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        sizes = (layer.stride, layer.padding, layer.dilation, layer.groups)
        return _CONVOLUTIONS[type(layer)], (*tensors.inputs(path, ("weight", "bias")), *sizes)
    if isinstance(layer, nn.Linear):
        return nn.functional.linear, tuple(tensors.inputs(path, ("weight", "bias")))
    norm = cast(nn.BatchNorm2d, layer)
    of_norm = tensors.inputs(path, ("weight", "bias", "running_mean", "running_var"))
    return torch.batch_norm, (*of_norm, False, 0.0, norm.eps, torch.backends.cudnn.enabled)


def _bind(graph: fx.Graph) -> None:
    """Operators become the functions that PyTorch makes from the same schemas; calling these takes less time."""
    for node in graph.nodes:
        if isinstance(node.target, torch._ops.OpOverload) and node.target.namespace == "aten":
            name = node.target.overloadpacket.__name__
            for module in (torch, torch._C._nn):
                function = getattr(module, name, None)
                if isinstance(function, BuiltinFunctionType):
                    node.target = function
                    break
