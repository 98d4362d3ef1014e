"""Samples of many requests go through the stages together, get lost, and are answered as a session answers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixed import mixed
from s2dnas.errors import SettingsError
from s2dnas.runtime import SessionAnswers
from s2dnas.serving.dispatcher import Dispatcher, DispatchLimits
from s2dnas.serving.stage_worker import StageVerdict, StageWorker


@cache
def workers() -> list[StageWorker]:
    return [StageWorker(mixed().bundle, index) for index in range(3)]


class LostError(Exception):
    """As if the replica had died."""


@dataclass
class Calls:
    """One stage, called in this process. ``fails`` says of each call whether it is lost; one with the image ``kills``
    always is.
    """

    stage: int
    fails: list[bool] = field(default_factory=list)
    error: type[Exception] = LostError
    kills: int | None = None
    sizes: list[list[int]] = field(default_factory=list)
    running: int = 0
    most_running: int = 0

    async def __call__(self, groups: Sequence[Any]) -> tuple[StageVerdict, Any]:
        self.sizes.append([len(next(iter(group.values()))) for group in groups])
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        await asyncio.sleep(0)
        self.running -= 1
        if self.fails and self.fails.pop(0):
            raise self.error(f"stage {self.stage + 1}")
        if self.kills is not None and any(
            (each["image"] == mixed().images[self.kills]).all((1, 2, 3)).any() for each in groups
        ):
            raise self.error("this one kills")
        return workers()[self.stage](groups)


def dispatcher(calls: list[Calls], at_once: int = 2, **limits: Any) -> Dispatcher:
    macs = np.array([stage.macs for stage in mixed().bundle.manifest.stages])
    return Dispatcher(calls, [at_once] * 3, macs, DispatchLimits(**{"pause": 0.0, **limits}), (LostError,))


async def ask(through: Dispatcher, requests: Sequence[Sequence[int]]) -> list[SessionAnswers | BaseException]:
    images = mixed().images
    asked = (through.answer(images[np.array(rows, np.int64)]) for rows in requests)
    return await asyncio.gather(*asked, return_exceptions=True)


def agree(requests: Sequence[Sequence[int]], found: Sequence[Any]) -> None:
    for rows, answers in zip(requests, found, strict=True):
        mixed().equals(answers, np.array(rows, np.int64))


def test_the_images_are_of_every_kind() -> None:
    answers = mixed().answers
    assert min(np.bincount(answers.stages, minlength=3)) >= 10
    assert len(set(answers.labels.tolist())) > 1


Rows = st.lists(st.integers(0, 63), max_size=9)


@given(
    requests=st.lists(Rows, min_size=1, max_size=6),
    fails=st.tuples(*[st.lists(st.booleans(), max_size=6)] * 3),
    batch=st.integers(1, 8),
    at_once=st.integers(1, 3),
)
@settings(max_examples=60)
def test_all_are_answered_whatever_gets_lost(
    requests: list[list[int]], fails: tuple[list[bool], ...], batch: int, at_once: int
) -> None:
    calls = [Calls(stage, list(each)) for stage, each in enumerate(fails)]
    agree(requests, asyncio.run(ask(dispatcher(calls, at_once, batch=batch, losses=18), requests)))
    for each in calls:
        assert all(sum(sizes) <= batch for sizes in each.sizes)
        assert each.most_running <= at_once


def test_requests_join_while_a_stage_is_busy() -> None:
    calls = [Calls(stage) for stage in range(3)]
    requests = [[row] for row in range(20)]
    agree(requests, asyncio.run(ask(dispatcher(calls, 1, batch=8), requests)))
    assert calls[0].sizes == [[1], [1] * 8, [1] * 8, [1] * 3]


def test_a_large_request_goes_in_pieces() -> None:
    calls = [Calls(stage) for stage in range(3)]
    agree([range(64)], asyncio.run(ask(dispatcher(calls, batch=30), [range(64)])))
    assert calls[0].sizes == [[30], [30], [4]]


@pytest.mark.parametrize("batch", [1, 8])
def test_an_image_that_kills_replicas_ends_its_request_alone(batch: int) -> None:
    calls = [Calls(0, kills=0), Calls(1), Calls(2)]
    through = dispatcher(calls, 1, batch=batch, losses=3)
    requests = [[1], [2], [0, 3], *([row] for row in range(4, 20))]
    answered = asyncio.run(ask(through, requests))
    assert isinstance(answered.pop(2), LostError)
    agree([rows for rows in requests if 0 not in rows], answered)
    assert through.repeated >= 3


def test_other_errors_end_those_they_met() -> None:
    calls = [Calls(0, [False, True], error=ZeroDivisionError), Calls(1), Calls(2)]
    first, second, third = asyncio.run(ask(dispatcher(calls, 1, batch=1), [[0], [1], [2]]))
    assert isinstance(second, ZeroDivisionError)
    agree([[0], [2]], [first, third])


def test_whoever_goes_leaves_the_others_their_answers() -> None:
    async def go() -> list[SessionAnswers]:
        through = dispatcher([Calls(stage) for stage in range(3)], 1, batch=4)
        tasks = [asyncio.create_task(through.answer(mixed().images[[row]])) for row in range(8)]
        await asyncio.sleep(0)
        tasks[3].cancel()
        return await asyncio.gather(*tasks[:3], *tasks[4:])

    agree([[row] for row in (0, 1, 2, 4, 5, 6, 7)], asyncio.run(go()))


@pytest.mark.parametrize("limits", [{"batch": 0}, {"losses": -1}, {"pause": -0.1}])
def test_limits_out_of_range_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(limits))):
        DispatchLimits(**limits)


def test_a_stage_takes_no_part_in_memory_with_what_it_gives() -> None:
    images = mixed().images.copy()
    images.setflags(write=False)
    verdict, staying = workers()[0]([{"image": images[:10]}, {"image": images[10:20]}])
    assert len(verdict) == 20
    assert {len(array) for array in staying.values()} == {int((~verdict.leaving).sum())}
    assert not any(np.shares_memory(array, images) for array in staying.values())


def test_no_values_are_given_where_nobody_stays() -> None:
    gone = np.flatnonzero(mixed().answers.stages == 0)
    verdict, staying = workers()[0]([{"image": mixed().images[gone]}])
    assert verdict.leaving.all()
    assert not staying
