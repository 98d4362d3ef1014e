"""Widen a network by copies of its most important units; it computes what it computed.

What a plan splits loses the weights from later stages to earlier ones. Copies make up for it: the first stages hold a
unit that knows only what they know, a later stage holds its copy, which may read everything. A dynamic network may be
larger than the static one, since few samples reach its end.
Copies that halve what they hand on: Chen et al., Net2Net, ICLR 2016.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, fx, nn

from s2dnas.arrays import IntArray
from s2dnas.errors import ModelError
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.channels import ChannelGraph, Coupling
from s2dnas.graph.trace import trace
from s2dnas.masked.shared import MaskedNet, static_network
from s2dnas.network.weights import Weights, static_weights
from s2dnas.space.plan import Plan
from s2dnas.staged.parts import Parts, occurrence
from s2dnas.staged.write import write_stage
from s2dnas.staged.writer import StageWriter

_WAY_OUT = "set space.copies to 0"

_TOLERANCE = 1e-4
"""How far logits may be from those before, relative to the largest."""


def with_copies(graph: ChannelGraph, share: float, images: Tensor) -> ChannelGraph:
    """The network in which a share of each coupling's units, the first in their order, exist twice.

    Copies come last in a coupling's order: they go to its last stages. Both networks are compared on ``images``
    (N, C, H, W), normalised; a few will do. Raises ModelError if they compute different logits, which is so where a
    call reads several channels at once: a layer norm, or products of features.
    """
    if not share:
        return graph
    parts = _Copied(graph, _counts(graph, share))
    wide = _module(parts)
    _refuse_a_change(static_network(graph), wide, images)
    widened = analyse_channels(trace(wide, images))
    return replace(widened, couplings=tuple(_in_order(widened, parts)), static_macs=graph.static_macs)


class _Copied(Parts):
    """All values in one stage, in which each unit occurs ``counts`` (U,) times; copies follow their original."""

    def __init__(self, graph: ChannelGraph, counts: IntArray) -> None:
        super().__init__(graph, np.zeros(graph.num_units, dtype=np.int64))
        self.counts = counts

    def positions(self, units: IntArray, stage: int) -> IntArray:
        """Channels of one unit that lie side by side are repeated together."""
        runs = np.split(super().positions(units, stage), np.flatnonzero(np.diff(units)) + 1)
        return np.concatenate([np.tile(run, self.counts[units[run[0]]]) for run in runs])

    def stay_whole(self, units: IntArray) -> bool:
        """Whether none of these units has a copy."""
        return bool((self.counts[units] == 1).all())


def _counts(graph: ChannelGraph, share: float) -> IntArray:
    """How often each unit is to exist, (U,)."""
    counts = np.ones(graph.num_units, dtype=np.int64)
    for coupling in graph.couplings:
        counts[coupling.units[: round(share * len(coupling.units))]] = 2
    return counts


def _module(parts: _Copied) -> fx.GraphModule:
    """The network with copies, as one stage that hands nothing on; in eval mode."""
    if reading_all := [*parts.graph.cumulative, *parts.graph.per_stage]:
        raise ModelError(f"{reading_all[0]} reads all channels at once, and would read copies twice; {_WAY_OUT}")
    weights = static_weights(parts.graph, num_stages=1)
    heads = (_handing_on(parts, weights.heads[0], in_tail=True),)
    writer = StageWriter(parts, Plan(1, {}, {}), Weights(_handing_on(parts, weights.body, in_tail=False), heads), 0)
    return writer.out.finish(write_stage(writer), (), "Widened").eval()


def _handing_on(parts: _Copied, tensors: Mapping[str, Tensor], *, in_tail: bool) -> Mapping[str, Tensor]:
    """The same tensors, the weights that read a unit divided by how often it will be there."""
    changed = dict(tensors)
    for layer in parts.graph.mixing:
        if layer.in_tail is in_tail and layer.groups == 1:
            weight = tensors[layer.weight]
            counts = torch.from_numpy(parts.counts[layer.inputs]).to(weight)
            changed[layer.weight] = weight / counts.reshape(1, -1, *[1] * (weight.ndim - 2))
    return changed


def _refuse_a_change(narrow: MaskedNet, wide: nn.Module, images: Tensor) -> None:
    with torch.no_grad():
        (expected,), (found, _) = narrow(images), wide(images)
    error = float((found - expected).abs().max() / expected.abs().max())
    if not error < _TOLERANCE:
        raise ModelError(
            f"with copies of units the network computes something else (its logits deviate by {error:.1e}): a call "
            f"reads several channels at once, and reads copies twice; {_WAY_OUT}"
        )


def _in_order(wide: ChannelGraph, parts: _Copied) -> Iterator[Coupling]:
    """The couplings of the network with copies: originals in the order that they had, then copies in that order."""
    place = np.zeros((wide.num_units, 2), dtype=np.int64)
    rank = _ranks(parts.graph)
    for layer, widened in zip(parts.graph.body, wide.body, strict=True):
        positions = parts.positions(layer.outputs, 0)
        place[widened.outputs] = np.stack([occurrence(positions), rank[layer.outputs[positions]]], axis=1)
    for coupling in wide.couplings:
        number, before = place[coupling.units].T
        yield replace(coupling, units=coupling.units[np.lexsort((before, number))])


def _ranks(graph: ChannelGraph) -> IntArray:
    """The place of every unit in its coupling's order, (U,)."""
    rank = np.zeros(graph.num_units, dtype=np.int64)
    for coupling in graph.couplings:
        rank[coupling.units] = np.arange(len(coupling.units))
    return rank
