"""How evaluations fall into turns, and that each turn's scores are its own."""

from itertools import pairwise
from pathlib import Path

import pytest

from s2dnas.errors import SettingsError
from s2dnas.search.journal import Entry, Score, read_journal
from s2dnas.search.loop import search
from s2dnas.search.reinforce import ReinforceStrategy
from s2dnas.search.turns import ONE_TURN, Turns, turn_starts
from s2dnas.space.plan import Plan
from s2dnas.space.space import SearchSpace, Split

SMALL = SearchSpace(2, (Split("a", (1,) * 5),))


@pytest.mark.parametrize(
    ("evaluations", "batch", "turns", "sizes"),
    [
        (200, 10, 5, [40] * 5),
        (200, 10, 8, [20, 30, 20, 30, 20, 30, 20, 30]),
        (45, 10, 3, [10, 10, 25]),
        (45, 10, 4, [10, 10, 10, 15]),
        (7, 7, 1, [7]),
    ],
)
def test_turns_have_whole_batches_and_the_last_has_the_most(
    evaluations: int, batch: int, turns: int, sizes: list[int]
) -> None:
    starts = (*turn_starts(evaluations, batch, turns), evaluations)
    assert starts[0] == 0
    assert [end - start for start, end in pairwise(starts)] == sizes


@pytest.mark.parametrize(("evaluations", "batch", "turns"), [(200, 10, 21), (9, 10, 1), (40, 10, 0)])
def test_a_turn_without_a_batch_is_refused(evaluations: int, batch: int, turns: int) -> None:
    with pytest.raises(SettingsError, match=f"{evaluations} evaluations in batches of {batch} cannot be divided among"):
        turn_starts(evaluations, batch, turns)


def test_an_evaluation_knows_its_turn() -> None:
    turns = Turns((0, 4, 6))
    assert [turns.number(index) for index in range(8)] == [1, 1, 1, 1, 2, 2, 3, 3]
    assert [turns.start(index) for index in range(8)] == [0, 0, 0, 0, 4, 4, 6, 6]
    assert {ONE_TURN.start(index) for index in range(8)} == {0}


class InTurns:
    """A search of a space of four plans, whose scores are those of the weights that were prepared last."""

    def __init__(self, killed_at: int | None = None) -> None:
        self.killed_at, self.weights, self.calls = killed_at, 0, list[tuple[Plan, int]]()
        self.turns = Turns((0, 4, 8), self.prepare)

    def prepare(self, index: int) -> None:
        self.weights = self.turns.number(index)

    def score(self, plan: Plan) -> Score:
        if len(self.calls) == self.killed_at:
            raise KeyboardInterrupt
        self.calls.append((plan, self.weights))
        return Score(0.5, 1.0, self.weights + plan.widths["a"][0] / 10)

    def search(self, journal: Path | None = None) -> list[Entry]:
        return search(ReinforceStrategy(SMALL, 0), self.score, 12, 2, journal, turns=self.turns)


def test_a_plan_is_scored_once_in_each_turn_with_the_weights_of_that_turn() -> None:
    ours = InTurns()
    entries = ours.search()
    assert len(ours.calls) == len(set(ours.calls)) > SMALL.size
    for index, entry in enumerate(entries):
        number = ours.turns.number(index)
        assert entry.score.reward == number + entry.plan.widths["a"][0] / 10
        assert (entry.plan, number) in ours.calls


@pytest.mark.parametrize("killed_at", range(9))
def test_a_search_in_turns_that_is_killed_ends_as_one_that_was_not(killed_at: int, tmp_path: Path) -> None:
    whole, killed, resumed = InTurns(), InTurns(killed_at), InTurns()
    expected = whole.search()
    with pytest.raises(KeyboardInterrupt):
        killed.search(tmp_path / "journal.jsonl")
    found = resumed.search(tmp_path / "journal.jsonl")
    assert [(entry.plan, entry.score) for entry in found] == [(entry.plan, entry.score) for entry in expected]
    assert killed.calls + resumed.calls == whole.calls
    assert read_journal(tmp_path / "journal.jsonl") == found


def test_what_is_prepared_is_not_counted_as_scoring(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("s2dnas.search.executors.time.perf_counter", lambda: now[0])

    def passing(seconds: float) -> None:
        now[0] += seconds

    def score(plan: Plan) -> Score:
        passing(1.0)
        return Score(0.5, 1.0, float(plan.widths["a"][0]))

    turns = Turns(prepare=lambda _: passing(60.0))
    entries = search(ReinforceStrategy(SMALL, 0), score, 8, 2, None, turns=turns)
    assert sum(entry.seconds for entry in entries) == len({entry.plan for entry in entries}) > 1
