"""A captured network, as data: its graph, tensors, shapes, and where samples lie in each value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx


@dataclass(frozen=True)
class Samples:
    """Samples follow each other along ``axis``, each with ``count`` positions (its windows, say)."""

    axis: int = 0
    count: int = 1

    def numbers(self, shape: tuple[int, ...]) -> Tensor:
        """For each element of a value of this shape, for a batch of two, the number of its sample."""
        view = [-1 if axis == self.axis else 1 for axis in range(len(shape))]
        return torch.arange(2, dtype=torch.int8).repeat_interleave(self.count).view(view).expand(shape)


FIRST = Samples()


@dataclass(frozen=True, eq=False)
class Traced:
    """A captured network.

    ``graph`` takes one image batch (N, C, H, W) and parameters as placeholders, and gives logits (N, K).
    ``tensors`` maps the name of each parameter placeholder to its qualified name, ``values`` qualified names to the
    network's own tensors (not copies), but for weights that it computes, which are new (``fold``). ``shapes`` holds
    every node's shape for a batch of one, ``scalars`` the value of every node that is a number. ``constants`` names
    the calls that do not depend on the image. ``samples`` says where samples lie in the results of all others, None
    where that is unknown. ``unused`` names the modules that the logits do not need: auxiliary heads, layers left over.
    """

    graph: fx.Graph
    image: str
    tensors: Mapping[str, str]
    values: Mapping[str, Tensor]
    parameters: frozenset[str]
    shapes: Mapping[str, Any]
    scalars: Mapping[str, Any]
    num_classes: int
    constants: frozenset[str]
    samples: Mapping[str, Samples | None]
    unused: tuple[str, ...]

    def __deepcopy__(self, memo: dict[int, Any]) -> "Traced":
        """Itself: it is never changed, so copies of a network share it."""
        return self

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one input image."""
        _, channels, height, width = self.shapes[self.image]
        return channels, height, width


def resolve(traced: Traced, argument: Any) -> Any:
    """An argument in which nodes that are numbers are replaced by their values for a batch of one; tensors stay."""
    return fx.map_arg(argument, lambda node: traced.scalars.get(node.name, node))
