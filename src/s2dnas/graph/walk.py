"""The state of a walk through a captured network: channel ids of every value so far, and what rules record of calls."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, fx

from s2dnas.graph.calls import argument, operand
from s2dnas.graph.channels import Whole
from s2dnas.graph.traced import Traced, resolve
from s2dnas.graph.units import Ids, NotDivisibleError, Units, compress, varying_axes

_MAX_PARAMETER_IDS = 2**22


@dataclass(frozen=True, eq=False)
class MixingCall:
    """A call of a mixing layer: ids of its output and input channels."""

    node: fx.Node
    outputs: Tensor
    inputs: Tensor
    groups: int
    macs_per_weight: int


class Walk:
    """What rules read and write. ``layouts`` holds ids by node name, in several parts for a call with several results.

    ``calls`` holds the calls of mixing layers by the name of their weight, ``cumulative`` the axis along which a call
    reads all channels at once, ``per_stage`` the ids from which values are computed that each stage has its own version
    of, ``whole`` the calls whose channels are kept whole.
    """

    def __init__(self, traced: Traced) -> None:
        self.traced = traced
        self.units = Units()
        self.layouts: dict[str, Ids] = {traced.image: anywhere(len(traced.shapes[traced.image]))}
        self.cumulative: dict[str, int] = {}
        self.per_stage: dict[str, Tensor] = {}
        self.calls: dict[str, list[MixingCall]] = defaultdict(list)
        self.whole: dict[str, Whole] = {}

    def shape(self, node: fx.Node) -> Any:
        """The shape of a value for a batch of one."""
        return self.traced.shapes[node.name]

    def is_tensor(self, value: Any) -> bool:
        """Whether an argument is a value of the graph with a shape, not a number."""
        return isinstance(value, fx.Node) and value.name in self.traced.shapes

    def argument(self, node: fx.Node, name: str, default: Any = None) -> Any:
        """An argument of an ATen call by its name in the operator's schema, with computed numbers as numbers."""
        return resolve(self.traced, argument(node, name, default))

    def weight(self, node: fx.Node) -> Tensor:
        """The weight of a mixing layer."""
        weight = operand(node, 1)
        if weight.op != "placeholder" or weight.name == self.traced.image:
            raise NotDivisibleError("its weight is computed, not a parameter")
        return self.traced.values[self.traced.tensors[weight.name]]

    def ids(self, node: fx.Node) -> Tensor:
        """The ids of a value, up to date with all merges."""
        if node.name not in self.layouts:
            self.layouts[node.name] = self._parameter_ids(node)
        ids = self.layouts[node.name]
        if not isinstance(ids, Tensor):
            raise NotDivisibleError("one of its operands has several parts")
        ids = self.layouts[node.name] = compress(ids, self.units)
        return ids

    def along(self, node: fx.Node, axis: int) -> Tensor:
        """One id per position along an axis, (size of the axis,); ids that differ along other axes are merged."""
        ids = self.ids(node)
        others = [other for other, count in enumerate(ids.shape) if count > 1 and other != axis]
        if others and ids.shape[axis] == 1:
            raise NotDivisibleError(
                f"each of its results needs several channels, since they do not lie along axis {axis} of its input"
            )
        return self.join(node, others).flatten().expand(self.shape(node)[axis])

    def spread(self, ids: Tensor, axis: int, node: fx.Node) -> Tensor:
        """Ids (count,) as the ids of a value that varies along one axis."""
        shape = [1] * len(self.shape(node))
        shape[axis] = len(ids)
        return ids.view(shape)

    def expanded(self, arguments: Any) -> Any:
        """Arguments with each value replaced by its ids in full shape, so that an operator can run on them."""

        def full(node: fx.Node) -> Any:
            return self.ids(node).expand(self.shape(node)) if self.is_tensor(node) else self.traced.scalars[node.name]

        return fx.map_arg(arguments, full)

    def join(self, node: fx.Node, axes: Iterable[int]) -> Tensor:
        """The ids of a value after all that lie along some axes have been merged."""
        for axis in axes:
            ids = self.ids(node)
            self.units.merge(ids, ids.narrow(axis, 0, 1))
        return self.ids(node)

    def combine(self, node: fx.Node, operands: Sequence[tuple[Tensor, Sequence[int]]]) -> Tensor:
        """The ids of a call that combines operands (ids, shape) as they broadcast: ids that meet are merged.

        An operand that meets all channels alike (a spatial gate) is not: it stays in stage 1, which every stage reads.
        """
        shape = self.shape(node)
        together = anywhere(len(shape))
        axes = [varying_axes(ids) for ids, _ in operands]
        if any(a and b and a.isdisjoint(b) for a in axes for b in axes):
            raise NotDivisibleError("the channels of its operands do not lie along one axis")
        for ids, own in operands:
            alike = any(axis >= -len(own) and own[axis] == 1 < shape[axis] for axis in set().union(*axes))
            if alike and ids.numel() == 1:
                self.units.fix(ids, "all channels meet it alike")
            else:
                self.units.merge(together, ids)
                together = torch.maximum(together, ids)
        return together

    def reads_all(self, node: fx.Node, axes: Iterable[int]) -> Tensor:
        """Record that a call reads all of its first operand along some axes; returns the operand's ids.

        If channels lie along one of them, a stage runs the call on all features up to its own. If they lie along
        others as well (paths of a selective kernel, heads of an attention), ids that are read together are merged.
        """
        ids = self.ids(operand(node))
        varying = {axis for axis, count in enumerate(ids.shape) if count > 1}
        if not (along := sorted(varying.intersection(axes))):
            return ids
        if varying.difference(along):
            return self.join(operand(node), along)
        ids = self.join(operand(node), along[1:])
        self.cumulative[node.name] = along[0]
        return ids

    def ties(self, parameter: Any, channels: Tensor) -> None:
        """Record that a parameter (C,) holds one number per channel."""
        if not isinstance(parameter, fx.Node):
            return
        if parameter.name in self.traced.tensors and parameter.name not in self.layouts:
            self.layouts[parameter.name] = channels
        else:
            self.units.merge(self.ids(parameter).flatten(), channels)

    def meets(self, parameter: fx.Node, axes: Collection[int]) -> None:
        """Record that a parameter is combined with values whose channels lie along ``axes``, counted from the end.

        Only along those axes does it get ids; what it holds per position belongs anywhere.
        """
        if parameter.name in self.layouts or parameter.name not in self.traced.tensors:
            return
        shape = self.shape(parameter)
        own = [size if axis - len(shape) in axes else 1 for axis, size in enumerate(shape)]
        count = prod(own)
        self.layouts[parameter.name] = self.units.fresh(count).view(own) if count > 1 else anywhere(len(shape))

    def mixes(self, node: fx.Node, outputs: Tensor, inputs: Tensor, groups: int, macs_per_weight: int) -> None:
        """Record a call of a mixing layer; a second call with the same weight is divided like the first."""
        calls = self.calls[self.traced.tensors[operand(node, 1).name]]
        if calls:
            self.units.merge(calls[0].outputs, outputs)
            self.units.merge(calls[0].inputs, inputs)
        calls.append(MixingCall(node, outputs, inputs, groups, macs_per_weight))

    def fix(self, node: fx.Node, reason: str) -> None:
        """Record that the channels of a value, if it has any, cannot be divided."""
        for part in (*parts_of(self.layouts.get(node.name, ())), *parts_of(self.per_stage.get(node.name, ()))):
            self.units.fix(part, reason)

    def forget(self, node: fx.Node) -> None:
        """Remove what a rule recorded of a call before it failed; ids that it merged stay merged."""
        self.cumulative.pop(node.name, None)
        for weight, calls in list(self.calls.items()):
            if calls[-1].node is node:
                calls.pop()
            if not calls:
                del self.calls[weight]

    def claim_padding(self, ids: Tensor) -> Tensor:
        """Give channels that consist of padding alone ids of their own, to be merged with what they are added to."""
        ids = compress(ids, self.units)
        empty = ids == 0
        if ids.numel() > 1 and bool(empty.any()):
            ids = ids.clone()
            ids[empty] = self.units.fresh(int(empty.sum()))
        return ids

    def _parameter_ids(self, node: fx.Node) -> Tensor:
        shape = self.shape(node)
        count = prod(shape)
        if count > _MAX_PARAMETER_IDS:
            raise NotDivisibleError(f"parameter {self.traced.tensors[node.name]} is too large to follow")
        return self.units.fresh(count).view(shape) if count > 1 else anywhere(len(shape))


def anywhere(rank: int) -> Tensor:
    """The ids of a value that any stage may read."""
    return torch.zeros((1,) * rank, dtype=torch.int64)


def parts_of(ids: Ids) -> tuple[Tensor, ...]:
    """The ids of each result of a call."""
    return (ids,) if isinstance(ids, Tensor) else ids
