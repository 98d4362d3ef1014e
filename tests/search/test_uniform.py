"""The uniform plans, one after the other."""

from s2dnas.search.uniform import UniformStrategy
from s2dnas.space.profiles import uniform_plans
from toy_search import SPACE


def test_every_uniform_plan_is_asked_for_once_from_thin_first_stages_to_wide_ones_and_then_again() -> None:
    plans = UniformStrategy(SPACE, 0).ask(50)
    count = len(uniform_plans(SPACE))
    assert set(plans[:count]) == set(uniform_plans(SPACE))
    widths = [plan.widths["split0"] for plan in plans[:count]]
    assert widths == sorted(widths)
    assert plans[count:] == plans[: 50 - count]
