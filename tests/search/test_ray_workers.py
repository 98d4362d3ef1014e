"""Actors of a local Ray cluster that score plans, of which some are killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from s2dnas.errors import DataError, WorkerError
from s2dnas.search.ray_workers import ray_crew
from s2dnas.space.plan import Plan
from scored_elsewhere import Killed, Noted, Raises, SlowClock, Unmade, score_of

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 's2dnas[ray]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray uses what others deprecate
]

PLANS = [Plan(1, {"a": (width,)}, {}) for width in range(1, 7)]
SCORES = [score_of(plan) for plan in PLANS]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # actors import what tests share
        yield ray.init(num_cpus=2, object_store_memory=200_000_000, include_dashboard=False, log_to_driver=False)
        ray.shutdown()


pytestmark.append(pytest.mark.usefixtures("cluster"))


def test_an_actor_that_is_killed_costs_one_evaluation_and_no_connection(tmp_path: Path) -> None:
    factory = Killed(tmp_path, PLANS[1].key)
    with ray_crew(factory, 2) as crew:
        assert [found.score for found in crew.map(PLANS)] == SCORES
    assert sum(factory.calls().values()) == len(PLANS) + 1
    assert factory.calls()[PLANS[1].key] == 2
    assert ray.is_initialized()


def test_more_actors_than_there_is_room_for_hold_nothing_up(tmp_path: Path) -> None:
    with ray_crew(Noted(tmp_path), 5) as crew:
        assert [found.score for found in crew.map(PLANS)] == SCORES


def test_a_plan_that_kills_every_actor_ends_the_search(tmp_path: Path) -> None:
    with ray_crew(Killed(tmp_path, PLANS[0].key, times=9), 1) as crew, pytest.raises(WorkerError, match="3 workers"):
        list(crew.map(PLANS))


def test_an_exception_of_an_actor_comes_as_it_was(tmp_path: Path) -> None:
    with ray_crew(Raises(tmp_path, PLANS[0].key), 1) as crew, pytest.raises(DataError) as raised:
        list(crew.map(PLANS))
    assert type(raised.value) is DataError
    assert raised.value.args == (f"no score for {PLANS[0].key}",)
    with ray_crew(Unmade(tmp_path), 1) as crew, pytest.raises(DataError, match=r"^no evaluator here$"):
        list(crew.map(PLANS))


def test_seconds_are_those_of_the_actor_that_scores(tmp_path: Path) -> None:
    with ray_crew(SlowClock(tmp_path), 1) as crew:
        assert [found.seconds for found in crew.map(PLANS[:2])] == [2.5, 2.5]


DRIVER = """
import os
import sys
from pathlib import Path
from s2dnas.search.ray_workers import ray_crew
from s2dnas.space.plan import Plan
from scored_elsewhere import Sleeps

with ray_crew(Sleeps(Path(sys.argv[1])), 1) as crew:
    import ray
    assert ray.get_runtime_context().gcs_address == os.environ["RAY_ADDRESS"]
    list(crew.map([Plan(1, {"a": (1,)}, {})]))
"""


def test_actors_of_the_cluster_in_the_environment_end_with_the_run_that_they_work_for(
    cluster: Any, tmp_path: Path
) -> None:
    own = {"PYTHONPATH": os.pathsep.join(sys.path), "RAY_ADDRESS": cluster.address_info["gcs_address"]}
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)], env=os.environ | own)
    factory, until = Noted(tmp_path), time.monotonic() + 90
    while not factory.processes():
        assert time.monotonic() < until
        assert driver.poll() is None
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    until = time.monotonic() + 60
    while any(Path(f"/proc/{process}").exists() for process in factory.processes()):
        assert time.monotonic() < until
        time.sleep(0.05)
