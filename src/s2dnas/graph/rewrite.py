"""Write a captured graph with fewer operators, so that rules are needed for those only."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from math import prod
from typing import Any, cast

import torch
from torch import Tensor, fx

from s2dnas.graph.calls import argument, blaming, operand, operator_name, result_of
from s2dnas.graph.convolutions import group_by_group, outputs_first
from s2dnas.graph.scaled_norms import group_scaled_apart, scaled_apart

_aten = torch.ops.aten
_PROBLEM = "is called in a way that is not understood", "write the call in its plainest form"


def simplify(graph: fx.Graph) -> None:
    """Parts of chunk, split and unbind become slices, select a slice and a squeeze; squeeze names its axes.

    view becomes reshape, since it would refuse a part of a tensor, or one in another memory format. Normalising is
    one call, its scale and shift are two others, so that each stage has those of its own channels. Reshapes and
    transposes that together only reorder channels (a channel shuffle) become one call that does; those that move
    nothing vanish. Convolutions take one form (``convolutions``).
    """
    for node in list(graph.nodes):
        if node.op == "call_function" and (rewrite := _REWRITES.get(operator_name(node))) is not None:
            with blaming(node, *_PROBLEM):
                rewrite(graph, node)
    for node in list(graph.nodes):
        if operator_name(node) in REARRANGING:
            with blaming(node, *_PROBLEM):
                _shuffle(graph, node)


def reachable(graph: fx.Graph) -> fx.Graph:
    """A copy with only what the result needs: no assertions, no auxiliary values, no unused parameters."""
    result = result_of(graph)
    needed = {result}
    for node in reversed(list(graph.nodes)):
        if node in needed:
            needed.update(node.all_input_nodes)
    copy: fx.Graph = fx.Graph()
    environment: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        if node in needed:
            environment[node] = copy.node_copy(node, environment.__getitem__)
            environment[node].meta = {key: node.meta.get(key) for key in ("nn_module_stack", "stack_trace")}
    copy.output(environment[result])
    return copy


def reorder(x: Tensor, axis: int, positions: Sequence[int]) -> Tensor:
    """What is at the given positions along an axis, in their order."""
    return x.index_select(axis, torch.tensor(positions, device=x.device))


# Calls that move elements without changing any.
REARRANGING = frozenset(
    f"aten.{name}" for name in ("reshape", "flatten", "unflatten", "transpose", "permute", "contiguous", "clone")
)


def _shuffle(graph: fx.Graph, node: fx.Node) -> None:
    """Replace a chain of calls that ends in the shape it started from by one reordering of channels, or by nothing."""
    chain, shape = [node], _sizes(node)
    while operator_name(source := operand(chain[0])) in REARRANGING:
        chain.insert(0, source)
        if _sizes(operand(source)) == shape:
            break
    moved = any(operator_name(call) in ("aten.transpose", "aten.permute") for call in chain)
    source = operand(chain[0])
    if not moved or shape is None or len(shape) < 2 or _sizes(source) != shape:
        return
    positions = torch.arange(prod(shape)).view(shape)
    result = positions
    for call in chain:
        result = cast(Any, call.target)(result, *fx.map_arg(call.args[1:], _size))
    order = result[0].flatten(1)[:, 0] // prod(shape[2:])
    if torch.equal(result, positions):
        node.replace_all_uses_with(source)
    elif torch.equal(result, positions.index_select(1, order)):
        _replace(graph, node, reorder, (source, 1, tuple(order.tolist())))


def _sizes(node: fx.Node) -> tuple[int, ...] | None:
    """A value's shape for the batch that the network was captured with."""
    value = node.meta.get("val")
    return tuple(map(_size, value.shape)) if isinstance(value, Tensor) else None


def _size(value: Any) -> int:
    value = value.meta["val"] if isinstance(value, fx.Node) else value
    return int(value.node.hint) if isinstance(value, torch.SymInt) else int(value)


def _split(graph: fx.Graph, node: fx.Node) -> None:
    axis = _axis(node)
    ends = [0, *accumulate(part.shape[axis] for part in node.meta["val"])]
    if _not_samples(node, axis):
        for part, index in _parts(node):
            _replace(graph, part, _aten.slice.Tensor, (node.args[0], axis, ends[index], ends[index + 1]))


def _unbind(graph: fx.Graph, node: fx.Node) -> None:
    axis = _axis(node)
    if _not_samples(node, axis):
        for part, index in _parts(node):
            _take(graph, part, operand(node), axis, index)


