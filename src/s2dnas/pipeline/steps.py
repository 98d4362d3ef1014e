"""What the steps of a run do, by name."""

from collections.abc import Callable

from s2dnas.pipeline.exits import answer_test, set_thresholds
from s2dnas.pipeline.reporting import compile_report
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.search import find_plan
from s2dnas.pipeline.training import train_control, train_plan, train_static

_ACTIONS: dict[str, Callable[[Run], None]] = {
    "static": train_static,
    "search": find_plan,
    "train": train_plan,
    "control": train_control,
    "calibrate": set_thresholds,
    "evaluate": answer_test,
    "report": compile_report,
}


def do(run: Run, step: str) -> None:
    """Do one step of ``pipeline.STEPS``; the run's settings may leave ``control`` out."""
    if step != "control" or run.settings.control:
        _ACTIONS[step](run)
