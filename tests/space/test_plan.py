"""Plans: equality, keys and files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.artifacts import write_json
from s2dnas.errors import ArtifactError
from s2dnas.space.plan import Plan, stage_pairs

PLAN = Plan(2, {"a": (3, 5), "b": (4, 4)}, {"conv": (True,), "fc": (False,)})


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    stages = draw(st.integers(1, 4))
    widths = st.tuples(*[st.integers(1, 64)] * stages)
    flags = st.tuples(*[st.booleans()] * len(stage_pairs(stages)))
    names = st.text(min_size=1, max_size=5)
    return Plan(
        stages,
        draw(st.dictionaries(names, widths, max_size=3)),
        draw(st.dictionaries(names, flags, max_size=3)),
    )


def test_stage_pairs_list_every_earlier_stage_of_every_stage() -> None:
    assert stage_pairs(1) == []
    assert stage_pairs(3) == [(0, 1), (0, 2), (1, 2)]


@given(plans())
def test_dict_round_trip(plan: Plan) -> None:
    again = Plan.from_dict(plan.to_dict())
    assert again == plan
    assert again.key == plan.key
    assert hash(again) == hash(plan)


@given(plans(), plans())
def test_keys_are_equal_exactly_for_equal_plans(one: Plan, other: Plan) -> None:
    assert (one.key == other.key) == (one == other)


def test_the_order_of_names_does_not_matter() -> None:
    turned = Plan(2, dict(reversed(PLAN.widths.items())), dict(reversed(PLAN.indicators.items())))
    assert turned == PLAN
    assert turned.key == PLAN.key


@pytest.mark.parametrize(
    "other",
    [
        Plan(3, PLAN.widths, PLAN.indicators),
        Plan(2, {**PLAN.widths, "a": (5, 3)}, PLAN.indicators),
        Plan(2, PLAN.widths, {**PLAN.indicators, "fc": (True,)}),
        Plan(2, {"a": (3, 5)}, PLAN.indicators),
    ],
)
def test_every_part_counts_for_the_key(other: Plan) -> None:
    assert other.key != PLAN.key


def test_file_round_trip(tmp_path) -> None:
    PLAN.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == PLAN


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"num_stages": 2, "widths": {}},
        {"num_stages": "two", "widths": {}, "indicators": {}},
        {"num_stages": 2, "widths": [1], "indicators": {}},
        {"num_stages": 2, "widths": {"a": 3}, "indicators": {}},
    ],
)
def test_something_else_is_refused(content, tmp_path) -> None:
    write_json(tmp_path / "plan.json", "plan", content)
    with pytest.raises(ArtifactError, match="not a plan"):
        Plan.load(tmp_path / "plan.json")


def test_a_missing_file_is_refused(tmp_path) -> None:
    with pytest.raises(ArtifactError, match="does not exist"):
        Plan.load(tmp_path / "plan.json")


def test_the_key_does_not_depend_on_the_process() -> None:
    assert PLAN.key == "d3102a656c4b9db2"
    assert len({Plan(2, {"a": (int(n), 9)}, {}).key for n in np.arange(50)}) == 50


def test_plans_of_other_keys_are_spread_over_the_hash_table() -> None:
    assert len({hash(Plan(2, {"a": (width, 99)}, {})) for width in range(50)}) == 50
