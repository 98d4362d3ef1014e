"""What a network is made of, for dividing it: couplings, mixing layers, the tail, and what is not divisible and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from torch import fx

from s2dnas.arrays import IntArray
from s2dnas.graph.calls import module_path, operator_name, source_line
from s2dnas.graph.dropout import feature_readers
from s2dnas.graph.traced import Traced


@dataclass(frozen=True, eq=False)
class Layout:
    """Which unit each channel of a value belongs to.

    ``units`` runs along ``axis``; where ``axis`` is None, the value belongs to ``units[0]`` as a whole.
    Unit 0 belongs anywhere: the image and constants; it is computed in stage 1.
    """

    axis: int | None
    units: IntArray

    def along(self, size: int) -> IntArray:
        """A unit per position (size,) along an axis on which the value has its channels."""
        return np.broadcast_to(self.units, (size,))


@dataclass(frozen=True, eq=False)
class Mixing:
    """A layer with a weight matrix: ``outputs`` and ``inputs`` hold a unit per channel.

    ``name`` is the path of the module that owns the weight ``weight``; ``nodes`` are the calls that use it. A weight
    that is used in the body and in the tail makes two layers, since the tail owns copies.
    ``macs_per_weight`` is the number of multiply-adds per (output, input) pair of channels, of one group, for one
    image: kernel elements times output positions, summed over the calls.
    """

    name: str
    weight: str
    nodes: tuple[str, ...]
    outputs: IntArray
    inputs: IntArray
    groups: int
    macs_per_weight: int
    in_tail: bool

    @property
    def macs(self) -> int:
        """Multiply-adds of the static layer for one image."""
        return self.macs_per_weight * len(self.outputs) * len(self.inputs) // self.groups


@dataclass(frozen=True, eq=False)
class Coupling:
    """An ordered set of units that are split together: all occur in the same layers, equally often.

    ``outputs`` holds, per mixing layer, how many output channels each unit has there.
    """

    name: str
    units: IntArray
    outputs: Mapping[str, int]

    @property
    def layers(self) -> tuple[str, ...]:
        """The mixing layers that produce these units."""
        return tuple(self.outputs)

    @property
    def channels_per_unit(self) -> int:
        """The smallest number of channels that a unit has in any layer."""
        return min(self.outputs.values())


@dataclass(frozen=True)
class Whole:
    """Channels that stay whole in stage 1: where, by which operator, and why.

    ``line`` is the line of the network's code, ``path/net.py:12``, "" where it is not known.
    """

    module: str
    operator: str
    reason: str
    line: str = ""

    @classmethod
    def of(cls, node: fx.Node, reason: str) -> "Whole":
        """The entry for a call whose channels stay whole."""
        return cls(module_path(node), operator_name(node), reason, source_line(node))


@dataclass(frozen=True, eq=False)
class ChannelGraph:
    """A captured network and its analysis: made once and used by search space, cost, masked and staged network.

    ``layouts`` holds every value's layout by node name, one per part for a call with several results. ``tail`` names
    the calls that each stage owns a copy of. ``whole_macs`` holds, by node name, the multiply-adds of convolutions and
    linear layers that are no mixing layers since they cannot be divided.

    ``cumulative`` names the calls that read all channels of their first operand at once (a layer norm): a stage runs
    them on the features of all stages up to its own, which lie along the given axis. ``per_stage`` names the values
    without channels that result from such calls (a mean over channels), with the units that they are computed from:
    each stage has a version of its own. ``readers`` names, for each call of a mixing layer, the next such calls, and
    calls of the tail, that read its result. ``static_macs`` are the multiply-adds of the network that the user gave,
    for one image: they stay as they are when the network is widened.
    """

    traced: Traced
    num_units: int
    couplings: tuple[Coupling, ...]
    mixing: tuple[Mixing, ...]
    layouts: Mapping[str, Layout | tuple[Layout, ...]]
    tail: frozenset[str]
    whole: tuple[Whole, ...]
    whole_macs: Mapping[str, int] = field(default_factory=dict)
    cumulative: Mapping[str, int] = field(default_factory=dict)
    per_stage: Mapping[str, IntArray] = field(default_factory=dict)
    readers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    static_macs: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "static_macs", self.static_macs or self.macs)

    def __deepcopy__(self, memo: dict[int, Any]) -> "ChannelGraph":
        """Itself: it is never changed, so copies of a network share it."""
        return self

    @cached_property
    def layer_of(self) -> Mapping[str, Mixing]:
        """The mixing layer of each call, by node name."""
        return {node: layer for layer in self.mixing for node in layer.nodes}

    @cached_property
    def feature_readers(self) -> frozenset[str]:
        """The calls whose first operand is what mixing layers of the body read, before dropout."""
        layers = {node for node in self.layer_of if node not in self.tail}
        return feature_readers(self.traced.graph, layers)

    @property
    def body(self) -> Iterator[Mixing]:
        """The mixing layers that are not part of the tail."""
        return (layer for layer in self.mixing if not layer.in_tail)

    @property
    def macs(self) -> int:
        """Multiply-adds of the captured network for one image."""
        return sum(layer.macs for layer in self.mixing) + sum(self.whole_macs.values())