def _select(graph: fx.Graph, node: fx.Node) -> None:
    axis, index = _axis(node), argument(node, "index")
    if _not_samples(node, axis) and isinstance(index, int):
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


def _view_as(graph: fx.Graph, node: fx.Node) -> None:
    """The shape of another value, in which the number of samples is left open."""
    shape = [size if isinstance(size, int) else -1 for size in node.meta["val"].shape]
    if shape.count(-1) < 2:
        _replace(graph, node, _aten.reshape.default, (node.args[0], shape))


def _stack(graph: fx.Graph, node: fx.Node) -> None:
    axis = int(argument(node, "dim", 0)) % node.meta["val"].ndim
    with graph.inserting_before(node):
        parts = [graph.call_function(_aten.unsqueeze.default, (part, axis)) for part in argument(node, "tensors")]
    for part in parts:
        part.meta = {key: value for key, value in node.meta.items() if key != "val"}
    _replace(graph, node, _aten.cat.default, (parts, axis))


def _flip(graph: fx.Graph, node: fx.Node) -> None:
    """One axis after the other: along the channels a stage picks its own, along the others it does the same to all."""
    _one_by_one(graph, node, [([axis],) for axis in argument(node, "dims")])


def _roll(graph: fx.Graph, node: fx.Node) -> None:
    """Likewise; without axes it rolls over all of them as one."""
    pairs = zip(argument(node, "shifts"), argument(node, "dims", []), strict=False)
    _one_by_one(graph, node, [([shift], [axis]) for shift, axis in pairs])


def _one_by_one(graph: fx.Graph, node: fx.Node, calls: list[tuple[list[Any], ...]]) -> None:
    """The same operator on its own result, once with each of several arguments."""
    if len(calls) < 2:
        return
    value = operand(node)
    for arguments in calls:
        value = _inserted(graph, node, cast(Any, node.target), (value, *arguments))
    node.replace_all_uses_with(value)
    graph.erase_node(node)


def _transposed(graph: fx.Graph, node: fx.Node) -> None:
    group_by_group(graph, outputs_first(graph, node))


_REWRITES: dict[str, Callable[[fx.Graph, fx.Node], None]] = {
    "aten.chunk": _split,
    "aten.split": _split,
    "aten.split_with_sizes": _split,
    "aten.unbind": _unbind,
    "aten.select": _select,
    "aten.squeeze": _squeeze,
    "aten.view": _view,
    "aten._unsafe_view": _view,
    "aten.reshape_as": _view_as,
    "aten.view_as": _view_as,
    "aten.stack": _stack,
    "aten.flip": _flip,
    "aten.roll": _roll,
    "aten.layer_norm": scaled_apart,
    "aten.rms_norm": scaled_apart,
    "aten.group_norm": group_scaled_apart,
    **dict.fromkeys(["aten.conv1d", "aten.conv2d", "aten.conv3d"], group_by_group),
    **dict.fromkeys([f"aten.conv_transpose{axes}d" for axes in (1, 2, 3)], _transposed),
}


def _not_samples(node: fx.Node, axis: int) -> bool:
    """Whether an axis of a call's operand has a size of its own, which does not grow with the batch."""
    return isinstance(operand(node).meta["val"].shape[axis], int)


def _axis(node: fx.Node) -> int:
    return int(argument(node, "dim", 0) % operand(node).meta["val"].ndim)


def _parts(node: fx.Node) -> Iterator[tuple[fx.Node, int]]:
    count = len(node.meta["val"])
    for user in list(node.users):
        if operator_name(user) == "getitem" and isinstance(index := user.args[1], int):
            yield user, index % count


def _take(graph: fx.Graph, node: fx.Node, source: fx.Node, axis: int, index: int) -> None:
    """Replace a call by one position along an axis, which is dropped."""
    with graph.inserting_before(node):
        piece = graph.call_function(_aten.slice.Tensor, (source, axis, index, index + 1))
    piece.meta = {key: value for key, value in node.meta.items() if key != "val"}
    _replace(graph, node, _aten.squeeze.dims, (piece, [axis]))


def _replace(graph: fx.Graph, node: fx.Node, target: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    node.replace_all_uses_with(_inserted(graph, node, target, arguments))
    graph.erase_node(node)


def _inserted(graph: fx.Graph, node: fx.Node, target: Callable[..., Any], arguments: tuple[Any, ...]) -> fx.Node:
    """A call before a node, which is said to be what that node is."""
    with graph.inserting_before(node):
        new = graph.call_function(target, arguments)
    new.meta = dict(node.meta)
    return new
