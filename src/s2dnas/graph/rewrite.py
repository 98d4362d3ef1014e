"""Say with few operators what a captured graph says with many, so that the rules need to know only those few."""

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

import torch
from torch import fx

from s2dnas.graph.calls import argument, operand, operator_name

_aten = torch.ops.aten


def simplify(graph: fx.Graph) -> None:
    """Parts of chunk, split and unbind become slices, select a slice and a squeeze; squeeze names its axes.

    view becomes reshape, since it would refuse a part of a tensor, or one in another memory format.
    """
    for node in list(graph.nodes):
        if node.op == "call_function" and (rewrite := _REWRITES.get(operator_name(node))) is not None:
            rewrite(graph, node)


def reachable(graph: fx.Graph, result: fx.Node) -> fx.Graph:
    """A copy with only what the result needs: no assertions, no auxiliary values, no unused parameters."""
    needed = {result}
    for node in reversed(list(graph.nodes)):
        if node in needed:
            needed.update(node.all_input_nodes)
    copy: fx.Graph = fx.Graph()
    environment: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        if node in needed:
            environment[node] = copy.node_copy(node, environment.__getitem__)
            environment[node].meta = {"nn_module_stack": node.meta.get("nn_module_stack")}
    copy.output(environment[result])
    return copy


def _split(graph: fx.Graph, node: fx.Node) -> None:
    axis = _axis(node)
    ends = [0, *accumulate(part.shape[axis] for part in node.meta["val"])]
    if axis > 0:
        for part, index in _parts(node):
            _replace(graph, part, _aten.slice.Tensor, (node.args[0], axis, ends[index], ends[index + 1]))


def _unbind(graph: fx.Graph, node: fx.Node) -> None:
    axis = _axis(node)
    if axis > 0:
        for part, index in _parts(node):
            _take(graph, part, operand(node), axis, index)


def _select(graph: fx.Graph, node: fx.Node) -> None:
    axis, index = _axis(node), argument(node, "index")
    if axis > 0 and isinstance(index, int):
        _take(graph, node, operand(node), axis, index % operand(node).meta["val"].shape[axis])


def _squeeze(graph: fx.Graph, node: fx.Node) -> None:
    """Without named axes it would also drop the channel axis of a stage that has one channel."""
    if len(node.args) == 1:
        shape = operand(node).meta["val"].shape
        axes = [axis for axis, size in enumerate(shape) if isinstance(size, int) and size == 1]
        _replace(graph, node, _aten.squeeze.dims, (node.args[0], axes))


def _view(graph: fx.Graph, node: fx.Node) -> None:
    if node.target is not _aten.view.dtype:
        _replace(graph, node, _aten.reshape.default, node.args)


_REWRITES: dict[str, Callable[[fx.Graph, fx.Node], None]] = {
    "aten.chunk": _split,
    "aten.split": _split,
    "aten.split_with_sizes": _split,
    "aten.unbind": _unbind,
    "aten.select": _select,
    "aten.squeeze": _squeeze,
    "aten.view": _view,
    "aten._unsafe_view": _view,
}


def _axis(node: fx.Node) -> int:
    return int(argument(node, "dim", 0) % operand(node).meta["val"].ndim)


def _parts(node: fx.Node) -> Iterator[tuple[fx.Node, int]]:
    count = len(node.meta["val"])
    for user in list(node.users):
        if operator_name(user) == "getitem" and isinstance(index := user.args[1], int):
            yield user, index % count


def _take(graph: fx.Graph, node: fx.Node, source: fx.Node, axis: int, index: int) -> None:
    """One position along an axis, which vanishes."""
    with graph.inserting_before(node):
        piece = graph.call_function(_aten.slice.Tensor, (source, axis, index, index + 1))
    piece.meta = {key: value for key, value in node.meta.items() if key != "val"}
    _replace(graph, node, _aten.squeeze.dims, (piece, [axis]))


def _replace(graph: fx.Graph, node: fx.Node, target: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    with graph.inserting_before(node):
        new = graph.call_function(target, arguments)
    new.meta = dict(node.meta)
    node.replace_all_uses_with(new)
    graph.erase_node(node)
