"""Processes that score plans, of which some are killed."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from s2dnas.errors import DataError, WorkerError
from s2dnas.search.executors import Pooled
from s2dnas.search.journal import read_journal
from s2dnas.search.loop import search
from s2dnas.search.process_workers import process_crew
from s2dnas.search.random import RandomStrategy
from scored_elsewhere import SPACE, Killed, Noted, Raises, SlowClock, Unmade, score_of

PLANS = RandomStrategy(SPACE, seed=0).ask(6)
SCORES = [score_of(plan) for plan in PLANS]


def test_a_process_that_is_killed_costs_one_evaluation(tmp_path: Path) -> None:
    factory = Killed(tmp_path, PLANS[1].key)
    with process_crew(factory, 2) as crew:
        assert [found.score for found in crew.map(PLANS)] == SCORES
    assert sum(factory.calls().values()) == len(PLANS) + 1
    assert factory.calls()[PLANS[1].key] == 2
    assert len(factory.processes() - {os.getpid()}) >= 2


def test_a_process_that_is_killed_while_it_has_nothing_to_do_costs_nothing(tmp_path: Path) -> None:
    factory = Noted(tmp_path)
    with process_crew(factory, 1) as crew:
        list(crew.map(PLANS[:3]))
        (process,) = factory.processes()
        os.kill(process, signal.SIGKILL)
        assert [found.score for found in crew.map(PLANS[3:])] == SCORES[3:]
    assert set(factory.calls().values()) == {1}
    assert len(factory.processes()) == 2


def test_a_plan_that_kills_every_process_ends_the_search(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    factory = Killed(tmp_path, PLANS[2].key, times=2)
    with process_crew(factory, 1, attempts=2) as crew, pytest.raises(WorkerError, match="2 workers died"):
        search(RandomStrategy(SPACE, seed=0), crew, 6, 6, journal)
    assert [entry.plan for entry in read_journal(journal)] == PLANS[:2]
    with process_crew(factory, 1) as crew:
        search(RandomStrategy(SPACE, seed=0), crew, 6, 6, journal)
    assert [entry.score for entry in read_journal(journal)] == SCORES


def test_an_exception_comes_as_it_was(tmp_path: Path) -> None:
    with process_crew(Raises(tmp_path, PLANS[0].key), 1) as crew, pytest.raises(DataError) as raised:
        list(crew.map(PLANS))
    assert raised.value.args == (f"no score for {PLANS[0].key}",)
    with process_crew(Unmade(tmp_path), 1) as crew, pytest.raises(DataError, match="no evaluator here"):
        list(crew.map(PLANS))


def test_seconds_are_those_of_the_process_that_scores(tmp_path: Path) -> None:
    with process_crew(SlowClock(tmp_path), 1) as crew:
        assert [found.seconds for found in crew.map(PLANS[:2])] == [2.5, 2.5]


def test_a_pool_of_processes_finds_the_same_and_says_when_it_has_broken(tmp_path: Path) -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert [found.score for found in Pooled(pool, Noted(tmp_path)()).map(PLANS)] == SCORES
        fatal = Killed(tmp_path, PLANS[0].key, times=9)()
        with pytest.raises(WorkerError, match="a worker of ProcessPoolExecutor died") as raised:
            list(Pooled(pool, fatal).map(PLANS))
        assert "with a new pool" in str(raised.value)


DRIVER = """
import signal
import sys
from pathlib import Path
from s2dnas.search.process_workers import process_crew
from s2dnas.space.plan import Plan
from scored_elsewhere import Sleeps

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell started the tests with &
    with process_crew(Sleeps(Path(sys.argv[1])), 2) as crew:
        list(crew.map([Plan(1, {"a": (width,)}, {}) for width in (1, 2)]))
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_the_one_that_they_work_for(sent: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "driver.py").write_text(DRIVER)
    own = {"PYTHONPATH": os.pathsep.join(sys.path)}
    driver = subprocess.Popen(
        [sys.executable, "driver.py", "."], cwd=tmp_path, env=os.environ | own, stderr=subprocess.PIPE, text=True
    )
    factory, until = Noted(tmp_path), time.monotonic() + 60
    while len(factory.processes()) < 2:
        assert time.monotonic() < until
        assert driver.poll() is None
        time.sleep(0.02)
    driver.send_signal(sent)
    _, said = driver.communicate(timeout=60)
    assert driver.returncode == -sent
    assert ("KeyboardInterrupt" in said) == (sent == signal.SIGINT)
    until = time.monotonic() + 60
    while any(map(alive, factory.processes())):
        assert time.monotonic() < until
        time.sleep(0.02)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
