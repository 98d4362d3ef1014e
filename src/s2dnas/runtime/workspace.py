"""Memory for the values that stages exchange, and the stages bound to it."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import BoolArray, IntArray
from s2dnas.runtime.programs import Programs

_ALIGNMENT = 64
_BINDINGS = 256


class Workspace:
    """Arrays (``capacity``, ...) for every value, of which calls use the first rows. For one thread at a time.

    A row is a sample. Rows are moved so that those in use come first; whoever moves them knows whose they are.
    """

    def __init__(self, programs: Programs, capacity: int) -> None:
        self.capacity = capacity
        self.values = {name: _aligned((capacity, *kind.shape), kind.dtype) for name, kind in programs.values.items()}
        self._programs = programs
        self._bound = lru_cache(maxsize=_BINDINGS)(self._bind)

    def run(self, stage: int, count: int) -> None:
        """Let a stage read and write the first rows."""
        self._bound(stage, count)()

    def _bind(self, stage: int, count: int) -> Callable[[], None]:
        program = self._programs.stages[stage]
        return program.bound(self._first(program.inputs, count), self._first(program.outputs, count))

    def _first(self, names: Iterable[str], count: int) -> dict[str, npt.NDArray[Any]]:
        return {name: self.values[name][:count] for name in names}

    def keep(self, stage: int, leaving: BoolArray) -> IntArray:
        """Let some of the first rows go after a stage, and tell which rows the first ones now were.

        Their places are taken by the last rows, so few are moved; of the values, only what later stages take.
        """
        count = len(leaving) - int(leaving.sum())
        rows = np.arange(count)
        holes = np.flatnonzero(leaving[:count])
        if len(holes):
            rows[holes] = moved = count + np.flatnonzero(~leaving[count:])
            for name in self._programs.needed_after[stage]:
                array = self.values[name]
                array[holes] = array[moved]
        return rows

    def receive(self, stage: int, source: "Workspace", rows: IntArray, start: int) -> None:
        """Copy some rows of another workspace, from ``start`` on, as far as stages after this one take them."""
        for name in self._programs.needed_after[stage]:
            to = self.values[name][start : start + len(rows)]
            np.take(source.values[name], rows, axis=0, out=to, mode="clip")  # other modes copy twice


def _aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """An array that starts where a line of the cache does."""
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)
