"""Trainings side by side: which belong together, and that none outlives its time."""

import subprocess
import sys
from pathlib import Path

import pytest
import side_by_side
from side_by_side import Job

from s2dnas.comparison.methods import METHODS
from s2dnas.comparison.settings import load_comparison

CONFIG = Path(__file__).parents[2] / "configs" / "compare" / "resnet20-cifar10.toml"


def test_every_method_of_every_seed_is_in_one_job_and_shared_trainings_are_not_done_twice() -> None:
    settings = {CONFIG: load_comparison(CONFIG)}
    jobs = list(side_by_side.contenders(settings))
    assert len({job.name for job in jobs}) == len(jobs)
    for seed in settings[CONFIG].seeds:
        own = [job.methods for job in jobs if job.seed == seed]
        assert sorted(method for methods in own for method in methods) == sorted(METHODS)
        assert ("msdnet", "msdnet-q") in own
        assert ("s2dnas", "best-uniform") in own
    assert [job.seed for job in side_by_side.statics(settings)] == list(settings[CONFIG].seeds)


def test_a_job_s_settings_make_the_comparison_smaller() -> None:
    job = Job(CONFIG, 1, ("msdnet", "msdnet-q"))
    settings = load_comparison(CONFIG, job.overrides())
    assert (settings.seeds, settings.methods) == ((1,), job.methods)


class Clock:
    """Time passes only where the benchmark waits, and by then short jobs have ended."""

    def __init__(self) -> None:
        self.now = 0.0
        self.short: list[subprocess.Popen[bytes]] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for process in self.short:
            process.wait()


def test_jobs_wait_for_their_turn_and_end_with_the_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, processes = Clock(), dict[int, subprocess.Popen[bytes]]()

    def started(job: Job, *_: object) -> "subprocess.Popen[bytes]":
        task = "pass" if job.seed < 2 else "import signal; signal.pause()"
        processes[job.seed] = subprocess.Popen([sys.executable, "-c", task])
        if job.seed < 2:
            clock.short.append(processes[job.seed])
        return processes[job.seed]

    monkeypatch.setattr(side_by_side, "started", started)
    monkeypatch.setattr(side_by_side, "time", clock)
    jobs = [Job(CONFIG, seed, ()) for seed in range(5)]
    side_by_side.run_all(jobs, tmp_path, [], 2, 4.0)
    assert 4.0 <= clock.now < 5.0
    assert set(processes) == {0, 1, 2, 3}
    assert all(process.poll() is not None for process in processes.values())
    printed = capsys.readouterr().out
    assert printed.count("finished") == 2
    assert printed.count("no time left") == 2
