"""Cut a captured network where all that later calls read is one feature map, and write the pieces as modules."""

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import fx, nn

from s2dnas.errors import ModelError
from s2dnas.graph.calls import operator_name, result_of
from s2dnas.graph.traced import Traced
from s2dnas.network.counter import MacCounter
from s2dnas.staged.stage_graph import StageGraph


@dataclass(frozen=True)
class CutPoint:
    """A feature map through which everything passes: its name, channels, and the share of the macs spent before it."""

    name: str
    channels: int
    depth: float


def cut_points(traced: Traced) -> list[CutPoint]:
    """All feature maps (N, C, H, W) that alone reach the logits, in order; of those equally deep the last.

    That is the one after normalising, activation and pooling, which cost nothing. Those before the first or behind
    the last multiply-add are left out.
    """
    spent = _macs_before(traced)
    total = max(spent.values())
    found: dict[float, CutPoint] = {}
    for node in _bottlenecks(traced):
        shape = traced.shapes[node.name]
        if len(shape) == 4 and 0 < spent[node.name] < total:
            depth = spent[node.name] / total
            found[depth] = CutPoint(node.name, shape[1], depth)
    return list(found.values())


def at_depths(traced: Traced, depths: Sequence[float]) -> list[CutPoint]:
    """For each depth, rising shares of the static macs, the nearest cut point; each is used once.

    Raises ModelError if the network has fewer.
    """
    points = cut_points(traced)
    if len(points) < len(depths):
        raise ModelError(
            f"{len(depths)} branches need as many feature maps (N, C, H, W) through which everything passes, the "
            f"network has {len(points)}; take fewer branches"
        )
    chosen: list[CutPoint] = []
    for left, depth in zip(range(len(depths) - 1, -1, -1), depths, strict=True):
        free = points[points.index(chosen[-1]) + 1 if chosen else 0 : len(points) - left]
        chosen.append(min(free, key=lambda point: abs(point.depth - depth)))
    return chosen


def pieces(traced: Traced, cuts: Sequence[str]) -> list[nn.Module]:
    """Modules that run one after the other: each maps the image and the last cut's value to the next, or the logits.

    They hold copies of the network's tensors under its qualified names.
    """
    ends = [*cuts, result_of(traced.graph).name]
    return [_piece(traced, begin, end) for begin, end in zip([None, *cuts], ends, strict=True)]


def _macs_before(traced: Traced) -> dict[str, int]:
    """Multiply-adds for one image up to and including each call, by name, counted while the network runs."""
    floats = next(value for value in traced.values.values() if value.is_floating_point())
    values: dict[fx.Node, Any] = {}
    spent = {}
    with MacCounter() as counter, torch.no_grad():
        for node in traced.graph.nodes:
            if node.name == traced.image:
                values[node] = floats.new_zeros(traced.shapes[node.name])
            elif node.op == "placeholder":
                values[node] = traced.values[traced.tensors[node.name]]
            elif node.op == "call_function":
                arguments, keywords = fx.map_arg((node.args, node.kwargs), values.__getitem__)
                values[node] = cast(Any, node.target)(*arguments, **keywords)
            spent[node.name] = counter.macs
    return spent


def _bottlenecks(traced: Traced) -> Iterator[fx.Node]:
    """The calls whose result is all that later ones read of the image."""
    waiting: dict[fx.Node, set[fx.Node]] = {}
    for node in traced.graph.nodes:
        if not _is_feature(traced, node):
            continue
        for source in node.all_input_nodes:
            if source in waiting:
                waiting[source].discard(node)
        readers = {user for user in node.users if _is_feature(traced, user)}
        waiting = {source: users for source, users in waiting.items() if users} | {node: readers}
        if len(waiting) == 1 and node.op == "call_function":
            yield node


def _is_feature(traced: Traced, node: fx.Node) -> bool:
    """Whether a value is a tensor that depends on the image; numbers depend on the batch size alone."""
    constant = node.name in traced.constants or node.name in traced.tensors or node.name in traced.scalars
    return not constant and node.op != "output"


def _piece(traced: Traced, begin: str | None, end: str) -> nn.Module:
    """The calls that ``end`` needs, from ``begin`` (None: the image) on."""
    out = StageGraph(traced.parameters)
    written: dict[fx.Node, Any] = {}
    nodes = {node.name: node for node in traced.graph.nodes}
    needed = _needed(nodes[end], begin)
    for node in traced.graph.nodes:
        if node in needed:
            written[node] = _write(traced, out, node, begin, written)
    return out.finish(written[nodes[end]], [], "Piece")


def _write(traced: Traced, out: StageGraph, node: fx.Node, begin: str | None, written: Mapping[fx.Node, Any]) -> Any:
    """A value of the network in a piece: received, given, or computed."""
    if node.name == begin:
        return out.input(node.name, 0)
    if node.name == traced.image:
        return out.image
    if (name := traced.tensors.get(node.name)) is not None:
        return out.tensor(name, traced.values[name])
    if operator_name(node) == "aten.sym_size":
        per_sample = traced.scalars[node.name]
        return out.samples() if per_sample == 1 else out.call(operator.mul, out.samples(), per_sample)
    return out.repeat(node, *fx.map_arg((node.args, node.kwargs), written.__getitem__))


def _needed(end: fx.Node, begin: str | None) -> set[fx.Node]:
    """Everything that a value is computed from, going back to ``begin`` and to the number of samples at most."""
    found, open_nodes = {end}, [end]
    while open_nodes:
        node = open_nodes.pop()
        if node.name != begin and operator_name(node) != "aten.sym_size":
            new = set(node.all_input_nodes) - found
            found |= new
            open_nodes += new
    return found
