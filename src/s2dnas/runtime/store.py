"""The values that stages hand on, for the samples that are still there."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.arrays import BoolArray, IntArray
from s2dnas.runtime.engine import Engine, Native


class Store:
    """Natives by name, each with the same samples along its first axis; row i belongs to sample ``samples[i]``.

    What the caller owns is never written to.
    """

    def __init__(self, engine: Engine, borrowed: Mapping[str, npt.NDArray[Any]], count: int) -> None:
        self._engine = engine
        self._natives: dict[str, Native] = {name: engine.native(array) for name, array in borrowed.items()}
        self._borrowed = set(borrowed)
        self.samples: IntArray = np.arange(count)

    def add(self, natives: Mapping[str, Native]) -> None:
        """Keep what a stage has given."""
        self._natives.update(natives)

    def natives(self, names: Iterable[str]) -> dict[str, Native]:
        """What a stage takes."""
        return {name: self._natives[name] for name in names}

    def keep(self, names: Iterable[str], leaving: BoolArray) -> None:
        """Let the samples of some rows go; of the values, only those of these names are kept.

        The rows of those who left are filled with the last rows, in place: few are moved.
        """
        count = len(leaving) - int(leaving.sum())
        holes = np.flatnonzero(leaving[:count])
        moved = count + np.flatnonzero(~leaving[count:])
        self.samples[holes] = self.samples[moved]
        self.samples = self.samples[:count]
        kept = {name: self._filled(name, holes, moved, count) for name in names}
        self._natives = kept

    def _filled(self, name: str, holes: IntArray, moved: IntArray, count: int) -> Native:
        native = self._natives[name]
        array = self._engine.array(native)
        if count == len(array):
            return native
        if name in self._borrowed and len(holes):
            self._borrowed.remove(name)
            array = array.copy()
        array[holes] = array[moved]
        return self._engine.native(array[:count])
