"""Couplings: the units that are alike, so that they can be split together."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

import numpy as np

from s2dnas.arrays import IntArray
from s2dnas.graph.channels import Coupling, Mixing

# How often a unit occurs, per mixing layer: among its outputs, and among its inputs.
_Occurrence = tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]


def find_couplings(mixing: Sequence[Mixing], whole: Collection[int]) -> tuple[Coupling, ...]:
    """Units that occur equally often in each layer, in the order of the layers; ``whole`` units are left out."""
    outputs = _count([(layer.name, layer.outputs) for layer in mixing])
    inputs = _count([(layer.name, layer.inputs) for layer in mixing])
    alike: dict[_Occurrence, list[int]] = defaultdict(list)
    for unit, layers in outputs.items():
        if unit != 0 and unit not in whole:
            alike[tuple(layers.items()), tuple(inputs[unit].items())].append(unit)
    names = _names([layers[0][0] for layers, _ in alike])
    return tuple(
        Coupling(name, np.array(units, dtype=np.int64), dict(layers))
        for name, ((layers, _), units) in zip(names, alike.items(), strict=True)
    )


def _count(channels: Sequence[tuple[str, IntArray]]) -> dict[int, Counter[str]]:
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for layer, units in channels:
        for unit in units.tolist():
            found[unit][layer] += 1
    return found


def _names(firsts: Sequence[str]) -> list[str]:
    """The first layer that produces a coupling, with a number where it is the first of several."""
    total, seen = Counter(firsts), Counter[str]()
    names = []
    for first in firsts:
        seen[first] += 1
        names.append(first if total[first] == 1 else f"{first}#{seen[first]}")
    return names
