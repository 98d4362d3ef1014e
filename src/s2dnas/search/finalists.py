"""The best plans that differ in cost: what is scored untrained compares like with like alone."""

from collections.abc import Sequence

import numpy as np

from s2dnas.search.journal import Entry
from s2dnas.search.loop import best_entry


def finalists(entries: Sequence[Entry], costs: Sequence[float], count: int) -> list[Entry]:
    """The entry of the highest reward in each of ``count`` equal ranges of cost; fewer where a range holds none.

    ``costs`` holds a number per entry, such as its first stage's. Raises SettingsError if there are no entries.
    """
    if not entries:
        return [best_entry(entries)]
    edges = np.linspace(min(costs), max(costs), count + 1)
    ranges = np.clip(np.searchsorted(edges, costs, side="right") - 1, 0, count - 1)
    return [
        best_entry([entry for entry, own in zip(entries, ranges, strict=True) if own == each])
        for each in np.unique(ranges)
    ]
