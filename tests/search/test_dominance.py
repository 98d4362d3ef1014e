"""Points are ranked by what beats them, then by how alone they stand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.arrays import FloatArray
from s2dnas.search.dominance import crowding, fronts, ranking

POINTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=15).map(
    lambda pairs: np.array(pairs, dtype=float)
)


def beats(one: FloatArray, other: FloatArray) -> bool:
    return bool((one >= other).all() and (one > other).any())


@given(POINTS)
def test_each_front_is_beaten_by_the_one_before_it_alone(points: FloatArray) -> None:
    found = list(fronts(points))
    assert sorted(np.concatenate(found).tolist()) == list(range(len(points)))
    for number, front in enumerate(found):
        rest = np.concatenate(found[number:])
        assert not any(beats(points[other], points[own]) for own in front for other in rest)
        if number:
            assert all(any(beats(points[other], points[own]) for other in found[number - 1]) for own in front)


@given(POINTS)
def test_a_point_never_comes_before_one_that_beats_it(points: FloatArray) -> None:
    order = ranking(points)
    assert sorted(order) == list(range(len(points)))
    assert not any(beats(points[later], points[own]) for at, own in enumerate(order) for later in order[at:])


def test_crowding_is_how_far_the_neighbours_are_apart() -> None:
    front = np.array([[0.0, 8.0], [10.0, 0.0], [1.0, 6.0], [4.0, 4.0]])
    apart = crowding(front)
    assert np.isinf(apart[:2]).all()
    assert apart[2:] == pytest.approx([0.4 + 0.5, 0.9 + 0.75])


def test_of_equally_good_points_the_ends_come_first_and_the_crowded_last() -> None:
    assert ranking(np.array([[1.0, 6.0], [4.0, 4.0], [0.0, 8.0], [10.0, 0.0], [-1.0, 7.0]])) == [2, 3, 1, 0, 4]


def test_points_that_are_all_the_same_keep_their_order() -> None:
    points = np.ones((4, 2))
    assert ranking(points) == [0, 1, 2, 3]
    assert crowding(points).tolist() == [0.0] * 4


def test_what_all_points_have_in_common_does_not_count() -> None:
    front = np.array([[1.0, 6.0], [4.0, 4.0], [0.0, 8.0], [10.0, 0.0]])
    assert crowding(np.insert(front, 1, 5.0, axis=1)).tolist() == crowding(front).tolist()
