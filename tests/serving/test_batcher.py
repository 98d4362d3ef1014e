"""What the batcher promises: nothing accepted is lost, order, batches, deadlines, refusals, an orderly end."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2dnas.arrays import Images
from s2dnas.errors import SettingsError
from s2dnas.runtime import SessionAnswers
from s2dnas.serving import Batcher, ServedAnswers, ServingLimits
from s2dnas.serving.refusals import BusyError, DeadlineError, RequestError

POINTS = {"fast": (0.2, 0.4), "sure": (0.8, 0.6)}
FAR = float("inf")


def images(*values: float) -> Images:
    """Images of one pixel."""
    return np.array(values, np.float32).reshape(-1, 1, 1, 1)


def echo(batch: Images, point: str) -> SessionAnswers:
    """The label of an image is its pixel; its score tells the operating point."""
    labels = batch.reshape(-1).astype(np.int64)
    return SessionAnswers(labels, labels % 3, np.full(len(labels), POINTS[point][0]), labels * 10.0)


class Worker:
    """Answers by echo, notes its batches, and can be held inside a batch."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int], tuple[float, ...]]] = []
        self.entered, self.go = threading.Semaphore(0), threading.Event()
        self.go.set()
        self.takes: Callable[[], None] = lambda: None

    def __call__(self, batch: Images, point: str, /, *, thresholds: Sequence[float]) -> SessionAnswers:
        self.batches.append((point, batch.reshape(-1).astype(int).tolist(), tuple(thresholds)))
        self.entered.release()
        assert self.go.wait(30)
        self.takes()
        if (batch < 0).any():
            raise ArithmeticError("a negative image")
        return echo(batch, point)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def batching(worker: Worker, clock: Clock | None = None, **limits: float) -> Iterator[Batcher]:
    """A batcher of batches of 4 and a queue of 8."""
    chosen = ServingLimits(**{"batch": 4, "queue": 8, **limits})  # type: ignore[arg-type]
    with closing(Batcher(worker, POINTS, chosen, clock=clock or Clock())) as batcher:
        try:
            yield batcher
        finally:
            worker.go.set()


def held(worker: Worker, batcher: Batcher) -> "Future[ServedAnswers]":
    """Keep the only worker busy with an image of its own."""
    while worker.entered.acquire(blocking=False):
        pass
    worker.go.clear()
    future = batcher.submit(images(99), "fast", FAR)
    assert worker.entered.acquire(timeout=30)
    return future


def refusal(batcher: Batcher) -> str:
    try:
        batcher.refuse_if_full()
    except BusyError as error:
        return str(error)
    return ""


def labels(future: "Future[ServedAnswers]") -> list[int]:
    return future.result(30).answers.labels.tolist()


REQUESTS = st.lists(
    st.tuples(st.lists(st.integers(0, 1000), min_size=1, max_size=5), st.sampled_from(sorted(POINTS))), max_size=30
)


@given(REQUESTS, st.integers(1, 3), st.integers(5, 12))
@settings(max_examples=60)
def test_every_request_gets_the_answers_of_its_own_images(
    requests: list[tuple[list[int], str]], workers: int, batch: int
) -> None:
    worker = Worker()
    with batching(worker, batch=batch, queue=1000, workers=workers, relief_most=0.0) as batcher:
        futures = [batcher.submit(images(*values), point, FAR) for values, point in requests]
    for (values, point), future in zip(requests, futures, strict=True):
        served = future.result(0)  # closing has answered all of them
        assert served.answers.labels.tolist() == values
        assert served.answers.stages.tolist() == [value % 3 for value in values]
        assert served.answers.macs.tolist() == [10.0 * value for value in values]
        assert set(served.answers.scores.tolist()) == {POINTS[point][0]}
        assert (served.point, served.relief, served.thresholds) == (point, 0.0, POINTS[point])
    assert sorted(value for _, some, _ in worker.batches for value in some) == sorted(
        value for values, _ in requests for value in values
    )
    assert all(len(some) <= batch for _, some, _ in worker.batches)


