"""Who scores the plans of a run: this process, others, or other machines; workers open the run's folder themselves."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from s2dnas.pipeline.opening import open_run
from s2dnas.pipeline.run import Run
from s2dnas.search.executors import InProcess, PlanEvaluator, PlanExecutor
from s2dnas.search.process_workers import process_crew
from s2dnas.search.ray_workers import ray_crew

_log = logging.getLogger(__name__)

MakeEvaluator = Callable[[Run], PlanEvaluator]


@dataclass(frozen=True)
class RunEvaluator:
    """In a worker, the evaluator that ``make``, a function of a module, gives for the run in ``folder``.

    Names in its settings may be relative to ``directory``, where the run was started. ``threads`` are this worker's.
    """

    make: MakeEvaluator
    folder: str
    directory: str
    threads: int

    def __call__(self) -> PlanEvaluator:
        """Open the run, and make the evaluator of it."""
        os.chdir(self.directory)
        run = open_run(Path(self.folder), None)
        torch.set_num_threads(self.threads)  # before anything is computed: the order of sums follows from it
        return self.make(run)


@contextmanager
def run_executor(run: Run, evaluate: PlanEvaluator, make: MakeEvaluator) -> Iterator[PlanExecutor]:
    """What scores the plans of a run, as its settings say: this process by ``evaluate``, or workers, in which ``make``
    gives the same. What it trained here, they find trained.
    """
    settings = run.settings.search
    if settings.executor == "process" and settings.workers == 1:
        yield InProcess(evaluate)
        return
    factory = RunEvaluator(make, str(run.folder.path.resolve()), os.getcwd(), worker_threads(run))
    _log.info("%d workers (%s) score plans, threads each: %d", settings.workers, settings.executor, factory.threads)
    if settings.executor == "process":
        with process_crew(factory, settings.workers) as crew:
            yield crew
    else:
        gpus = float(run.compute.device.type == "cuda")
        with ray_crew(factory, settings.workers, cpus=factory.threads, gpus=gpus) as crew:
            yield crew


def worker_threads(run: Run) -> int:
    """The threads of each worker: as set, or an equal share of this process's, 1 at least."""
    settings = run.settings.search
    return settings.threads or max(1, torch.get_num_threads() // settings.workers)
