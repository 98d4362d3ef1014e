"""Which trainings of a run begin with weights that know something: their learning rates follow from that."""

from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from s2dnas.pipeline import training
from s2dnas.pipeline.settings import load_settings


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Of each training, by its step, whether its weights are fresh."""
    noted: dict[str, bool] = {}

    def noting(run: object, step: str, *_: object, fresh: bool) -> None:
        del run
        noted[step] = fresh

    monkeypatch.setattr(training, "fit_step", noting)
    return noted


def run_with(weights: str | None, *pairs: str) -> Any:
    statics = SimpleNamespace(new=nn.Identity, after=lambda _: nn.Identity(), trained=nn.Identity())
    networks = SimpleNamespace(plan=lambda: None, starting=lambda *_: nn.Identity())
    settings = load_settings(None, pairs)
    start = SimpleNamespace(weights=weights)
    return SimpleNamespace(statics=statics, networks=networks, settings=settings, start=start)


@pytest.mark.parametrize(("weights", "fresh"), [(None, True), ("trained.safetensors", False)])
def test_the_static_network_is_fresh_unless_weights_are_given(
    starts: dict[str, bool], weights: str | None, fresh: bool
) -> None:
    training.train_static(run_with(weights))
    training.train_control(run_with(weights))
    assert starts == {"static": fresh, "control": False}


@pytest.mark.parametrize("start", ["reconstructed", "static", "scratch"])
def test_a_plan_s_network_is_fresh_if_it_starts_from_scratch(starts: dict[str, bool], start: str) -> None:
    training.train_plan(run_with(None, f"start={start}"))
    assert starts == {"train": start == "scratch"}
