"""Every step is a function of a run, and the report is the last one."""

from importlib import import_module
from inspect import signature

import pytest

from s2dnas.pipeline import steps
from s2dnas.pipeline.run import Run


@pytest.mark.parametrize("place", steps.STEPS.values())
def test_every_step_is_a_function_of_a_run(place: str) -> None:
    module, _, function = place.partition(".")
    found = getattr(import_module(f"s2dnas.pipeline.{module}"), function)
    assert [parameter.annotation for parameter in signature(found).parameters.values()] == [Run]


def test_the_report_comes_last() -> None:
    assert list(steps.STEPS)[-1] == "report"
