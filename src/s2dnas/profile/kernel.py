"""A layer without its widths: what a table of latencies has a row for."""

from math import prod

from pydantic import model_validator
from torch import fx

from s2dnas.errors import ModelError
from s2dnas.graph.calls import argument, module_path, operand, operator_name
from s2dnas.graph.traced import Traced
from s2dnas.records import Record

CONVOLUTIONS = ("aten.conv1d", "aten.conv2d", "aten.conv3d")
WEIGHTED = (*CONVOLUTIONS, "aten.linear", "transposed_conv")


class Kernel(Record):
    """A convolution of this ``window``, with one entry per axis, on an input of this ``size``; empty: a linear layer.

    ``group`` holds the inputs and outputs of one group; None: every output reads every input. ``positions``: how often
    a linear layer is applied to a sample.
    """

    window: tuple[int, ...] = ()
    size: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    group: tuple[int, int] | None = None
    positions: int = 1

    @model_validator(mode="after")
    def _one_entry_per_axis(self) -> "Kernel":
        if {len(self.size), len(self.stride), len(self.padding), len(self.dilation)} != {len(self.window)}:
            raise ValueError(f"a window of {len(self.window)} axes needs as many sizes, strides, paddings, dilations")
        return self

    def __str__(self) -> str:
        if not self.window:
            return "linear" if self.positions == 1 else f"linear at {self.positions} positions"
        grouped = "" if self.group is None else f" in groups of {self.group[0]} to {self.group[1]}"
        return f"{_by(self.window)} convolution, stride {_by(self.stride)}, on {_by(self.size)}{grouped}"

    def read_for(self, inputs: int, outputs: int) -> int:
        """The inputs that a layer of so many outputs has: those given, unless groups decide."""
        return inputs if self.group is None else outputs * self.group[0] // self.group[1]

    def macs(self, inputs: int, outputs: int) -> int:
        """Multiply-adds for one sample."""
        axes = zip(self.size, self.window, self.stride, self.padding, self.dilation, strict=True)
        places = prod((size + 2 * pad - gap * (window - 1) - 1) // step + 1 for size, window, step, pad, gap in axes)
        return self.weights(inputs, outputs) * places * self.positions

    def weights(self, inputs: int, outputs: int) -> int:
        """The number of weights."""
        return (inputs if self.group is None else self.group[0]) * outputs * prod(self.window)


def kernel_of(node: fx.Node, traced: Traced) -> Kernel:
    """The kernel of a call of a convolution or linear layer. Raises ModelError for a convolution that is not timed."""
    shape, weight = traced.shapes[operand(node).name], traced.shapes[operand(node, 1).name]
    if operator_name(node) == "aten.linear":
        return Kernel(positions=prod(shape[1:-1]))
    padding = argument(node, "padding", 0)
    if operator_name(node) not in CONVOLUTIONS or isinstance(padding, str):
        raise ModelError(
            f"{module_path(node)}: latencies of transposed convolutions, and of those with padding by name, are not "
            "measured; take cost='macs'"
        )
    axes, groups = len(shape) - 2, int(argument(node, "groups", 1))
    return Kernel(
        window=tuple(weight[2:]),
        size=tuple(shape[2:]),
        stride=_per_axis(argument(node, "stride", 1), axes),
        padding=_per_axis(padding, axes),
        dilation=_per_axis(argument(node, "dilation", 1), axes),
        group=None if groups == 1 else (weight[1], weight[0] // groups),
    )


def _per_axis(given: object, axes: int) -> tuple[int, ...]:
    values = tuple(given) if isinstance(given, list | tuple) else (given,)
    return values * axes if len(values) == 1 else values


def _by(numbers: tuple[int, ...]) -> str:
    return "x".join(map(str, numbers))
