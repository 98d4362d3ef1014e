"""The search loop: a search that is killed and resumed ends as one that was not."""

from collections import Counter
from pathlib import Path

import pytest

from s2dnas.errors import ArtifactError, SettingsError
from s2dnas.search.journal import Entry, Score, read_journal
from s2dnas.search.loop import best_entry, search
from s2dnas.search.registry import STRATEGIES, make_strategy
from s2dnas.search.strategy import Strategy
from s2dnas.space.plan import Plan
from s2dnas.space.space import Concat, SearchSpace, Split

SPACE = SearchSpace(3, (Split("a", (2,) * 6), Concat("c"), Split("b", (4,) * 5)))
SMALL = SearchSpace(2, (Split("a", (1, 1, 1)),))


class Evaluator:
    """Counts its calls, and is killed at the call of index ``killed_at``."""

    def __init__(self, killed_at: int | None = None) -> None:
        self.killed_at = killed_at
        self.calls: Counter[Plan] = Counter()

    def __call__(self, plan: Plan) -> Score:
        if self.calls.total() == self.killed_at:
            raise KeyboardInterrupt
        self.calls[plan] += 1
        accuracy = int(plan.key, 16) / 16**16
        return Score(accuracy, mean_cost=1e6 / 3, reward=accuracy / 3)


def fresh(name: str, seed: int = 0, space: SearchSpace = SPACE) -> Strategy:
    return make_strategy(name, space, seed)


def content(entries: list[Entry]) -> list[tuple[Plan, Score]]:
    return [(entry.plan, entry.score) for entry in entries]


@pytest.mark.parametrize("name", sorted(STRATEGIES))
@pytest.mark.parametrize("killed_at", [*range(11)])
def test_killed_and_resumed_equals_uninterrupted(name: str, killed_at: int, tmp_path: Path) -> None:
    whole = search(fresh(name), Evaluator(), 11, 4, tmp_path / "whole.jsonl")
    journal = tmp_path / "killed.jsonl"
    with pytest.raises(KeyboardInterrupt):
        search(fresh(name), Evaluator(killed_at), 11, 4, journal)
    assert len(read_journal(journal)) == killed_at
    rest = Evaluator()
    resumed = search(fresh(name), rest, 11, 4, journal)
    assert content(resumed) == content(whole)
    assert content(read_journal(journal)) == content(whole)
    assert rest.calls.total() == 11 - killed_at


@pytest.mark.parametrize("cut", [1, 30])
def test_a_half_written_last_line_is_scored_again(cut: int, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    whole = search(fresh("reinforce"), Evaluator(), 6, 4, journal)
    journal.write_bytes(journal.read_bytes()[:-cut])
    evaluator = Evaluator()
    assert content(search(fresh("reinforce"), evaluator, 6, 4, journal)) == content(whole)
    assert evaluator.calls.total() == 1


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_a_search_can_be_extended_or_read_in_part(name: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    search(fresh(name), Evaluator(), 6, 4, journal)
    extended = search(fresh(name), Evaluator(), 14, 4, journal)
    assert content(extended) == content(search(fresh(name), Evaluator(), 14, 4, tmp_path / "whole.jsonl"))
    assert search(fresh(name), Evaluator(killed_at=0), 5, 4, journal) == extended[:5]


@pytest.mark.parametrize("other", [fresh("random", seed=1), fresh("reinforce"), fresh("random", space=SMALL)])
def test_a_journal_of_other_settings_is_refused_unchanged(other: Strategy, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    search(fresh("random"), Evaluator(), 5, 4, journal)
    before = journal.read_bytes()
    with pytest.raises(ArtifactError, match=rf"{journal}, line 1, holds .* belongs to other settings"):
        search(other, Evaluator(), 8, 4, journal)
    assert journal.read_bytes() == before


def test_each_distinct_plan_is_scored_once(tmp_path: Path) -> None:
    evaluator = Evaluator()
    entries = search(fresh("reinforce", space=SMALL), evaluator, 12, 3, tmp_path / "journal.jsonl")
    assert len(entries) == len(read_journal(tmp_path / "journal.jsonl")) == 12
    assert set(evaluator.calls.values()) == {1}
    assert len({(entry.plan, entry.score) for entry in entries}) == len(evaluator.calls) <= SMALL.size


def test_the_strategy_is_told_the_scores_of_whole_batches(tmp_path: Path) -> None:
    told: list[tuple[list[Plan], list[Score]]] = []
    strategy = fresh("random")
    strategy._learn = lambda plans, scores: told.append((list(plans), list(scores)))  # type: ignore[method-assign]
    entries = search(strategy, Evaluator(), 10, 4, tmp_path / "journal.jsonl")
    assert told == [
        ([entry.plan for entry in part], [entry.score for entry in part]) for part in (entries[:4], entries[4:8])
    ]


def test_on_entry_gets_each_new_entry_after_it_is_on_disk(tmp_path: Path) -> None:
    journal, seen = tmp_path / "journal.jsonl", []

    def on_entry(index: int, entry: Entry) -> None:
        assert read_journal(journal)[index] == entry
        seen.append(index)

    search(fresh("random"), Evaluator(), 3, 2, journal, on_entry)
    search(fresh("random"), Evaluator(), 5, 2, journal, on_entry)
    assert seen == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("evaluations", "batch"), [(0, 4), (4, 0), (-1, 1)])
def test_nothing_to_search_is_refused(evaluations: int, batch: int, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at least 1"):
        search(fresh("random"), Evaluator(), evaluations, batch, tmp_path / "journal.jsonl")


def test_best_is_the_earliest_of_the_highest_reward() -> None:
    plans = fresh("random").ask(4)
    entries = [
        Entry(plan, Score(0.5, 1.0, reward), 0.0) for plan, reward in zip(plans, [0.1, 0.7, 0.7, 0.2], strict=True)
    ]
    assert best_entry(entries) is entries[1]
    with pytest.raises(SettingsError, match="no plan"):
        best_entry([])


def test_an_entry_tells_how_long_its_plan_took_and_nothing_for_a_plan_that_was_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 12.5, 20.0, 21.0])
    monkeypatch.setattr("s2dnas.search.executors.time.perf_counter", lambda: next(clock))
    entries = search(fresh("random", space=SMALL), Evaluator(), 4, 4, tmp_path / "journal.jsonl")
    assert SMALL.size == 2
    assert [entry.seconds for entry in entries] == [2.5, 1.0, 0.0, 0.0]
    assert read_journal(tmp_path / "journal.jsonl") == entries


def test_a_search_without_a_journal_finds_the_same(tmp_path: Path) -> None:
    written = search(fresh("reinforce"), Evaluator(), 6, 4, tmp_path / "journal.jsonl")
    assert content(search(fresh("reinforce"), Evaluator(), 6, 4, None)) == content(written)


def test_a_search_may_be_of_a_single_plan() -> None:
    (entry,) = search(fresh("random"), Evaluator(), 1, 1, None)
    assert entry.plan == fresh("random").ask(1)[0]
