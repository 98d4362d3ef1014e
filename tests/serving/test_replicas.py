"""Replicas go where the work is."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixed import mixed
from s2dnas.errors import SettingsError
from s2dnas.serving.replicas import image_costs, plan_replicas

costs = st.lists(st.floats(0, 100), min_size=1, max_size=4)


@st.composite
def stages(draw: st.DrawFn) -> tuple[list[float], list[float], int]:
    milliseconds = draw(costs)
    shares = draw(st.lists(st.floats(0, 1), min_size=len(milliseconds), max_size=len(milliseconds)))
    return milliseconds, sorted(shares, reverse=True), draw(st.integers(len(milliseconds), 9))


def busiest(milliseconds: list[float], reach: list[float], replicas: tuple[int, ...]) -> float:
    return max(cost * share / count for cost, share, count in zip(milliseconds, reach, replicas, strict=True))


@given(stages())
def test_no_division_leaves_the_busiest_replica_less_to_do(case: tuple[list[float], list[float], int]) -> None:
    milliseconds, reach, total = case
    found = plan_replicas(milliseconds, reach, total)
    assert sum(found) == total
    assert min(found) >= 1
    every = product(range(1, total + 1), repeat=len(reach))
    assert busiest(milliseconds, reach, found) == min(
        busiest(milliseconds, reach, replicas) for replicas in every if sum(replicas) == total
    )


@given(stages(), st.integers(0, 20))
def test_one_more_replica_is_taken_from_no_stage(case: tuple[list[float], list[float], int], more: int) -> None:
    milliseconds, reach, total = case
    few, many = (plan_replicas(milliseconds, reach, count) for count in (total, total + more))
    assert all(before <= after for before, after in zip(few, many, strict=True))


def test_large_numbers_are_in_proportion() -> None:
    assert plan_replicas((1.0, 2.0, 4.0), (1.0, 0.5, 0.25), 3000) == (1000, 1000, 1000)
    assert plan_replicas((3.0, 1.0), (1.0, 1.0), 4000) == (3000, 1000)


@pytest.mark.parametrize(
    ("milliseconds", "reach", "total", "said"),
    [
        ((), (), 1, "milliseconds"),
        ((1.0, float("nan")), (1.0, 0.5), 3, "milliseconds"),
        ((1.0, float("inf")), (1.0, 0.5), 3, "milliseconds"),
        ((1.0, -1.0), (1.0, 0.5), 3, "milliseconds"),
        ((1.0, 1.0), (1.0,), 3, "reach must be 2 shares"),
        ((1.0, 1.0), (0.5, 0.6), 3, "above that of an earlier"),
        ((1.0, 1.0), (1.1, 0.6), 3, "none above 1"),
        ((1.0, 1.0), (1.0, -0.1), 3, "reach"),
        ((1.0, 1.0), (1.0, float("nan")), 3, "reach"),
        ((1.0, 1.0), (1.0, 0.5), 1, "at least a replica for each of 2"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(
    milliseconds: tuple[float, ...], reach: tuple[float, ...], total: int, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        plan_replicas(milliseconds, reach, total)


def test_stages_cost_their_own_macs_until_milliseconds_are_known() -> None:
    manifest = mixed().bundle.manifest
    first, second, third = (stage.macs for stage in manifest.stages)
    assert image_costs(manifest) == (first, second - first, third - second)
    measured = [{"onnxruntime": {1: 2.0, 8: 8.0 * (index + 1)}} for index in range(3)]
    measured[2]["onnxruntime"][32] = 1.0  # the others were not measured so
    timed = [
        stage.model_copy(update={"milliseconds": each}) for stage, each in zip(manifest.stages, measured, strict=True)
    ]
    assert image_costs(manifest.model_copy(update={"stages": tuple(timed)})) == (1.0, 2.0, 3.0)
