"""Measurements that are kept as they are made: a profile that was killed goes on where it stopped."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from s2dnas.artifacts import append_line, read_lines
from s2dnas.errors import ArtifactError

Times = Callable[[], list[float]]


@dataclass(frozen=True, eq=False)
class Measurements:
    """Milliseconds by what was timed; each measurement is a line of the journal at ``path``, if there is one.

    ``origin`` says what the journal belongs to. Raises ArtifactError if it belongs to something else.
    """

    path: Path | None
    origin: Mapping[str, Any]
    _known: dict[str, list[list[float]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        if self.path is None:
            return
        if not (found := read_lines(self.path)):
            append_line(self.path, self.origin)
            return
        head, *lines = found
        if head != self.origin:
            raise ArtifactError(
                f"{self.path} holds measurements of {head}, not of {self.origin}; finish those, or delete the file"
            )
        for line in lines:
            self._known[line["timed"]].append(line["milliseconds"])

    def make(self, tasks: Mapping[str, Times], passes: int, on_progress: Callable[[int, int], None] | None) -> None:
        """Measure everything ``passes`` times, one pass after the other, as far as that is not done."""
        for number in range(passes):
            for place, (timed, times) in enumerate(tasks.items()):
                if len(self._known[timed]) <= number:
                    self._add(timed, times())
                if on_progress is not None:
                    on_progress(number * len(tasks) + place + 1, passes * len(tasks))

    def least(self, timed: str) -> list[float]:
        """The least of all measurements of something, for each of its parts."""
        found: Sequence[float] = np.min(self._known[timed], axis=0).tolist()
        return list(found)

    def _add(self, timed: str, times: list[float]) -> None:
        if self.path is not None:
            append_line(self.path, {"timed": timed, "milliseconds": times})
        self._known[timed].append(times)
