"""How much faster a bundle is than the static network in it: both in turn, in one process, on the same images."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np

from s2dnas.arrays import Images
from s2dnas.errors import SettingsError
from s2dnas.runtime.engine import Engine
from s2dnas.runtime.one_graph import static_graph
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine
from s2dnas.runtime.session import Session


@dataclass
class Timing:
    """Seconds of each call, on the clock and of the processor (all threads of the process)."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def measure(self, call: Callable[[], object]) -> None:
        """Add one call."""
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)


@dataclass(frozen=True)
class Speed:
    """Images per second, and percentiles of the milliseconds that one batch takes on the clock."""

    images_per_second: float
    p50: float
    p95: float
    p99: float

    @staticmethod
    def of(timing: Timing, batch: int) -> "Speed":
        """The speed of calls of one batch each."""
        p50, p95, p99 = (1000 * np.percentile(timing.wall, [50, 95, 99])).tolist()
        return Speed(batch * len(timing.wall) / sum(timing.wall), p50, p95, p99)


@dataclass(frozen=True)
class BenchRow:
    """The static and the dynamic network at one size of the batch.

    ``exit_share`` (S,) is where the images left, ``mac_cut`` the static macs over the mean macs. Speed-ups are medians
    over rounds of the static time over the dynamic one, on the clock and in processor time; ``efficiency`` is the
    latter over ``mac_cut``: the part of the saving in macs that is a saving in time.
    """

    batch: int
    exit_share: tuple[float, ...]
    mac_cut: float
    static: Speed
    dynamic: Speed
    speed_up: float
    cpu_speed_up: float

    @property
    def efficiency(self) -> float:
        """1 where time falls as macs do."""
        return self.cpu_speed_up / self.mac_cut

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        return {**asdict(self), "efficiency": self.efficiency}


class Bench:
    """Measures a session against the static network of its bundle, in the same engine.

    Raises SettingsError if the bundle was exported without the static network.
    """

    def __init__(self, session: Session, engine: Engine | None = None) -> None:
        engine = OnnxruntimeEngine() if engine is None else engine
        self._session, self._static = session, static_graph(session.bundle, engine)

    def row(
        self, images: Images, batch: int, thresholds: Sequence[float], rounds: int, *, point: str | None = None
    ) -> BenchRow:
        """Measure both on images (M, C, H, W) in batches; a last batch that is not full is left out.

        In each round, static and dynamic network answer all images, one after the other. Images are scored as at an
        operating point, by default the first, and leave at these thresholds.
        """
        groups = [images[start : start + batch] for start in range(0, len(images) - batch + 1, batch)]
        if not groups or rounds < 1:
            raise SettingsError(f"{len(images)} images and {rounds} rounds make no batch of {batch}; give more of them")
        answer = partial(self._session, point=point, thresholds=thresholds)
        self._round(groups, answer, Timing(), Timing())  # the first call of an engine makes its memory
        static, dynamic = [Timing() for _ in range(rounds)], [Timing() for _ in range(rounds)]
        for pair in zip(static, dynamic, strict=True):
            self._round(groups, answer, *pair)
        answers = [answer(group) for group in groups]
        stages = np.concatenate([answer.stages for answer in answers])
        macs = np.concatenate([answer.macs for answer in answers])
        return BenchRow(
            batch=batch,
            exit_share=tuple((np.bincount(stages, minlength=self._session.num_stages) / len(stages)).tolist()),
            mac_cut=float(self._session.bundle.manifest.static_macs / macs.mean()),
            static=Speed.of(_joined(static), batch),
            dynamic=Speed.of(_joined(dynamic), batch),
            speed_up=statistics.median(sum(a.wall) / sum(b.wall) for a, b in zip(static, dynamic, strict=True)),
            cpu_speed_up=statistics.median(sum(a.cpu) / sum(b.cpu) for a, b in zip(static, dynamic, strict=True)),
        )

    def _round(
        self, groups: Sequence[Images], answer: Callable[[Images], object], static: Timing, dynamic: Timing
    ) -> None:
        for group in groups:
            static.measure(partial(self._static, group))
        for group in groups:
            dynamic.measure(partial(answer, group))


def thresholds_for_share(
    session: Session, images: Images, share: float, *, point: str | None = None
) -> tuple[float, ...]:
    """Thresholds by which a share of images, scored as at a point, leaves at the first stage, the others at the last.

    For images that say nothing, such as noise: what leaving early would be worth, whoever leaves.
    """
    never = [2.0] * (session.num_stages - 1)
    if share <= 0 or not never:
        return tuple(never)
    scores = np.sort(session(images, point, thresholds=[0.0] * len(never)).scores)
    first = 0.0 if share >= 1 else float(scores[round((1 - share) * len(scores))])
    return (first, *never[1:])


def _joined(timings: Sequence[Timing]) -> Timing:
    return Timing([second for each in timings for second in each.wall], [])