def test_what_waits_is_joined_in_order_by_operating_point() -> None:
    worker = Worker()
    with batching(worker, relief_most=0.0) as batcher:
        held(worker, batcher)
        order = [((1, 2), "fast"), ((3,), "sure"), ((4,), "fast"), ((5, 6), "fast"), ((7,), "sure")]
        futures = [batcher.submit(images(*values), point, FAR) for values, point in order]
        assert batcher.waiting == 7
        worker.go.set()
        assert [labels(future) for future in futures] == [[1, 2], [3], [4], [5, 6], [7]]
    found = [(point, values) for point, values, _ in worker.batches[1:]]
    assert found == [("fast", [1, 2, 4]), ("sure", [3, 7]), ("fast", [5, 6])]


def test_a_request_does_not_overtake_an_older_one_that_has_no_room() -> None:
    worker = Worker()
    with batching(worker, relief_most=0.0) as batcher:
        held(worker, batcher)
        for values in [(1, 2, 3), (4, 5), (6,)]:
            batcher.submit(images(*values), "fast", FAR)
    assert [values for _, values, _ in worker.batches[1:]] == [[1, 2, 3], [4, 5, 6]]


def test_a_full_queue_refuses_and_loses_nothing() -> None:
    worker = Worker()
    with batching(worker) as batcher:
        first = held(worker, batcher)
        accepted = [batcher.submit(images(*range(start, start + 4)), "fast", FAR) for start in (0, 4)]
        with pytest.raises(BusyError, match="8 of 8 images wait, there is no room for 1"):
            batcher.submit(images(8), "fast", FAR)
        with pytest.raises(BusyError):
            batcher.refuse_if_full()
        worker.go.set()
        assert [labels(future) for future in (first, *accepted)] == [[99], [0, 1, 2, 3], [4, 5, 6, 7]]
        assert labels(batcher.submit(images(8), "fast", FAR)) == [8]


def test_a_request_past_its_deadline_is_not_run() -> None:
    worker, clock = Worker(), Clock()
    with batching(worker, clock) as batcher:
        held(worker, batcher)
        late, later = (batcher.submit(images(value), "fast", clock.now + value) for value in (1, 2))
        clock.now += 1.5
        worker.go.set()
        with pytest.raises(DeadlineError, match="while the request waited"):
            late.result(30)
        assert labels(later) == [2]
    assert [values for _, values, _ in worker.batches] == [[99], [2]]


def test_an_answer_after_the_deadline_is_not_given() -> None:
    worker, clock = Worker(), Clock()
    with batching(worker, clock) as batcher:
        worker.takes = lambda: setattr(clock, "now", clock.now + 1)
        with pytest.raises(DeadlineError, match="found after the deadline"):
            batcher.submit(images(1), "fast", clock.now + 0.5).result(30)
        assert labels(batcher.submit(images(1), "fast", clock.now + 1.5)) == [1]


def test_a_deadline_that_what_waits_leaves_no_hope_for_is_refused_at_once() -> None:
    worker, clock = Worker(), Clock()
    with batching(worker, clock) as batcher:
        worker.takes = lambda: setattr(clock, "now", clock.now + 1)
        assert labels(batcher.submit(images(1), "fast", FAR)) == [1]  # a second per image
        worker.takes = lambda: None
        held(worker, batcher)
        batcher.submit(images(1, 2, 3), "fast", FAR)
        with pytest.raises(BusyError, match=r"3 images wait, about 3 s, too long for a deadline in 5\.9 s") as refused:
            batcher.submit(images(1), "fast", clock.now + 5.9)
        assert refused.value.retry_after == 3
        accepted = batcher.submit(images(4), "fast", clock.now + 6.1)
        worker.go.set()
        assert labels(accepted) == [4]


