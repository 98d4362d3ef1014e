"""Thresholds fall with load: never before the share that was set, never further than the most, never up."""

from hypothesis import given
from hypothesis import strategies as st

from s2dnas.serving import ServingLimits
from s2dnas.serving.relief import RELIEF_STEPS, relief_at, relieved

SHARES = st.floats(0, 1)
LIMITS = st.builds(ServingLimits, relief_from=st.floats(0, 0.99), relief_most=SHARES)


@given(LIMITS, SHARES, SHARES)
def test_relief_rises_with_load_between_its_ends(limits: ServingLimits, load: float, other: float) -> None:
    low, high = sorted((load, other))
    assert 0 <= relief_at(low, limits) <= relief_at(high, limits) <= limits.relief_most
    if load < limits.relief_from:
        assert relief_at(load, limits) == 0
    assert relief_at(1.0, limits) == limits.relief_most


def test_relief_comes_in_few_steps() -> None:
    found = {relief_at(load / 1000, ServingLimits()) for load in range(1001)}
    assert found == {step / RELIEF_STEPS for step in range(RELIEF_STEPS + 1)}


@given(st.lists(st.floats(0, 2), max_size=4), SHARES, SHARES)
def test_relieved_thresholds_only_fall(thresholds: list[float], relief: float, more: float) -> None:
    low, high = sorted((relief, more))
    assert relieved(thresholds, 0.0) == tuple(thresholds)
    pairs = zip(relieved(thresholds, high), relieved(thresholds, low), thresholds, strict=True)
    assert all(0 <= cheaper <= dearer <= asked for cheaper, dearer, asked in pairs)
    assert set(relieved(thresholds, 1.0)) <= {0.0}
