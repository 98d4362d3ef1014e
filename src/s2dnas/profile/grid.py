"""Widths at which a layer is timed, and the time at the widths between them.

Processor kernels work through outputs in blocks, of at most 64 on the machines we know: up to 128 outputs every width
that a plan may have is timed, beyond that multiples of 64, and what is left over costs what it costs beyond 64.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

BLOCK = 64
FINE = 2 * BLOCK
"""Up to here time is no straight line over the outputs."""
STRETCH = 2.0
"""Time goes on in a straight line beyond the widest layer that was timed, up to so many times its width."""


@dataclass(frozen=True)
class Widths:
    """The widths at which a kernel is timed; the inputs of a grouped layer follow from its outputs, they are (0,)."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return product(self.inputs, self.outputs)

    def joined(self, other: "Widths") -> "Widths":
        """The grid with the widths of both."""
        inputs, outputs = ({*self.inputs, *other.inputs}, {*self.outputs, *other.outputs})
        return Widths(tuple(sorted(inputs)), tuple(sorted(outputs)))


def output_grid(unit: int, most: int) -> tuple[int, ...]:
    """Rising numbers of outputs to time, for pieces of ``unit`` channels and at most ``most``."""
    return tuple(sorted({*range(unit, min(most, FINE) + 1, unit), *_coarse(most), most}))


def input_grid(unit: int, most: int) -> tuple[int, ...]:
    """Rising numbers of inputs to time: time is nearly a straight line between them."""
    doubled = [unit * 2**power * factor // 2 for power in range(20) for factor in (2, 3)]
    aligned = {width for width in doubled if width < most and width % unit == 0}
    return tuple(sorted({*aligned, *_coarse(most), most}))


def _coarse(most: int) -> set[int]:
    """Multiples of ``BLOCK`` up to ``most``, about half an octave apart."""
    return {BLOCK * 2**power * factor // 2 for power in range(20) for factor in (2, 3) if factor == 2 or power} & set(
        range(BLOCK, most + 1)
    )


def along_inputs(widths: tuple[int, ...], values: list[float], width: int) -> float:
    """The value at a width by straight lines between known ones, also beyond them; never below a quarter of any."""
    if len(widths) == 1:
        return values[0]
    place = min(max(int(np.searchsorted(widths, width)) - 1, 0), len(widths) - 2)
    (low, high), (at_low, at_high) = widths[place : place + 2], values[place : place + 2]
    return max(at_low + (at_high - at_low) * (width - low) / (high - low), min(values) / 4)


def along_outputs(widths: tuple[int, ...], values: list[float], width: int) -> float:
    """The value at a width, beyond ``FINE`` by whole blocks and what is left over."""
    if width in widths or width <= FINE or max(widths) <= FINE:
        return along_inputs(widths, values, width)
    whole, rest = width // BLOCK * BLOCK, width % BLOCK
    blocks = [(known, value) for known, value in zip(widths, values, strict=True) if known % BLOCK == 0]
    left = along_inputs(widths, values, BLOCK + rest) - along_inputs(widths, values, BLOCK)
    return along_inputs(*_unzipped(blocks), whole) + left


def _unzipped(pairs: list[tuple[int, float]]) -> tuple[tuple[int, ...], list[float]]:
    return tuple(known for known, _ in pairs), [value for _, value in pairs]


def is_rising(widths: tuple[int, ...]) -> bool:
    """Whether widths are positive and rise."""
    return all(low < high for low, high in pairwise((0, *widths)))
