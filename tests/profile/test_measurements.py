"""What was measured is kept: a profile that is killed anywhere goes on where it stopped."""

from collections import Counter
from pathlib import Path

import pytest

from s2dnas.errors import ArtifactError
from s2dnas.profile.measurements import Measurements, Times

ORIGIN = {"engine": "none"}


class KilledError(Exception):
    """The process ends here."""


def tasks(done: Counter[str], stop_after: int | None = None) -> dict[str, Times]:
    def task(name: str) -> Times:
        def run() -> list[float]:
            if stop_after is not None and done.total() >= stop_after:
                raise KilledError
            done[name] += 1
            return [float(done[name]), 10.0 - done[name]]

        return run

    return {name: task(name) for name in "abc"}


@pytest.mark.parametrize("stop", range(6))
def test_nothing_that_was_measured_is_measured_again(tmp_path: Path, stop: int) -> None:
    done: Counter[str] = Counter()
    with pytest.raises(KilledError):
        Measurements(tmp_path / "journal", ORIGIN).make(tasks(done, stop), 2, None)
    made = Measurements(tmp_path / "journal", ORIGIN)
    made.make(tasks(done), 2, None)
    assert done == Counter(a=2, b=2, c=2)
    assert made.least("a") == [1.0, 8.0]


def test_a_line_that_was_cut_short_is_measured_again(tmp_path: Path) -> None:
    path, done = tmp_path / "journal", Counter[str]()
    Measurements(path, ORIGIN).make(tasks(done), 1, None)
    path.write_bytes(path.read_bytes()[:-5])
    Measurements(path, ORIGIN).make(tasks(done), 1, None)
    assert done == Counter(a=1, b=1, c=2)


def test_a_journal_of_another_profile_is_refused(tmp_path: Path) -> None:
    Measurements(tmp_path / "journal", ORIGIN).make(tasks(Counter()), 1, None)
    with pytest.raises(ArtifactError, match="holds measurements of"):
        Measurements(tmp_path / "journal", {"engine": "other"})


def test_more_passes_take_up_what_is_there_and_progress_is_told(tmp_path: Path) -> None:
    done: Counter[str] = Counter()
    told: list[tuple[int, int]] = []
    Measurements(tmp_path / "journal", ORIGIN).make(tasks(done), 1, None)
    Measurements(tmp_path / "journal", ORIGIN).make(tasks(done), 2, lambda *how_far: told.append(how_far))
    assert done.total() == 6
    assert told == [(number, 6) for number in range(1, 7)]


def test_without_a_file_measurements_are_kept_in_memory() -> None:
    done: Counter[str] = Counter()
    made = Measurements(None, ORIGIN)
    made.make(tasks(done), 3, None)
    assert made.least("b") == [1.0, 7.0]
