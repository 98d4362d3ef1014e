"""Walk a captured network once, carrying channel ids, and gather what the walk finds in a ChannelGraph."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from s2dnas.errors import ModelError
from s2dnas.graph.calls import argument, module_path, operand, operator_name
from s2dnas.graph.channels import ChannelGraph, Layout, Mixing, Whole
from s2dnas.graph.couplings import find_couplings
from s2dnas.graph.ops import Ids, NotDivisibleError, rule_of, weighted_macs
from s2dnas.graph.tail import find_tail, read_directly
from s2dnas.graph.trace import Traced, resolve
from s2dnas.graph.units import Units, compress

_MAX_PARAMETER_IDS = 2**22


def analyse(traced: Traced) -> ChannelGraph:
    """Find the couplings, mixing layers and tail of a captured network.

    Raises ModelError if it has no convolution or linear layer that can be divided.
    """
    analysis = Analysis(traced)
    for node in traced.graph.nodes:
        if node.op == "call_function" and node.name not in traced.scalars:
            analysis.visit(node)
    return analysis.result()


@dataclass(frozen=True, eq=False)
class _Call:
    """A call of a mixing layer: ids of its output and input channels."""

    node: fx.Node
    outputs: Tensor
    inputs: Tensor
    groups: int
    macs_per_weight: int


class Analysis:
    """The state of the walk: ids of every value so far, and the layers met. Rules call its methods."""

    def __init__(self, traced: Traced) -> None:
        self.traced = traced
        self.units = Units()
        self.layouts: dict[str, Ids] = {traced.image: _anywhere(len(traced.shapes[traced.image]))}
        self._cumulative: dict[str, int] = {}
        self._per_stage: dict[str, Tensor] = {}
        self._calls: dict[str, list[_Call]] = defaultdict(list)
        self._whole: dict[str, Whole] = {}

    def visit(self, node: fx.Node) -> None:
        """Apply the rule of a call; without one, or where it does not hold, keep the channels whole."""
        rule = rule_of(node)
        try:
            if rule is None:
                raise NotDivisibleError("no rule for this operator")
            if node.name not in self.traced.constants and self.traced.samples[node.name] is None:
                raise NotDivisibleError("the samples of its result cannot be told apart")
            ids = rule(self, node)
            self._check_samples(node, ids)
        except NotDivisibleError as error:
            ids = self._keep_whole(node, str(error))
        self.layouts[node.name] = compress(ids, self.units) if isinstance(ids, Tensor) else ids
        self._find_versions(node)

    def shape(self, node: fx.Node) -> Any:
        """The shape of a value for a batch of one."""
        return self.traced.shapes[node.name]

    def is_tensor(self, value: Any) -> bool:
        """Whether an argument is a value of the graph with a shape, not a number."""
        return isinstance(value, fx.Node) and value.name in self.traced.shapes

    def argument(self, node: fx.Node, name: str, default: Any = None) -> Any:
        """An argument of an ATen call by its name in the operator's schema, computed numbers put in."""
        return resolve(self.traced, argument(node, name, default))

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
        """One id per position along an axis, (size of the axis,); what differs along other axes only is joined."""
        ids = self.ids(node)
        others = [other for other, count in enumerate(ids.shape) if count > 1 and other != axis]
        if others and ids.shape[axis] == 1:
            raise NotDivisibleError(f"the channels of its input do not lie along axis {axis}")
        return self.join(node, others).flatten().expand(self.shape(node)[axis])

    def join(self, node: fx.Node, axes: Iterable[int]) -> Tensor:
        """The ids of a value after all that lie along some axes have been merged."""
        for axis in axes:
            ids = self.ids(node)
            self.units.merge(ids, ids.narrow(axis, 0, 1))
        return self.ids(node)

    def combine(self, node: fx.Node, operands: Sequence[tuple[Tensor, Sequence[int]]]) -> Tensor:
        """The ids of a call that combines operands, each of ids and a shape, as they broadcast: they are merged.

        What all channels meet alike (a spatial gate) is not: it stays in stage 1, which every stage may read.
        """
        shape = self.shape(node)
        together = _anywhere(len(shape))
        axes = [_varying_axes(ids) for ids, _ in operands]
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
        """Say that a call reads its first operand along some axes at once; gives the operand's ids.

        If channels lie along one of them, a stage runs the call on all features up to its own. If they lie along
        others as well (the paths of a selective kernel, the heads of an attention), what is read at once is joined.
        """
        ids = self.ids(operand(node))
        varying = {axis for axis, count in enumerate(ids.shape) if count > 1}
        if not (along := sorted(varying.intersection(axes))):
            return ids
        if varying.difference(along):
            return self.join(operand(node), along)
        ids = self.join(operand(node), along[1:])
        self._cumulative[node.name] = along[0]
        return ids

    def spread(self, ids: Tensor, axis: int, node: fx.Node) -> Tensor:
        """Ids (count,) as the ids of a value that varies along one axis."""
        shape = [1] * len(self.shape(node))
        shape[axis] = len(ids)
        return ids.view(shape)

    def weight(self, node: fx.Node) -> Tensor:
        """The weight of a mixing layer."""
        weight = operand(node, 1)
        if weight.op != "placeholder" or weight.name == self.traced.image:
            raise NotDivisibleError("its weight is computed, not a parameter")
        if operand(node).name in self.traced.constants or operand(node).name in self.traced.tensors:
            raise NotDivisibleError("its input does not depend on the image")
        return self.traced.values[self.traced.tensors[weight.name]]

    def ties(self, node: Any, channels: Tensor) -> None:
        """Say that a parameter (C,) holds one number per channel."""
        if isinstance(node, fx.Node):
            self.units.merge(self.ids(node).flatten(), channels)

    def meets(self, parameter: fx.Node, axes: Collection[int]) -> None:
        """Say that a parameter is combined with values whose channels lie along ``axes``, counted from the end.

        Only along those axes does it belong to channels; what it holds per position belongs anywhere.
        """
        if parameter.name in self.layouts or parameter.name not in self.traced.tensors:
            return
        shape = self.shape(parameter)
        own = [size if axis - len(shape) in axes else 1 for axis, size in enumerate(shape)]
        count = prod(own)
        self.layouts[parameter.name] = self.units.fresh(count).view(own) if count > 1 else _anywhere(len(shape))

    def mixes(self, node: fx.Node, outputs: Tensor, inputs: Tensor, groups: int, macs_per_weight: int) -> None:
        """Record a call of a mixing layer; a second call with the same weight is divided as the first."""
        calls = self._calls[self.traced.tensors[operand(node, 1).name]]
        if calls:
            self.units.merge(calls[0].outputs, outputs)
            self.units.merge(calls[0].inputs, inputs)
        calls.append(_Call(node, outputs, inputs, groups, macs_per_weight))

    def expanded(self, arguments: Any) -> Any:
        """Arguments with each value replaced by its ids in full shape, so that an operator can run on them."""

        def full(node: fx.Node) -> Any:
            return self.ids(node).expand(self.shape(node)) if self.is_tensor(node) else self.traced.scalars[node.name]

        return fx.map_arg(arguments, full)

    def claim_padding(self, ids: Tensor) -> Tensor:
        """Give channels that consist of padding alone ids of their own: they join whatever they are added to."""
        ids = compress(ids, self.units)
        empty = ids == 0
        if ids.numel() > 1 and bool(empty.any()):
            ids = ids.clone()
            ids[empty] = self.units.fresh(int(empty.sum()))
        return ids

    def result(self) -> ChannelGraph:
        """The finished analysis, with every id replaced by its unit."""
        calls = {call.node.name for calls in self._calls.values() for call in calls}
        if not calls:
            raise ModelError("the network has no convolution or linear layer that can be divided; there is no stage")
        tail = find_tail(self.traced, calls)
        self._fix_tail(tail, calls)
        self._fix_several_axes()
        mixing = self._mixing(tail)
        return ChannelGraph(
            num_units=1 + max(int(part.max()) for ids in self.layouts.values() for part in _parts(ids)),
            couplings=find_couplings(mixing, self.units.reasons()),
            mixing=mixing,
            layouts={name: self._layout(ids) for name, ids in self.layouts.items()},
            tail=tail,
            whole=tuple(whole for name, whole in self._whole.items() if name not in tail),
            whole_macs=weighted_macs(self.traced, without=calls),
            cumulative={name: axis for name, axis in self._cumulative.items() if name not in tail},
            per_stage={
                name: self.units.roots(ids).numpy() for name, ids in self._per_stage.items() if name not in tail
            },
        )

    def _check_samples(self, node: fx.Node, ids: Ids) -> None:
        """A part of an axis that channels share with samples would have parts of all samples."""
        samples = self.traced.samples.get(node.name)
        if samples is not None and any(part.ndim and part.shape[samples.axis] > 1 for part in _parts(ids)):
            raise NotDivisibleError("its channels lie along the axis of the samples")

    def _find_versions(self, node: fx.Node) -> None:
        """What has no channels but is computed from channels, or from such a value, differs from stage to stage."""
        sources = [self._per_stage[source.name] for source in node.all_input_nodes if source.name in self._per_stage]
        if node.name in self._cumulative:
            sources.append(self.ids(operand(node)).flatten())
        if sources and not any(bool(part.any()) for part in _parts(self.layouts[node.name])):
            self._per_stage[node.name] = torch.cat(sources)

    def _fix_several_axes(self) -> None:
        """A value can be divided along one axis only."""
        reason = "its channels lie along several axes"
        for node in self.traced.graph.nodes:
            for part in _parts(self.layouts.get(node.name, ())) if node.op == "call_function" else ():
                if sum(count > 1 for count in compress(part, self.units).shape) > 1:
                    self.units.fix(part, reason)
                    self._whole.setdefault(node.name, Whole(module_path(node), operator_name(node), reason))

    def _parameter_ids(self, node: fx.Node) -> Tensor:
        shape = self.shape(node)
        count = prod(shape)
        if count > _MAX_PARAMETER_IDS:
            raise NotDivisibleError(f"parameter {self.traced.tensors[node.name]} is too large to follow")
        return self.units.fresh(count).view(shape) if count > 1 else _anywhere(len(shape))

    def _keep_whole(self, node: fx.Node, reason: str) -> Ids:
        """The result is one unit that cannot be divided, and nothing that it is computed from can be.

        What does not depend on the image belongs anywhere: every stage computes it.
        """
        for source in node.all_input_nodes:
            self._fix(source, reason)
        shapes = self.shape(node)
        several = bool(shapes) and isinstance(shapes[0], tuple)
        ranks = [len(shape) for shape in (shapes if several else [shapes])]
        if node.name in self.traced.constants:
            return tuple(map(_anywhere, ranks)) if several else _anywhere(ranks[0])
        self._cumulative.pop(node.name, None)
        self._whole.setdefault(node.name, Whole(module_path(node), operator_name(node), reason))
        parts = tuple(self.units.fresh(1).view((1,) * rank) for rank in ranks)
        for part in parts:
            self.units.fix(part, reason)
        return parts if several else parts[0]

    def _fix(self, node: fx.Node, reason: str) -> None:
        for part in (*_parts(self.layouts.get(node.name, ())), *_parts(self._per_stage.get(node.name, ()))):
            self.units.fix(part, reason)

    def _fix_tail(self, tail: Iterable[str], calls: set[str]) -> None:
        """Logits are not divided; nor is a feature that the tail reads otherwise than through its mixing layers.

        Of a value without channels, each stage's classifier reads that stage's version.
        """
        tail = set(tail)
        for node in self.traced.graph.nodes:
            if node.name in tail:
                self._fix(node, "part of the classifier")
        for reader, source in read_directly(self.traced, tail, calls):
            if source.name in self.layouts and source.name not in self._per_stage:
                reason = f"read by the classifier's {operator_name(reader)}"
                self._fix(source, reason)
                self._whole.setdefault(source.name, Whole(module_path(source), operator_name(source), reason))

    def _mixing(self, tail: Iterable[str]) -> tuple[Mixing, ...]:
        """One layer per weight; two if it is used both in the body and in the tail."""
        tail, names = set(tail), _layer_names(self._calls)
        layers: dict[tuple[str, bool], list[_Call]] = defaultdict(list)
        for weight, calls in self._calls.items():
            for call in calls:
                layers[weight, call.node.name in tail].append(call)
        return tuple(
            Mixing(
                name=names[weight],
                weight=weight,
                nodes=tuple(call.node.name for call in calls),
                outputs=self.units.roots(calls[0].outputs).numpy(),
                inputs=self.units.roots(calls[0].inputs).numpy(),
                groups=calls[0].groups,
                macs_per_weight=sum(call.macs_per_weight for call in calls),
                in_tail=in_tail,
            )
            for (weight, in_tail), calls in layers.items()
        )

    def _layout(self, ids: Ids) -> Layout | tuple[Layout, ...]:
        layouts = tuple(self._one_layout(part) for part in _parts(ids))
        return layouts[0] if isinstance(ids, Tensor) else layouts

    def _one_layout(self, ids: Tensor) -> Layout:
        ids = compress(ids, self.units)
        axes = [axis for axis, count in enumerate(ids.shape) if count > 1]
        if len(axes) > 1:  # a parameter with several axes, used by a call that stays whole
            return Layout(None, np.zeros(1, dtype=np.int64))
        return Layout(axes[0] if axes else None, ids.flatten().numpy())


def _anywhere(rank: int) -> Tensor:
    """The ids of a value that any stage may read."""
    return torch.zeros((1,) * rank, dtype=torch.int64)


def _varying_axes(ids: Tensor) -> set[int]:
    """The axes, counted from the end, along which ids vary."""
    return {axis - ids.ndim for axis, count in enumerate(ids.shape) if count > 1}


def _parts(ids: Ids) -> tuple[Tensor, ...]:
    return (ids,) if isinstance(ids, Tensor) else ids


def _layer_names(weights: Mapping[str, Any]) -> dict[str, str]:
    """The module that owns each weight, or the weight itself where a module owns several."""
    owners = {weight: weight.rpartition(".")[0] or weight for weight in weights}
    count = Counter(owners.values())
    return {weight: owner if count[owner] == 1 else weight for weight, owner in owners.items()}
