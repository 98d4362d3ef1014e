"""What an analysed network is, for people and for files: its size, what can be divided, and what cannot and why."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from s2dnas.arrays import IntArray
from s2dnas.graph.channels import ChannelGraph, Coupling, Mixing, Whole
from s2dnas.graph.traced import Traced


@dataclass(frozen=True)
class CouplingSummary:
    """A coupling of ``units`` units, each of at least ``channels_per_unit`` channels, made by ``layers``."""

    name: str
    units: int
    channels_per_unit: int
    layers: tuple[str, ...]


@dataclass(frozen=True)
class LayerSummary:
    """A mixing layer: its static macs, and how many channels it makes from how many."""

    name: str
    macs: int
    outputs: int
    inputs: int
    groups: int
    in_tail: bool


@dataclass(frozen=True)
class Description:
    """An analysed network as plain values.

    ``macs`` are the static network's for one image of ``image_shape`` (C, H, W), ``params`` its number of parameters.
    ``divisible_share`` in [0, 1] is the share of ``macs`` that stages divide among themselves: those of output
    channels that belong to couplings, in the tail those of input channels that do. ``macs`` exceeds the sum over
    ``layers`` by the convolutions and linear layers that cannot be divided; ``whole`` says why.
    """

    macs: int
    params: int
    image_shape: tuple[int, int, int]
    num_classes: int
    couplings: tuple[CouplingSummary, ...]
    layers: tuple[LayerSummary, ...]
    divisible_share: float
    whole: tuple[Whole, ...]

    def __str__(self) -> str:
        return "\n".join([*self.totals(), *self.parts()])

    def totals(self) -> Iterator[str]:
        """Lines on its size, and on how much of it can be divided."""
        yield f"{self.macs / 1e6:.2f} M macs, {self.params / 1e6:.2f} M parameters"
        yield f"{self.divisible_share:.1%} of the macs can be divided, in {len(self.couplings)} couplings"

    def parts(self) -> Iterator[str]:
        """A line per coupling, and per call whose channels stay whole, with the reason."""
        for coupling in self.couplings:
            channels = coupling.units * coupling.channels_per_unit
            yield f"  {coupling.name}: {channels} channels, made by {len(coupling.layers)} layers"
        if self.whole:
            yield "what stays whole in stage 1:"
        for whole in self.whole:
            place = f", {whole.line}" if whole.line else ""
            yield f"  {whole.module} ({whole.operator}{place}): {whole.reason}"

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, as JSON holds them."""
        return cast(dict[str, Any], json.loads(json.dumps(asdict(self))))


def describe(graph: ChannelGraph) -> Description:
    """Sum up a captured and analysed network."""
    return Description(
        macs=graph.macs,
        params=_num_parameters(graph.traced),
        image_shape=graph.traced.image_shape,
        num_classes=graph.traced.num_classes,
        couplings=tuple(_coupling(coupling) for coupling in graph.couplings),
        layers=tuple(_layer(layer) for layer in graph.mixing),
        divisible_share=_divisible_macs(graph) / graph.macs,
        whole=graph.whole,
    )


def _num_parameters(traced: Traced) -> int:
    """A parameter that has several names counts once."""
    distinct = {id(value): value.numel() for name, value in traced.values.items() if name in traced.parameters}
    return sum(distinct.values())


def _coupling(coupling: Coupling) -> CouplingSummary:
    return CouplingSummary(coupling.name, len(coupling.units), coupling.channels_per_unit, coupling.layers)


def _layer(layer: Mixing) -> LayerSummary:
    return LayerSummary(layer.name, layer.macs, len(layer.outputs), len(layer.inputs), layer.groups, layer.in_tail)


def _divisible_macs(graph: ChannelGraph) -> float:
    divisible = np.zeros(graph.num_units, dtype=np.bool_)
    for coupling in graph.couplings:
        divisible[coupling.units] = len(coupling.units) > 1

    def share(units: IntArray) -> float:
        return float(divisible[units].mean())

    return sum(layer.macs * share(layer.inputs if layer.in_tail else layer.outputs) for layer in graph.mixing)
