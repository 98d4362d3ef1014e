"""Make a ChannelGraph of a finished walk: every id is replaced by its unit."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Set
from math import prod
from typing import Any

import numpy as np
from torch import Tensor

from s2dnas.errors import ModelError
from s2dnas.graph.calls import operand, operator_name
from s2dnas.graph.channels import ChannelGraph, Layout, Mixing, Whole
from s2dnas.graph.convolutions import convolves
from s2dnas.graph.couplings import find_couplings
from s2dnas.graph.readers import find_readers
from s2dnas.graph.tail import find_tail, read_directly
from s2dnas.graph.traced import Traced
from s2dnas.graph.units import Ids, Units, compress
from s2dnas.graph.walk import MixingCall, Walk, parts_of


def conclude(walk: Walk) -> ChannelGraph:
    """The analysis of the network. Raises ModelError if it has no mixing layer that can be divided."""
    calls = {call.node.name for calls in walk.calls.values() for call in calls}
    if not calls:
        raise ModelError(_nothing_divisible(walk))
    tail = find_tail(walk.traced, calls)
    _fix_tail(walk, tail, calls)
    _fix_several_axes(walk)
    mixing = tuple(_mixing(walk, tail))
    return ChannelGraph(
        traced=walk.traced,
        num_units=1 + max(int(part.max()) for ids in walk.layouts.values() for part in parts_of(ids)),
        couplings=find_couplings(mixing, walk.units.reasons()),
        mixing=mixing,
        layouts={name: _layout(ids, walk.units) for name, ids in walk.layouts.items()},
        tail=tail,
        whole=tuple(whole for name, whole in walk.whole.items() if name not in tail),
        whole_macs=weighted_macs(walk.traced, without=calls),
        cumulative={name: axis for name, axis in walk.cumulative.items() if name not in tail},
        per_stage={name: walk.units.roots(ids).numpy() for name, ids in walk.per_stage.items() if name not in tail},
        readers=find_readers(walk.traced, calls, tail),
    )


def _nothing_divisible(walk: Walk) -> str:
    message = "the network has no convolution or linear layer that can be divided; there is no stage"
    reasons = [f"{whole.module or 'forward'} ({whole.operator}): {whole.reason}" for whole in walk.whole.values()]
    return "; ".join([message, *reasons[:3]])


def _fix_tail(walk: Walk, tail: Set[str], calls: Set[str]) -> None:
    """Fix the logits, and features that the tail reads in another way than through its mixing layers' weights.

    Not so a value without channels: each stage's classifier reads that stage's version.
    """
    for node in walk.traced.graph.nodes:
        if node.name in tail:
            walk.fix(node, "part of the classifier")
    for reader, source in read_directly(walk.traced, tail, calls):
        if source.name in walk.layouts and source.name not in walk.per_stage:
            reason = f"read by the classifier's {operator_name(reader)}"
            walk.fix(source, reason)
            walk.whole.setdefault(source.name, Whole.of(source, reason))


def _fix_several_axes(walk: Walk) -> None:
    """Fix values whose channels lie along several axes: a value can be divided along one only."""
    reason = "its channels lie along several axes"
    for node in walk.traced.graph.nodes:
        for part in parts_of(walk.layouts.get(node.name, ())) if node.op == "call_function" else ():
            if sum(count > 1 for count in compress(part, walk.units).shape) > 1:
                walk.units.fix(part, reason)
                walk.whole.setdefault(node.name, Whole.of(node, reason))


def _mixing(walk: Walk, tail: Set[str]) -> Iterator[Mixing]:
    """One layer per weight; two if it is used both in the body and in the tail."""
    names = _layer_names(walk.calls)
    layers: dict[tuple[str, bool], list[MixingCall]] = defaultdict(list)
    for weight, calls in walk.calls.items():
        for call in calls:
            layers[weight, call.node.name in tail].append(call)
    for (weight, in_tail), calls in layers.items():
        yield Mixing(
            name=names[weight],
            weight=weight,
            nodes=tuple(call.node.name for call in calls),
            outputs=walk.units.roots(calls[0].outputs).numpy(),
            inputs=walk.units.roots(calls[0].inputs).numpy(),
            groups=calls[0].groups,
            macs_per_weight=sum(call.macs_per_weight for call in calls),
            in_tail=in_tail,
        )


def weighted_macs(traced: Traced, without: Collection[str]) -> dict[str, int]:
    """Multiply-adds for one image, by name, of all calls of convolutions and linear layers but those in ``without``."""
    found = {}
    for node in traced.graph.nodes:
        if node.op != "call_function" or node.name in without:
            continue
        if not convolves(node) and operator_name(node) != "aten.linear":
            continue
        inputs, outputs, weight = (traced.shapes[n.name] for n in (operand(node), node, operand(node, 1)))
        inverse = "transpose" in operator_name(node)
        found[node.name] = prod(inputs) // inputs[1] * prod(weight) if inverse else prod(outputs) * prod(weight[1:])
    return found


def _layer_names(weights: Mapping[str, Any]) -> dict[str, str]:
    """The module that owns each weight, or the weight itself where a module owns several."""
    owners = {weight: weight.rpartition(".")[0] or weight for weight in weights}
    count = Counter(owners.values())
    return {weight: owner if count[owner] == 1 else weight for weight, owner in owners.items()}


def _layout(ids: Ids, units: Units) -> Layout | tuple[Layout, ...]:
    layouts = tuple(_one_layout(part, units) for part in parts_of(ids))
    return layouts[0] if isinstance(ids, Tensor) else layouts


def _one_layout(ids: Tensor, units: Units) -> Layout:
    ids = compress(ids, units)
    axes = [axis for axis, count in enumerate(ids.shape) if count > 1]
    if len(axes) > 1:  # a parameter with several axes, used by a call that stays whole
        return Layout(None, np.zeros(1, dtype=np.int64))
    return Layout(axes[0] if axes else None, ids.flatten().numpy())
