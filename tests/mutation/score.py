"""How many small faults in a package its tests notice: the mutation score.

    PYTHONPATH=tests python -m mutation.score s2dnas/space --sample 200 --seed 1

mutmut imports everything once and forks per fault, with the tests that run the changed function, until the first that
fails. A sample of the faults tells the score of all of them, within the interval that is printed.
"""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mutmut.stats import status_by_exit_code
from scipy import stats

from mutation.mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
TESTS = {
    "s2dnas/exits": ("tests/exits", "tests/calibration"),
    "s2dnas/calibration": ("tests/exits", "tests/calibration"),
    "s2dnas/space": ("tests/space",),
    "s2dnas/search": ("tests/search",),
    "s2dnas/pipeline": ("tests/pipeline", "tests/test_cli.py"),
}
"""The packages that are measured, and which tests are theirs."""

_NEEDED = ("src", "tests", "benchmarks", "configs", "pyproject.toml")
_SPINNER = re.compile("[\u2800-\u28ff] ")
# A process that crashes or is interrupted has not failed a test, whatever brought it down.
_NOTICED = {"killed", "timeout"}


@dataclass(frozen=True)
class MutationScore:
    """What became of a sample of a package's mutants: their states by mutmut's names, and those that nobody noticed."""

    package: str
    left_out: int
    counted: int
    states: Counter[str]
    survivors: tuple[Mutant, ...]
    seconds: float

    @property
    def sampled(self) -> int:
        """The number of mutants that were tried."""
        return self.states.total()

    @property
    def share(self) -> float:
        """Share of the tried mutants that a test noticed, in [0, 1]."""
        return 1 - len(self.survivors) / self.sampled

    def __str__(self) -> str:
        noticed = stats.binomtest(self.sampled - len(self.survivors), self.sampled)
        low, high = noticed.proportion_ci(0.95, method="exact")
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        return "\n  ".join(
            [
                f"{self.package}: {self.share:.1%} of {self.sampled} mutants noticed, 95 % interval {low:.1%} to "
                f"{high:.1%} ({states}; {self.sampled} of {self.counted}, {self.left_out} more are left out by rule; "
                f"{self.seconds:.0f} s)",
                *map(str, self.survivors),
            ]
        )


def mutation_score(package: str, tests: Sequence[str], sample: int, seed: int, root: Path = ROOT) -> MutationScore:
    """The score of ``sample`` mutants, drawn by ``seed``; of all of them if there are no more.

    Works on a copy of the tree. Raises RuntimeError if a test fails without a fault, or a mutant was not tried.
    """
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        _copy(root, copy)
        (copy / "setup.cfg").write_text(_settings(package, tests))
        found = mutants(copy, package)
        counted = [mutant for mutant in found if mutant.counts]
        drawn = random.Random(seed).sample(counted, min(sample, len(counted)))
        states = _run(copy, drawn)
    survivors = sorted((m for m in drawn if states[m.name] not in _NOTICED), key=lambda m: (m.path, m.line))
    return MutationScore(
        package=package,
        left_out=len(found) - len(counted),
        counted=len(counted),
        states=Counter(states.values()),
        survivors=tuple(survivors),
        seconds=time.perf_counter() - start,
    )


def _copy(root: Path, target: Path) -> None:
    for path in (root / name for name in _NEEDED):
        if path.is_dir():
            shutil.copytree(path, target / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.exists():
            shutil.copy(path, target)


def _settings(package: str, tests: Sequence[str]) -> str:
    lines = {
        "source_paths": ["src"],
        "only_mutate": [f"src/{package}/*"],
        "pytest_add_cli_args_test_selection": tests,
        "also_copy": _NEEDED[1:],
        "timeout_constant": ["10"],
        "timeout_multiplier": ["4"],
        "use_git_change_detection": ["false"],
    }
    return "[mutmut]\n" + "".join(f"{key} =\n" + "".join(f"    {v}\n" for v in values) for key, values in lines.items())


def _run(copy: Path, drawn: Sequence[Mutant]) -> dict[str, str]:
    """The state of every mutant that was drawn, by its name."""
    source = copy / "mutants" / "src"
    source.mkdir(parents=True)  # else the interpreter remembers that there is none
    environment = os.environ | {
        "PYTHONPATH": str(source),  # for tests that start another interpreter
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", "1"]
    done = subprocess.run(
        [*command, *(mutant.name for mutant in drawn)], cwd=copy, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        said = [line for line in done.stdout.splitlines() if not _SPINNER.match(line)]
        raise RuntimeError("\n".join([f"mutmut ended with {done.returncode}", *said[-40:], done.stderr[-2000:]]))
    codes: dict[str, int | None] = {}
    for path in {mutant.path for mutant in drawn}:
        codes |= json.loads((copy / "mutants" / f"{path}.meta").read_text())["exit_code_by_key"]
    states = {mutant.name: status_by_exit_code[codes[mutant.name]] for mutant in drawn}
    if untried := [name for name, state in states.items() if state == "not checked"]:
        raise RuntimeError(f"mutmut did not try {untried}")
    return states


def main() -> None:
    """Print the scores of the packages that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", default=list(TESTS), metavar="PACKAGE", help="such as s2dnas/space")
    parser.add_argument("--sample", type=int, default=150, help="mutants per package")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if unknown := set(options.packages) - set(TESTS):
        parser.error(f"unknown {', '.join(sorted(unknown))}; known are {', '.join(TESTS)}")
    for package in options.packages:
        print(mutation_score(package, TESTS[package], options.sample, options.seed), flush=True)


if __name__ == "__main__":
    main()
