"""Who scores plans, how many do, and which of them die changes nothing in what a search finds."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Barrier, Event, Lock

import pytest

from s2dnas.errors import DataError, SettingsError, WorkerError
from s2dnas.search.crew import Crew, Worker
from s2dnas.search.executors import PlanExecutor, Pooled, TimedScore, timed
from s2dnas.search.journal import Entry, Score, read_journal
from s2dnas.search.loop import search
from s2dnas.search.registry import make_strategy
from s2dnas.search.strategy import Strategy
from s2dnas.space.plan import Plan
from s2dnas.space.space import SearchSpace, Split
from scored_elsewhere import SPACE, score_of

FEW = SearchSpace(2, (Split("a", (1, 1, 1, 1)),))


class DiedError(Exception):
    """What a thread's future raises in the place of a death."""


class Threads:
    """Hires workers that are threads; ``grief`` is called with what they do, and raises what happens to them."""

    def __init__(self, grief: Callable[[Plan | None], object] = lambda _: None) -> None:
        self.grief, self.lock = grief, Lock()
        self.hired, self.stopped, self.calls = 0, 0, Counter[Plan]()

    def __call__(self) -> Worker:
        self.hired += 1
        return _Thread(self)

    def score(self, plan: Plan) -> Score:
        with self.lock:
            self.calls[plan] += 1
        self.grief(plan)
        return score_of(plan)


class _Thread(Worker):
    def __init__(self, hired_by: Threads) -> None:
        self.hired_by, self.pool = hired_by, ThreadPoolExecutor(1)

    def prepare(self) -> "Future[None]":
        return self.pool.submit(self.hired_by.grief, None)

    def score(self, plan: Plan) -> "Future[TimedScore]":
        return self.pool.submit(timed, self.hired_by.score, plan)

    def raised(self, error: BaseException) -> BaseException | None:
        return None if isinstance(error, DiedError) else error

    def stop(self) -> None:
        self.hired_by.stopped += 1
        self.pool.shutdown()


def fresh(space: SearchSpace = SPACE) -> Strategy:
    return make_strategy("reinforce", space, seed=0)


def found(
    evaluator: PlanExecutor | Callable[[Plan], Score], journal: Path | None, evaluations: int = 11
) -> list[Entry]:
    return search(fresh(), evaluator, evaluations, 4, journal)


def content(entries: list[Entry]) -> list[tuple[Plan, Score]]:
    return [(entry.plan, entry.score) for entry in entries]


EXPECTED = content(found(score_of, None))


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("seed", range(4))
def test_a_search_finds_the_same_whoever_dies(size: int, seed: int, tmp_path: Path) -> None:
    chance, number, deaths = random.Random(seed), count(), list[Plan | None]()
    fatal = set(chance.sample(range(12), 4))

    def grief(plan: Plan | None) -> None:
        if next(number) in fatal:
            deaths.append(plan)
            raise DiedError

    threads = Threads(grief)
    with Crew(threads, size, attempts=5) as crew:
        entries = found(crew, tmp_path / "journal.jsonl")
    assert content(entries) == content(read_journal(tmp_path / "journal.jsonl")) == EXPECTED
    assert threads.calls == Counter(plan for plan, _ in EXPECTED) + Counter(plan for plan in deaths if plan)
    assert threads.hired == threads.stopped <= size + len(deaths)
    assert len(deaths) == 4


def test_the_plans_of_a_batch_are_scored_at_the_same_time() -> None:
    together = Barrier(4)
    with Crew(Threads(lambda plan: plan and together.wait(timeout=20)), 4) as crew:
        assert content(found(crew, None, 4)) == EXPECTED[:4]


def test_scores_that_come_in_reverse_order_are_handed_on_in_order() -> None:
    plans = [plan for plan, _ in EXPECTED[:4]]
    scored = {plan: Event() for plan in plans}

    def grief(plan: Plan | None) -> None:
        if plan is not None:
            later = plans[plans.index(plan) + 1 :][:1]
            assert all(scored[each].wait(timeout=20) for each in later)
            scored[plan].set()

    with Crew(Threads(grief), 4) as crew:
        assert [found.score for found in crew.map(plans)] == [score for _, score in EXPECTED[:4]]


