"""Workers that are processes of this machine."""

import os
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

from s2dnas.search.crew import Crew, Worker
from s2dnas.search.executors import EvaluatorFactory, PlanEvaluator, TimedScore, timed
from s2dnas.space.plan import Plan


def process_crew(factory: EvaluatorFactory, workers: int, attempts: int = 3) -> Crew:
    """A crew of processes, in each of which ``factory``, which must be picklable, makes the evaluator once.

    Plans go to them as plain values. Processes are started anew, not forked, so a program that uses this must not run
    when it is imported (``if __name__ == "__main__"``). They end with this process, however that ends.
    """
    return Crew(partial(ProcessWorker, factory), workers, attempts)


class ProcessWorker(Worker):
    """A process: a pool of one, since the standard library gives up a whole pool when one of its processes dies."""

    def __init__(self, factory: EvaluatorFactory) -> None:
        context = get_context("spawn")  # a fork would copy locks that threads of torch hold
        theirs, self._lifeline = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(1, context, initializer=_begin, initargs=(theirs,))
        self._factory = factory

    def prepare(self) -> "Future[None]":
        """See ``Worker``."""
        return self._submitted(_prepare, self._factory)

    def score(self, plan: Plan) -> "Future[TimedScore]":
        """See ``Worker``."""
        return self._submitted(_score, plan.to_dict())

    def raised(self, error: BaseException) -> BaseException | None:
        """See ``Worker``."""
        return None if isinstance(error, BrokenProcessPool) else error

    def stop(self) -> None:
        """See ``Worker``."""
        self._lifeline.close()
        self._pool.shutdown(cancel_futures=True)

    def _submitted(self, function: Callable[..., Any], argument: object) -> "Future[Any]":
        try:
            return self._pool.submit(function, argument)
        except BrokenProcessPool as error:  # it died while it had nothing to do
            failed: Future[Any] = Future()
            failed.set_exception(error)
            return failed


_made: list[PlanEvaluator] = []
"""In a worker: its evaluator."""


def _begin(lifeline: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the driver decides
    Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    """End this process, in the middle of whatever it does, when the other end is closed: by a stop, or by a death."""
    with suppress(EOFError, OSError):
        lifeline.recv_bytes()
    os._exit(1)


def _prepare(factory: EvaluatorFactory) -> None:
    _made.append(factory())


def _score(plan: Mapping[str, Any]) -> TimedScore:
    return timed(_made[0], Plan.from_dict(plan))
