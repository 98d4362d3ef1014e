"""Profiles cover the shapes that decisions drawn one by one miss."""

import numpy as np

from s2dnas.space.plan import Plan
from s2dnas.space.profiles import draw_around_a_profile, uniform_plans
from s2dnas.space.space import Concat, SearchSpace, Split

SPACE = SearchSpace(3, tuple(d for k in range(40) for d in (Split(f"split{k}", (2,) * 8), Concat(f"concat{k}"))))


def first_share(plan: Plan) -> float:
    return float(np.mean([widths[0] / sum(widths) for widths in plan.widths.values()]))


def reuse(plan: Plan) -> float:
    return float(np.mean(list(plan.indicators.values())))


def test_uniform_plans_are_distinct_and_in_the_space() -> None:
    plans = uniform_plans(SPACE)
    assert len(set(plans)) == len(plans) == 21
    assert all(SPACE.decode(SPACE.encode(plan)) == plan and reuse(plan) == 1 for plan in plans)


def test_coarse_couplings_give_each_uniform_plan_once() -> None:
    space = SearchSpace(3, (Split("a", (1,) * 4),))
    assert sorted(plan.widths["a"] for plan in uniform_plans(space)) == [(1, 1, 2), (1, 2, 1), (2, 1, 1)]


def test_drawn_plans_are_of_the_space_and_as_the_generator_says() -> None:
    one, other = (draw_around_a_profile(SPACE, np.random.default_rng(3)) for _ in range(2))
    assert one == other == SPACE.decode(SPACE.encode(one))


def test_drawn_plans_reach_thin_and_wide_first_stages_and_sparse_and_dense_reuse() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_around_a_profile(SPACE, rng) for _ in range(200)]
    independent = [SPACE.sample(rng) for _ in range(200)]
    for measure in (first_share, reuse):
        assert np.std([measure(plan) for plan in drawn]) > 3 * np.std([measure(plan) for plan in independent])
