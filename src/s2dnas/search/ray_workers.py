"""Workers that are actors of a Ray cluster: on as many machines as it has."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any

from s2dnas.extras import require_extra
from s2dnas.search.crew import Crew, Worker
from s2dnas.search.executors import EvaluatorFactory, PlanEvaluator, TimedScore, timed
from s2dnas.space.plan import Plan


@contextmanager
def ray_crew(
    factory: EvaluatorFactory, workers: int, *, cpus: float = 1.0, gpus: float = 0.0, attempts: int = 3
) -> Iterator[Crew]:
    """A crew of actors, in each of which ``factory`` makes the evaluator once; plans go to them as plain values.

    Ray sets ``cpus`` and ``gpus`` aside for each. Where the caller has not connected to a cluster, it is the one at the
    address in the environment variable RAY_ADDRESS, or a new one on this machine, which ends with the block. An actor
    for which there is no room waits, and the others go on. Raises MissingExtraError without Ray.
    """
    require_extra("ray", "ray")
    import ray

    connects = not ray.is_initialized()
    if connects:
        ray.init(os.environ.get("RAY_ADDRESS") or "local")
    try:
        with Crew(partial(RayWorker, factory, cpus, gpus), workers, attempts) as crew:
            yield crew
    finally:
        if connects:
            ray.shutdown()


class RayWorker(Worker):
    """An actor, which Ray starts on whichever machine has room."""

    def __init__(self, factory: EvaluatorFactory, cpus: float, gpus: float) -> None:
        import ray

        self._actor = ray.remote(_Actor).options(num_cpus=cpus, num_gpus=gpus, max_restarts=0).remote()
        self._factory = factory

    def prepare(self) -> "Future[None]":
        """See ``Worker``."""
        future: Future[None] = self._actor.prepare.remote(self._factory).future()
        return future

    def score(self, plan: Plan) -> "Future[TimedScore]":
        """See ``Worker``."""
        future: Future[TimedScore] = self._actor.score.remote(plan.to_dict()).future()
        return future

    def raised(self, error: BaseException) -> BaseException | None:
        """See ``Worker``."""
        from ray.exceptions import RayError, RayTaskError

        if isinstance(error, RayTaskError):
            cause: BaseException = error.cause or error
            return cause
        # All others say that an actor, its machine or its result is gone.
        return None if isinstance(error, RayError) else error

    def stop(self) -> None:
        """See ``Worker``."""
        import ray

        ray.kill(self._actor)


class _Actor:
    """What an actor holds: the evaluator, with its data and weights."""

    def __init__(self) -> None:
        self._evaluate: PlanEvaluator | None = None

    def prepare(self, factory: EvaluatorFactory) -> None:
        self._evaluate = factory()

    def score(self, plan: Mapping[str, Any]) -> TimedScore:
        assert self._evaluate is not None
        return timed(self._evaluate, Plan.from_dict(plan))