def test_thresholds_fall_as_the_queue_fills_and_the_answer_says_so() -> None:
    worker = Worker()
    with batching(worker, batch=2, queue=8, relief_from=0.5, relief_most=0.8) as batcher:
        held(worker, batcher)
        futures = [batcher.submit(images(value, value), "sure", FAR) for value in range(4)]
        worker.go.set()
        found = [future.result(30) for future in futures]
    # beside the batch, 6, 4, 2 and 0 images wait, of 6 that could
    assert [served.relief for served in found] == [0.8, 0.2, 0.0, 0.0]
    for served, (_, _, used) in zip(found, worker.batches[1:], strict=True):
        assert served.point == "sure"
        assert served.thresholds == used == pytest.approx([t * (1 - served.relief) for t in POINTS["sure"]])


def test_thresholds_fall_where_waiting_takes_long_though_few_wait() -> None:
    worker, clock = Worker(), Clock()
    with batching(worker, clock, batch=1, queue=100, deadline=8) as batcher:
        worker.takes = lambda: setattr(clock, "now", clock.now + 1)
        assert labels(batcher.submit(images(0), "sure", FAR)) == [0]  # a second per image
        worker.takes = lambda: None
        held(worker, batcher)
        futures = [batcher.submit(images(value), "sure", FAR) for value in range(5)]
        worker.go.set()
        found = [future.result(30).relief for future in futures]
    assert found[0] == 0.5  # beside it 4 images wait; held took no time, so that one of them takes .8 s, of 4 s at most
    assert found[-1] == 0.0


def test_a_batch_that_fills_the_queue_alone_is_no_load() -> None:
    with batching(Worker(), batch=8, queue=8, relief_from=0.0) as batcher:
        assert batcher.submit(images(*range(8)), "sure", FAR).result(30).relief == 0.0


def test_closing_answers_what_waits_and_accepts_nothing_more() -> None:
    worker = Worker()
    with batching(worker) as batcher:
        futures = [held(worker, batcher), *(batcher.submit(images(value), "fast", FAR) for value in range(3))]
        closing_down = threading.Thread(target=batcher.close)
        closing_down.start()
        while "the server stops" not in refusal(batcher):
            pass  # until the thread has said so
        worker.go.set()
        closing_down.join(30)
        assert not closing_down.is_alive()
        assert [future.done() for future in futures] == [True] * len(futures)
        assert [labels(future) for future in futures] == [[99], [0], [1], [2]]


def test_what_a_worker_raises_is_for_those_who_wait_for_it_alone() -> None:
    worker = Worker()
    with batching(worker) as batcher:
        held(worker, batcher)
        fails, also, other = (
            batcher.submit(images(value), point, FAR) for value, point in [(-1, "fast"), (1, "fast"), (2, "sure")]
        )
        worker.go.set()
        for future in (fails, also):
            with pytest.raises(ArithmeticError, match="negative"):
                future.result(30)
        assert labels(other) == [2]
        assert labels(batcher.submit(images(3), "fast", FAR)) == [3]


def test_a_request_that_nobody_waits_for_any_more_is_not_run() -> None:
    worker = Worker()
    with batching(worker) as batcher:
        held(worker, batcher)
        gone, stays = (batcher.submit(images(value), "fast", FAR) for value in (1, 2))
        assert gone.cancel()
        worker.go.set()
        assert labels(stays) == [2]
    assert [values for _, values, _ in worker.batches] == [[99], [2]]


def test_what_can_never_be_answered_is_refused() -> None:
    with batching(Worker()) as batcher:
        for values in ((), range(5)):
            with pytest.raises(RequestError, match="1 to 4 images") as refused:
                batcher.submit(images(*values), "fast", FAR)
            assert refused.value.status == 422
        with pytest.raises(SettingsError, match="did you mean 'fast'"):
            batcher.submit(images(1), "fest", FAR)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"batch": 0}, "batch must be at least 1"),
        ({"batch": 9, "queue": 8}, "queue must be at least the batch of 9"),
        ({"workers": 0}, "workers"),
        ({"deadline": 0}, "deadline"),
        ({"deadline": 601}, "deadline"),
        ({"relief_from": 1}, "relief_from"),
        ({"relief_most": 1.5}, "relief_most"),
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        ServingLimits(**wrong)  # type: ignore[arg-type]
