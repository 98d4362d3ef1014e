"""The steps of a run, by name and in order."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from s2dnas.pipeline.run import Run

STEPS = {
    "static": "training.train_static",
    "search": "search.search_plan",
    "train": "training.train_plan",
    "control": "training.train_control",
    "calibrate": "exits.set_thresholds",
    "evaluate": "exits.answer_test",
    "save": "saving.save_network",
    "time": "timing.measure_times",
    "report": "reporting.compile_report",
}
"""Which function of this package does each step; its module is imported then, so that the names cost nothing."""


def do(run: "Run", step: str) -> None:
    """Do one of the ``STEPS``; a training or a search that was stopped goes on."""
    module, _, function = STEPS[step].partition(".")
    getattr(import_module(f"{__package__}.{module}"), function)(run)
