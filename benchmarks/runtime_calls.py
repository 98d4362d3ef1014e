"""What ``runtime.py`` times: the static network, the stages as one graph, sessions, and joined sessions."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from s2dnas.runtime import Bundle, Joined, Session
from s2dnas.runtime.engine import GraphProgram
from s2dnas.runtime.one_graph import OneGraph
from s2dnas.runtime.whole_graph import whole_graph
from s2dnas.values import score_name

Images = npt.NDArray[np.float32]
Call = Callable[[], None]
NOBODY = 2.0
"""A threshold that no score reaches."""


def one_graph(program: GraphProgram, parts: Sequence[Images]) -> Call:
    """Batches through one graph."""
    network = OneGraph(program)

    def call() -> None:
        for part in parts:
            network(part)

    return call


def stages_as_one(bundle: Bundle) -> bytes:
    """All stages as one ONNX graph that gives logits, scores and labels of all: nobody can leave."""
    return whole_graph(bundle).model.SerializeToString()


def session_call(session: Session, parts: Sequence[Images], thresholds: Sequence[float]) -> Call:
    """Batches through a session."""

    def call() -> None:
        for part in parts:
            session(part, thresholds=thresholds)

    return call


def joined_call(session: Session, parts: Sequence[Images], thresholds: Sequence[float]) -> Call:
    """Batches through a session whose survivors wait for each other, until all are answered."""
    joined = Joined(session, thresholds=thresholds, batch=len(parts[0]))

    def call() -> None:
        for part in parts:
            joined.push(part)
        joined.flush()

    return call


def thresholds_for(session: Session, images: Images, share: float) -> list[float]:
    """Of those who reach a stage but the last, the surest ``share`` leave."""
    found = session.programs.run_all(images)
    reached, thresholds = np.ones(len(images), np.bool_), []
    for stage in range(session.num_stages - 1):
        scores = found[score_name(stage, 0)]
        leaving = round(share * reached.sum())
        thresholds.append(float(np.sort(scores[reached])[-leaving]) if leaving else NOBODY)
        reached &= scores < thresholds[-1]
    return thresholds


def in_turn(calls: Mapping[tuple[str, float | None], Call], rounds: int) -> dict[tuple[str, float | None], float]:
    """Median seconds of CPU time of calls that take turns, after one of each that does not count."""
    for call in calls.values():
        call()
    seconds: dict[tuple[str, float | None], list[float]] = {key: [] for key in calls}
    for _ in range(rounds):
        for key, call in calls.items():
            start = time.process_time()
            call()
            seconds[key].append(time.process_time() - start)
    return {key: statistics.median(some) for key, some in seconds.items()}
