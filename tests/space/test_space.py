"""Search spaces: what they offer, and plans to choices and back."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.errors import PlanError
from s2dnas.space.plan import Plan, stage_pairs
from s2dnas.space.space import Concat, SearchSpace, Split

SPACE = SearchSpace(3, (Split("stem", (4, 4, 4, 4)), Concat("conv"), Split("inner", (8, 8, 8, 2, 2))))


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    stages = draw(st.integers(1, 4))
    pieces = draw(st.lists(st.lists(st.integers(1, 9), min_size=stages, max_size=stages + 5), max_size=4))
    splits = [Split(f"split{i}", tuple(sizes)) for i, sizes in enumerate(pieces)]
    concats = [Concat(f"concat{i}") for i in range(draw(st.integers(0, 3)))]
    return SearchSpace(stages, tuple(draw(st.permutations([*splits, *concats]))))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(spaces(), st.integers(0, 99))
def test_a_sample_is_valid_and_encodes_back(space: SearchSpace, seed: int) -> None:
    plan = space.sample(rng(seed))
    assert space.decode(space.encode(plan)) == plan
    for split in (d for d in space.decisions if isinstance(d, Split)):
        assert sum(plan.widths[split.name]) == sum(split.pieces)
        assert min(plan.widths[split.name]) >= 1
        assert len(plan.widths[split.name]) == space.num_stages
    for concat in (d for d in space.decisions if isinstance(d, Concat)):
        assert len(plan.indicators[concat.name]) == len(stage_pairs(space.num_stages))


@given(spaces(), st.data())
def test_choices_decode_and_encode_back(space: SearchSpace, data: st.DataObject) -> None:
    seed = rng(data.draw(st.integers(0, 99)))
    choices = [decision.sample(space.num_stages, seed) for decision in space.decisions]
    assert space.encode(space.decode(choices)) == choices


def test_decode_gives_widths_in_units() -> None:
    plan = SPACE.decode([(1, 2, 1), (1, 0, 1), (2, 1, 2)])
    assert plan == Plan(3, {"stem": (4, 8, 4), "inner": (16, 8, 4)}, {"conv": (True, False, True)})


def test_every_plan_is_sampled_about_equally_often_and_size_counts_them() -> None:
    space = SearchSpace(3, (Split("s", (1,) * 4), Concat("c")))
    draws, generator = 4800, rng()
    counts = Counter(space.sample(generator) for _ in range(draws))
    assert len(counts) == space.size == 3 * 8
    expected = draws / space.size
    assert sum((count - expected) ** 2 / expected for count in counts.values()) < 50  # chi-square, 23 degrees: p = .001


def test_equal_seeds_sample_equal_plans() -> None:
    assert SPACE.sample(rng(1)) == SPACE.sample(rng(1))
    assert len({SPACE.sample(rng(seed)) for seed in range(20)}) > 10


@pytest.mark.parametrize(
    "choices",
    [
        [(1, 2), (1, 0, 1), (2, 1, 2)],
        [(0, 3, 1), (1, 0, 1), (2, 1, 2)],
        [(1, 2, 2), (1, 0, 1), (2, 1, 2)],
        [(1, 2, 1), (1, 0), (2, 1, 2)],
        [(1, 2, 1), (1, 0, 2), (2, 1, 2)],
    ],
)
def test_a_choice_that_is_not_offered_is_refused(choices) -> None:
    with pytest.raises(PlanError, match=r"stem|conv"):
        SPACE.decode(choices)


@pytest.mark.parametrize(
    ("widths", "indicators", "message"),
    [
        ({"stem": (4, 8, 4)}, {"conv": (True,) * 3}, "couplings are not .*missing.*inner"),
        ({"stem": (4, 8, 4), "inner": (16, 8, 4), "extra": (1, 1, 1)}, {"conv": (True,) * 3}, "unknown.*extra"),
        ({"stem": (4, 8, 4), "inner": (16, 8, 4)}, {}, "plan's mixing layers are not .*missing.*conv"),
        ({"stem": (5, 7, 4), "inner": (16, 8, 4)}, {"conv": (True,) * 3}, "stem.*min_width"),
        ({"stem": (0, 12, 4), "inner": (16, 8, 4)}, {"conv": (True,) * 3}, "stem.*at least 1"),
        ({"stem": (4, 4, 4), "inner": (16, 8, 4)}, {"conv": (True,) * 3}, "stem.*sum 4"),
        ({"stem": (4, 12), "inner": (16, 8, 4)}, {"conv": (True,) * 3}, "stem.*3 numbers"),
        ({"stem": (4, 8, 4), "inner": (16, 8, 4)}, {"conv": (True,) * 2}, "conv.*3 flags"),
    ],
)
def test_a_plan_of_another_space_is_refused(widths, indicators, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        SPACE.encode(Plan(3, widths, indicators))


def test_a_plan_of_other_stages_is_refused() -> None:
    with pytest.raises(PlanError, match="2 stages, the search space 3"):
        SPACE.encode(Plan(2, {}, {}))


@given(spaces())
def test_uniform_divides_evenly_with_all_indicators_on(space: SearchSpace) -> None:
    plan = space.uniform()
    for choice, decision in zip(space.encode(plan), space.decisions, strict=True):
        if isinstance(decision, Split):
            assert max(choice) - min(choice) <= 1
    assert all(all(flags) for flags in plan.indicators.values())


@pytest.mark.parametrize(
    ("count", "shares", "choice"),
    [(8, (2, 1, 1), (4, 2, 2)), (4, (8, 1, 1), (2, 1, 1)), (3, (1, 1, 98), (1, 1, 1)), (16, (1, 1, 2), (4, 4, 8))],
)
def test_uniform_follows_shares_but_leaves_each_stage_a_piece(count, shares, choice) -> None:
    space = SearchSpace(3, (Split("s", (1,) * count),))
    assert space.uniform(shares).widths["s"] == choice


@pytest.mark.parametrize("shares", [(1, 1), (1, 0, 1), (1, -1, 1), (1, float("nan"), 1), (1, float("inf"), 1)])
def test_impossible_shares_are_refused(shares) -> None:
    with pytest.raises(PlanError, match="one per stage"):
        SPACE.uniform(shares)


def test_a_coupling_of_fewer_pieces_than_stages_offers_nothing() -> None:
    assert Split("s", (1, 1)).size(3) == 0
