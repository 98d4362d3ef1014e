"""How many replicas each stage gets: as many as the work that reaches it asks for."""

import heapq
from collections.abc import Sequence
from math import inf

from s2dnas.errors import SettingsError
from s2dnas.runtime.manifest import Manifest
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine


def plan_replicas(milliseconds: Sequence[float], reach: Sequence[float], total: int) -> tuple[int, ...]:
    """Divide ``total`` replicas among stages so that the busiest replica has as little to do as can be, (S,).

    ``milliseconds`` (S,) are what an image costs in a stage alone, in any unit; ``reach`` (S,) the share of all images
    that come to it. Every stage gets a replica, also one that nothing reaches. Raises SettingsError if the numbers do
    not fit each other, or there are fewer replicas than stages.
    """
    _refuse_misfits(milliseconds, reach, total)
    work = [cost * share for cost, share in zip(milliseconds, reach, strict=True)]
    replicas = [1] * len(work)
    busiest = [(-load, stage) for stage, load in enumerate(work)]
    heapq.heapify(busiest)
    for _ in range(total - len(work)):
        stage = busiest[0][1]
        replicas[stage] += 1
        heapq.heapreplace(busiest, (-work[stage] / replicas[stage], stage))
    return tuple(replicas)


def image_costs(manifest: Manifest) -> tuple[float, ...]:
    """What an image costs in each stage alone, (S,), to compare stages with each other.

    Milliseconds in onnxruntime, in the largest batch that was measured of all stages; macs where none was.
    """
    measured = [stage.milliseconds.get(OnnxruntimeEngine.name, {}) for stage in manifest.stages]
    if batches := set.intersection(*map(set, measured)):
        return tuple(times[max(batches)] / max(batches) for times in measured)
    up_to = [stage.macs for stage in manifest.stages]
    return tuple(after - before for before, after in zip([0.0, *up_to], up_to, strict=False))


def _refuse_misfits(milliseconds: Sequence[float], reach: Sequence[float], total: int) -> None:
    if not milliseconds or not all(0 <= cost < inf for cost in milliseconds):
        raise SettingsError(f"milliseconds must be a number of at least 0 for each stage, not {list(milliseconds)}")
    falling = all(later <= earlier for earlier, later in zip((1.0, *reach), (*reach, 0.0), strict=True))
    if len(reach) != len(milliseconds) or not falling:
        raise SettingsError(
            f"reach must be {len(milliseconds)} shares of all images, none above 1 or above that of an earlier stage, "
            f"not {list(reach)}"
        )
    if total < len(milliseconds):
        raise SettingsError(f"total must be at least a replica for each of {len(milliseconds)} stages, not {total}")
