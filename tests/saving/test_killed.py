"""A save that is killed leaves what the folder held before, or what it was to hold; never something in between."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from oracle import tiny
from s2dnas.exits import ExitRule
from s2dnas.saving.loading import load
from s2dnas.saving.writing import save
from s2dnas.space.division import search_space
from s2dnas.staged.build import MultiStageNet, build

OLD, NEW = ExitRule("margin", (0.25,)), ExitRule("margin", (0.75,))
STEPS = 9
"""What a save does on disk: two files written, flushed, renamed, their temporary ones removed; then old weights."""


class Killed(BaseException):
    """What no code catches."""


class Disk:
    """Fails at the given step, and from then on always: who is dead cleans nothing up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
        self.left = step
        for owner, name in ((os, "fsync"), (os, "replace"), (Path, "unlink")):
            monkeypatch.setattr(owner, name, self._failing(getattr(owner, name), None))
        monkeypatch.setattr(Path, "write_bytes", self._failing(Path.write_bytes, Path.write_bytes))
        monkeypatch.setattr(Path, "write_text", self._failing(Path.write_text, Path.write_text))

    def _failing(self, do: Callable[..., Any], partly: Callable[..., Any] | None) -> Callable[..., Any]:
        def step(*arguments: Any, **keywords: Any) -> Any:
            self.left -= 1
            if self.left > 0:
                return do(*arguments, **keywords)
            if partly is not None and self.left == 0:
                path, content = arguments
                partly(path, content[: len(content) // 2])
            raise Killed

        return step


def network(scale: float) -> MultiStageNet:
    graph = tiny("vgg").graph
    made = build(graph, search_space(graph, 2, 1).uniform())
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(scale)
    return made


@pytest.mark.parametrize("step", range(1, STEPS + 2))
def test_a_killed_save_leaves_the_old_or_the_new(step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, old, new = tmp_path / "saved", network(1), network(2)
    save(old, OLD, folder)
    (folder / "notes.txt").write_text("the user's own")
    with monkeypatch.context() as patch:
        Disk(patch, step)
        with pytest.raises(Killed) if step <= STEPS else nullcontext():
            save(new, NEW, folder)
    found, rules = load(folder)
    expected = old if rules == {"default": OLD} else new
    assert rules in ({"default": OLD}, {"default": NEW})
    assert all(torch.equal(a, b) for a, b in zip(found.parameters(), expected.parameters(), strict=True))
    save(new, NEW, folder)
    assert load(folder)[1] == {"default": NEW}
    left = sorted(path.name for path in folder.iterdir())
    assert left[:2] == ["network.json", "notes.txt"]
    assert len(left) == 3


def test_another_network_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    save(network(1), OLD, tmp_path)
    save(network(2), NEW, tmp_path)
    save(network(2), OLD, tmp_path)
    assert load(tmp_path)[1] == {"default": OLD}
    assert len(list(tmp_path.iterdir())) == 2
