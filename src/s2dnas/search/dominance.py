"""Which of many points are best where several things count: non-dominated sorting and crowding, as in NSGA-II."""

from collections.abc import Iterator

import numpy as np

from s2dnas.arrays import FloatArray, IntArray


def ranking(points: FloatArray) -> list[int]:
    """The indices of N points (N, D), the best first; more is better in each of the D things that count.

    A point comes after those that are beaten by fewer fronts; within a front the points at its ends come first, then
    those farthest from their neighbours.
    """
    ordered = [front[np.argsort(-crowding(points[front]), kind="stable")] for front in fronts(points)]
    return [int(index) for front in ordered for index in front]


def fronts(points: FloatArray) -> Iterator[IntArray]:
    """Indices of the points that no other dominates, then of those that no other one of the rest does, and so on."""
    one = points[:, None]
    wins = np.asarray((one >= points).all(axis=-1) & (one > points).any(axis=-1))
    rest = np.arange(len(points))
    while len(rest):
        beaten = wins[np.ix_(rest, rest)].any(axis=0)
        yield rest[~beaten]
        rest = rest[beaten]


def crowding(front: FloatArray) -> FloatArray:
    """(N,) how far the neighbours of each point of a front are apart, as shares of its extent; infinity at its ends.

    Summed over the things that count; what is the same for all points does not.
    """
    apart = np.zeros(len(front))
    extents = np.ptp(front, axis=0)
    for values, extent in zip(front.T[extents > 0], extents[extents > 0], strict=True):
        order = np.argsort(values, kind="stable")
        apart[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / extent
        apart[order[[0, -1]]] = np.inf
    return apart