def test_each_distinct_plan_is_scored_once_also_within_a_batch() -> None:
    threads = Threads()
    with Crew(threads, 3) as crew:
        entries = search(fresh(FEW), crew, 40, 20, None)
    assert set(threads.calls.values()) == {1}
    assert {entry.plan for entry in entries} == set(threads.calls)
    assert sum(entry.seconds > 0 for entry in entries) == len(threads.calls) < 20


@pytest.mark.parametrize("size", [1, 4])
def test_what_an_evaluator_raises_comes_in_its_place_and_as_it_was(size: int, tmp_path: Path) -> None:
    error, fatal = DataError("this one"), EXPECTED[6][0]

    def grief(plan: Plan | None) -> None:
        if plan == fatal:
            raise error

    threads = Threads(grief)
    with Crew(threads, size) as crew, pytest.raises(DataError) as raised:
        found(crew, tmp_path / "journal.jsonl")
    assert raised.value is error
    assert content(read_journal(tmp_path / "journal.jsonl")) == EXPECTED[:6]
    assert threads.hired == threads.stopped


def test_a_prefix_is_written_while_later_plans_are_scored(tmp_path: Path) -> None:
    written, last = Event(), EXPECTED[3][0]

    def grief(plan: Plan | None) -> None:
        assert plan != last or written.wait(timeout=20)

    def on_entry(_: int, __: Entry) -> None:
        if len(read_journal(tmp_path / "journal.jsonl")) == 3:
            written.set()

    with Crew(Threads(grief), 4) as crew:
        search(fresh(), crew, 4, 4, tmp_path / "journal.jsonl", on_entry)


def test_a_worker_that_is_not_ready_holds_nothing_up() -> None:
    room = Event()

    def grief(plan: Plan | None) -> None:
        if plan is None and threads.hired == 2:
            room.wait(timeout=20)

    threads = Threads(grief)
    with Crew(threads, 2) as crew:
        entries = found(crew, None)
        assert not room.is_set()
        room.set()
    assert content(entries) == EXPECTED


@pytest.mark.parametrize(("fatal", "doing"), [(EXPECTED[1][0], "scored plan"), (None, "was prepared")])
def test_what_kills_worker_after_worker_ends_in_an_error(fatal: Plan | None, doing: str, tmp_path: Path) -> None:
    def grief(plan: Plan | None) -> None:
        if plan == fatal:
            raise DiedError("by signal 9")

    threads = Threads(grief)
    with Crew(threads, 1) as crew, pytest.raises(WorkerError, match=rf"3 workers .* each {doing}.* by signal 9; "):
        found(crew, tmp_path / "journal.jsonl")
    assert threads.hired == threads.stopped == 3
    assert content(read_journal(tmp_path / "journal.jsonl")) == (EXPECTED[:1] if fatal else [])


def test_no_worker_is_hired_for_what_is_known(tmp_path: Path) -> None:
    found(score_of, tmp_path / "journal.jsonl")
    threads = Threads()
    with Crew(threads, 2) as crew:
        found(crew, tmp_path / "journal.jsonl")
        assert threads.hired == 0
        found(crew, tmp_path / "journal.jsonl", 12)
        assert threads.hired == 1


@pytest.mark.parametrize(("size", "attempts"), [(0, 3), (2, 0)])
def test_nobody_to_score_is_refused(size: int, attempts: int) -> None:
    with pytest.raises(SettingsError, match="at least 1, not 0"):
        Crew(Threads(), size, attempts)


def test_a_pool_of_threads_finds_the_same() -> None:
    with ThreadPoolExecutor(3) as pool:
        assert content(found(Pooled(pool, score_of), None)) == EXPECTED


def test_what_is_raised_in_a_pool_comes_as_it_was_and_the_rest_is_not_begun(tmp_path: Path) -> None:
    error, begun = DataError("this one"), list[Plan]()

    def evaluate(plan: Plan) -> Score:
        begun.append(plan)
        if plan == EXPECTED[5][0]:
            raise error
        return score_of(plan)

    with ThreadPoolExecutor(1) as pool, pytest.raises(DataError) as raised:
        found(Pooled(pool, evaluate), tmp_path / "journal.jsonl")
    assert raised.value is error
    assert content(read_journal(tmp_path / "journal.jsonl")) == EXPECTED[:5]
    assert len(begun) <= 8
