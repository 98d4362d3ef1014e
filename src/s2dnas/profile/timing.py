"""How long something takes: processor time, and the least of many measurements, since others can only add to it."""

import time
from collections.abc import Callable, Sequence
from itertools import pairwise

FEWEST = 5


def least_milliseconds(
    runs: Sequence[Callable[[], object]], seconds: float, between: Callable[[], object] = lambda: None
) -> list[float]:
    """Processor time of each of some runs, which are done in turn, with something ``between`` the rounds.

    The least that is measured within ``seconds``, in ``FEWEST`` rounds or more. Neighbours on the same machine slow
    things down for a while, so measurements that are soon over tell little.
    """
    rounds: list[list[float]] = []
    until = time.monotonic() + seconds
    while len(rounds) < FEWEST or time.monotonic() < until:
        between()
        rounds.append(_round(runs))
    return [1e3 * min(times) for times in zip(*rounds, strict=True)]


def _round(runs: Sequence[Callable[[], object]]) -> list[float]:
    ticks = [time.process_time()]
    for run in runs:
        run()
        ticks.append(time.process_time())
    return [after - before for before, after in pairwise(ticks)]
