"""The journal of a search."""

from pathlib import Path

import pytest

from s2dnas.errors import ArtifactError, SettingsError
from s2dnas.search.journal import Entry, Score, read_journal, write_entry
from s2dnas.space.plan import Plan

ENTRIES = [
    Entry(Plan(2, {"a": (k, 9 - k)}, {"c": (k % 2 == 0,)}), Score(0.1 + k / 7, 1e6 / 3, 0.1 * k), seconds=k / 3)
    for k in range(1, 4)
]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "journal.jsonl"
    for entry in ENTRIES:
        write_entry(path, entry)
    return path


def test_reads_back_exactly_what_was_written(journal: Path) -> None:
    assert read_journal(journal) == ENTRIES


def test_no_file_is_an_empty_journal(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "none.jsonl") == []


def test_a_half_written_last_line_is_dropped(journal: Path) -> None:
    journal.write_bytes(journal.read_bytes()[:-20])
    assert read_journal(journal) == ENTRIES[:-1]
    write_entry(journal, ENTRIES[-1])
    assert read_journal(journal) == ENTRIES


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[]",
        '{"plan": {}, "score": {"accuracy": 1, "mean_cost": 1, "reward": 1}, "seconds": 1}',
        '{"plan": {"num_stages": 2, "widths": {}, "indicators": {}}, "score": {"accuracy": 1}, "seconds": 1}',
        '{"plan": {"num_stages": 2, "widths": {}, "indicators": {}}, '
        '"score": {"accuracy": NaN, "mean_cost": 1, "reward": 1}, "seconds": 1}',
        "not json",
    ],
)
def test_a_line_that_is_no_entry_is_refused(journal: Path, line: str) -> None:
    with journal.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ArtifactError):
        read_journal(journal)


@pytest.mark.parametrize("field", ["accuracy", "mean_cost", "reward"])
def test_a_score_that_is_not_finite_is_refused(field: str) -> None:
    with pytest.raises(SettingsError, match="finite"):
        Score(**{"accuracy": 0.5, "mean_cost": 1.0, "reward": 0.5, field: float("nan")})
