"""What the steps of a run do, by name."""

from collections.abc import Callable

from s2dnas.pipeline.exits import answer_test, set_thresholds
from s2dnas.pipeline.reporting import compile_report
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.search import find_plan
from s2dnas.pipeline.training import train_equal, train_plan, train_static

_ACTIONS: dict[str, Callable[[Run], None]] = {
    "static": train_static,
    "search": find_plan,
    "train": train_plan,
    "equal": train_equal,
    "calibrate": set_thresholds,
    "evaluate": answer_test,
    "report": compile_report,
}


def do(run: Run, step: str) -> None:
    """Do one step of ``pipeline.STEPS``; the run's settings may leave ``equal`` out."""
    if step != "equal" or run.settings.equal:
        _ACTIONS[step](run)
