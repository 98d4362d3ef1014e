"""Calls that read all channels of their first operand at once, as they run on the channels of some stages alone."""

from typing import Any

from torch import fx

from s2dnas.graph.calls import argument, argument_names


def for_channels(node: fx.Node, rank: int, axis: int, count: int) -> tuple[Any, ...]:
    """The call's arguments where its first operand, of this rank, has ``count`` channels along ``axis``."""
    arguments, names = list(node.args), argument_names(node)
    if "normalized_shape" in names:
        position = names.index("normalized_shape")
        shape: list[Any] = list(argument(node, "normalized_shape"))
        shape[axis - (rank - len(shape))] = count
        arguments[position] = shape
    return tuple(arguments)
