"""What Prometheus learns of a server."""

from collections.abc import Callable

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from s2dnas.runtime import SessionAnswers

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ServingMetrics:
    """Counts since the start. ``waiting`` tells how many images wait when it is asked."""

    def __init__(self, num_stages: int, waiting: Callable[[], float]) -> None:
        self._registry, self._num_stages = CollectorRegistry(), num_stages
        self._exits = Counter(
            "s2dnas_exits", "Images answered, by operating point and stage", ["point", "stage"], registry=self._registry
        )
        self._relieved = Counter(
            "s2dnas_relieved", "Images answered at lowered thresholds, by share", ["relief"], registry=self._registry
        )
        self._requests = Counter("s2dnas_requests", "Requests, by status", ["status"], registry=self._registry)
        self._latency = Histogram(
            "s2dnas_latency_seconds", "From a request's start to its answer", buckets=_BUCKETS, registry=self._registry
        )
        queue = Gauge("s2dnas_waiting_images", "Images that wait for their batch", registry=self._registry)
        queue.set_function(waiting)

    def answered(self, answers: SessionAnswers, point: str, relief: float) -> None:
        """Count images that were answered."""
        for stage, count in enumerate(np.bincount(answers.stages, minlength=self._num_stages).tolist()):
            if count:
                self._exits.labels(point, str(stage + 1)).inc(count)
        if relief:
            self._relieved.labels(f"{relief:g}").inc(len(answers))

    def ended(self, status: int, seconds: float) -> None:
        """Count a request that got its response; how long it took, if that holds answers."""
        self._requests.labels(str(status)).inc()
        if status == 200:
            self._latency.observe(seconds)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)
