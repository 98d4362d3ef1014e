"""Which engine answers fastest here, and which operating points are worth offering: both are measured."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from s2dnas.arrays import Images
from s2dnas.errors import DataError
from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.engine import Engine
from s2dnas.runtime.one_graph import static_graph
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine
from s2dnas.runtime.openvino_engine import OpenvinoEngine
from s2dnas.runtime.session import Session

_Key = tuple[str, str | None]


@dataclass(frozen=True)
class PointTimes:
    """Milliseconds per batch of ``batch`` images in ``engine``, at each operating point; ``static`` is the network
    that was divided, in whichever engine runs it fastest.
    """

    engine: str
    batch: int
    static: float
    points: Mapping[str, float]

    @property
    def offered(self) -> tuple[str, ...]:
        """The operating points that are faster than the static network."""
        return tuple(name for name, milliseconds in self.points.items() if milliseconds < self.static)


def fastest(
    bundle: Bundle | Path | str, images: Images, *, batch: int = 1, threads: int = 1, rounds: int = 5
) -> tuple[Session, PointTimes]:
    """The session that answers images (N, C, H, W) fastest, in batches, summed over all operating points.

    The images should be such as will come, since they decide how many leave early. Times are medians over ``rounds``
    of all candidates in turn: onnxruntime with features in plain layout and in blocks, and OpenVINO if it is installed.
    Raises DataError for less than a batch of images, SettingsError for a bundle without the static network.
    """
    bundle = bundle if isinstance(bundle, Bundle) else Bundle.opened(bundle)
    if batch < 1 or len(images) < batch:
        raise DataError(f"to measure batches of {batch}, give at least as many images, not {len(images)}")
    parts = [images[start : start + batch] for start in range(0, len(images) - batch + 1, batch)]
    engines = _engines(threads)
    sessions = [Session(bundle, engine=engine) for engine in engines]
    if sessions[0].engine != engines[0].name:
        sessions.append(Session(bundle, engine=engines[0], blocked=False))
    calls: dict[_Key, Callable[[], None]] = {
        (session.engine, point): partial(_answer, session, parts, point)
        for session in sessions
        for point in bundle.manifest.points
    }
    statics: dict[_Key, Callable[[], None]] = {
        (engine.name, None): _static(bundle, engine, parts) for engine in engines
    }
    times = {key: seconds * 1000 / len(parts) for key, seconds in _in_turn({**calls, **statics}, rounds).items()}
    static = min(times[key] for key in statics)
    profiles = [
        PointTimes(name, batch, static, {point: times[name, point] for point in bundle.manifest.points})
        for name in (session.engine for session in sessions)
    ]
    best = min(range(len(sessions)), key=lambda index: sum(profiles[index].points.values()))
    return sessions[best], profiles[best]


def _engines(threads: int) -> list[Engine]:
    found: list[Engine] = [OnnxruntimeEngine(threads=threads)]
    return [*found, OpenvinoEngine(threads=threads)] if find_spec("openvino") else found


def _answer(session: Session, parts: Iterable[Images], point: str) -> None:
    for part in parts:
        session(part, point)


def _static(bundle: Bundle, engine: Engine, parts: list[Images]) -> Callable[[], None]:
    """A call that answers all parts with the static network."""
    network = static_graph(bundle, engine)

    def call() -> None:
        for part in parts:
            network(part)

    return call


def _in_turn(calls: Mapping[_Key, Callable[[], None]], rounds: int) -> dict[_Key, float]:
    """Median seconds of calls that take turns, after one of each that does not count."""
    for call in calls.values():
        call()
    seconds: dict[_Key, list[float]] = {key: [] for key in calls}
    for _ in range(rounds):
        for key, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[key].append(time.perf_counter() - start)
    return {key: median(some) for key, some in seconds.items()}
