"""Searches of small runs that are killed and resumed, from a static network that is trained once."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from s2dnas import artifacts
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.steps import do
from s2dnas.pipeline.uniform import read_comparison
from s2dnas.search.journal import Entry, read_journal
from s2dnas.training.checkpoint import read_history
from small_run import open_small


class KilledError(BaseException):
    """The process ends here; no step catches it."""


def with_static(static: Run, folder: Path, *pairs: str) -> Run:
    """A run that has the static network of another one, and settings of its own."""
    run = open_small(folder, *pairs)
    shutil.copytree(static.folder.path / "static", run.folder.path / "static")
    return run


def searched(run: Run) -> Run:
    """The run after its search."""
    do(run, "search")
    return run


def searched_with_stops(run: Run, stops: Sequence[tuple[str, int]]) -> Run:
    """The run after its search, which was killed at each stop, the n-th event of a name since the kill before.

    An event is a call of the run's watch, by the name of what goes on, or a file that was put in its place.
    """
    for stop in stops:
        note = _killing(stop)
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(artifacts.os, "replace", partial(_put, note))
            with pytest.raises(KilledError):
                do(replace(run, watch=note), "search")
    return searched(run)


def _killing(stop: tuple[str, int]) -> Callable[..., None]:
    heard = Counter[str]()

    def note(name: str, *_: object) -> None:
        heard[name] += 1
        if (name, heard[name]) == stop:
            raise KilledError

    return note


def _put(note: Callable[..., None], source: Path, target: Path) -> None:
    os.rename(source, target)
    note(Path(target).name)


def entries(run: Run) -> list[Entry]:
    """What the journal says."""
    return read_journal(run.folder.finished("journal.jsonl"))


def assert_same_search(ours: Run, theirs: Run) -> None:
    """Both asked for the same plans, scored them alike to the last bit, and took the same one by the same lead."""
    one, other = ([(entry.plan, entry.score) for entry in entries(run)] for run in (ours, theirs))
    assert one == other
    assert ours.networks.plan() == theirs.networks.plan()
    assert read_comparison(ours.folder) == read_comparison(theirs.folder) is not None


def assert_same_training(ours: Path, theirs: Path) -> None:
    """Two checkpoints hold the same weights and the same losses, to the last bit."""
    one, other = load_file(ours), load_file(theirs)
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    losses = [[record.loss for record in read_history(path)] for path in (ours, theirs)]
    assert losses[0] == losses[1]
