"""Finalists are the best plans of different cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.errors import SettingsError
from s2dnas.search.finalists import finalists
from s2dnas.search.journal import Entry, Score
from s2dnas.search.loop import best_entry
from s2dnas.space.plan import Plan

PAIRS = st.lists(st.tuples(st.floats(0.1, 1), st.integers(1, 100)), min_size=1, max_size=20)


def entry(reward: float) -> Entry:
    return Entry(Plan(2, {}, {}), Score(reward, 1.0, reward), 0.0)


@given(PAIRS, st.integers(1, 8))
def test_every_plan_meets_one_as_good_or_better_of_about_its_cost(pairs: list[tuple[float, int]], count: int) -> None:
    entries, costs = [entry(reward) for reward, _ in pairs], [float(cost) for _, cost in pairs]
    found = finalists(entries, costs, count)
    assert 1 <= len(found) <= count
    assert best_entry(entries) in found
    width = (max(costs) - min(costs)) / count
    cost_of = {id(each): cost for each, cost in zip(entries, costs, strict=True)}
    for each in entries:
        near = [other for other in found if abs(cost_of[id(other)] - cost_of[id(each)]) <= width * (1 + 1e-9)]
        assert max(other.score.reward for other in near) >= each.score.reward


def test_one_finalist_is_the_best() -> None:
    entries = [entry(0.1), entry(0.9), entry(0.5)]
    assert finalists(entries, [1.0, 2.0, 3.0], 1) == [entries[1]]


def test_each_range_sends_its_best() -> None:
    entries = [entry(0.1), entry(0.2), entry(0.9), entry(0.8)]
    assert finalists(entries, [1.0, 2.0, 9.0, 10.0], 2) == [entries[1], entries[2]]


def test_without_entries_there_is_nothing_to_choose() -> None:
    with pytest.raises(SettingsError, match="no plan has been scored yet"):
        finalists([], [], 2)


def test_a_cost_between_two_ranges_belongs_to_the_upper_one() -> None:
    entries = [entry(0.1), entry(0.9), entry(0.2)]
    assert finalists(entries, [1.0, 2.0, 3.0], 2) == [entries[0], entries[1]]
