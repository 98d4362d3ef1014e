"""Comparisons with several trainings at a time, for a GPU that one small network does not fill, and for a fixed time.

python benchmarks/side_by_side.py configs/compare/resnet20-cifar10-jpeg.toml --out runs --jobs 8 --minutes 10

Each training is a process of its own; when the time is over they are ended, and the same command goes on from the
last epochs. `s2dnas compare CONFIG --out OUT/NAME` then reads what is finished, here or on another machine: it needs
the JSON files of that folder only.

Where nothing can be installed, PYTHONPATH may name a folder that `pip install --target` filled on a machine of the same
kind: s2dnas, pydantic, safetensors, SciPy, kornia and datasets, with what they need beside torch, NumPy, Pillow and
pyarrow. Nothing here draws or prints in colours, so matplotlib, typer and rich are not needed.
"""

import argparse
import logging
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from s2dnas.comparison.compare import compare
from s2dnas.comparison.settings import CompareSettings, load_comparison
from s2dnas.pipeline.run import unwatched

ALONE = "--one"
SHARED = {"msdnet-q": "msdnet", "best-uniform": "s2dnas"}
"""Methods that need what another one has made: its training, its search."""


@dataclass(frozen=True)
class Job:
    """Methods that share a training, of one comparison and seed; no methods: the static network."""

    config: Path
    seed: int
    methods: tuple[str, ...]

    @property
    def name(self) -> str:
        """For log files: ``resnet20-cifar10-0-msdnet``."""
        return "-".join([self.config.stem, str(self.seed), *(self.methods[:1] or ("static",))])

    def overrides(self) -> list[str]:
        """The settings that make this job of the comparison."""
        return [f"seeds=[{self.seed}]", f"methods={list(self.methods)}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--set", nargs="*", default=[], help="settings as key=value")
    parser.add_argument(ALONE, action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
        settings = load_comparison(given.configs[0], given.set)
        list(compare(settings, given.out / given.configs[0].stem, unwatched))
        return
    deadline = time.monotonic() + 60 * given.minutes
    settings = {config: load_comparison(config, given.set) for config in given.configs}
    for phase in (list(statics(settings)), list(contenders(settings))):
        run_all(phase, given.out, given.set, given.jobs, deadline)


def statics(settings: dict[Path, CompareSettings]) -> Iterator[Job]:
    for config, comparison in settings.items():
        yield from (Job(config, seed, ()) for seed in comparison.seeds)


def contenders(settings: dict[Path, CompareSettings]) -> Iterator[Job]:
    for config, comparison in settings.items():
        for seed in comparison.seeds:
            trainings: dict[str, list[str]] = {}
            for method in comparison.methods:
                trainings.setdefault(SHARED.get(method, method), []).append(method)
            yield from (Job(config, seed, tuple(methods)) for methods in trainings.values())


def run_all(jobs: Sequence[Job], out: Path, settings: Sequence[str], at_once: int, deadline: float) -> None:
    """Run the jobs, so many at a time; at the deadline those that still run are ended."""
    waiting, running = list(jobs), dict[Job, subprocess.Popen[bytes]]()
    while (waiting or running) and time.monotonic() < deadline:
        while waiting and len(running) < at_once:
            job = waiting.pop(0)
            running[job] = started(job, out, settings)
        time.sleep(0.5)
        for job in [job for job, process in running.items() if process.poll() is not None]:
            print(job.name, "finished" if running.pop(job).returncode == 0 else "failed: see its log", flush=True)
    for job, process in running.items():
        process.terminate()
        process.wait()
        print(job.name, "ended: no time left", flush=True)


def started(job: Job, out: Path, settings: Sequence[str]) -> "subprocess.Popen[bytes]":
    out.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        __file__,
        str(job.config),
        "--out",
        str(out),
        ALONE,
        "--set",
        *settings,
        *job.overrides(),
    ]
    with (out / f"{job.name}.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


if __name__ == "__main__":
    main()
