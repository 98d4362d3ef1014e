"""Widths are chosen so that what lies between them can be told; known widths are never changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.profile.grid import BLOCK, FINE, along_inputs, along_outputs, input_grid, is_rising, output_grid

UNITS = st.sampled_from([1, 4, 8, 16, 32])


@given(unit=UNITS, most=st.integers(1, 1024))
def test_grids_rise_from_a_piece_to_the_whole_layer(unit: int, most: int) -> None:
    for widths in (output_grid(unit, most), input_grid(unit, most)):
        assert is_rising(widths)
        assert widths[-1] == most
        assert widths[0] <= max(unit, 1) or widths[0] == most


@given(unit=UNITS, most=st.integers(1, 1024))
def test_every_narrow_output_that_a_plan_may_have_is_timed(unit: int, most: int) -> None:
    assert set(range(unit, min(most, FINE) + 1, unit)) <= set(output_grid(unit, most))


@given(unit=UNITS, most=st.integers(2, 1024), data=st.data())
def test_what_is_known_is_given_back(unit: int, most: int, data: st.DataObject) -> None:
    widths = output_grid(unit, most)
    values = [data.draw(st.floats(0.1, 10)) for _ in widths]
    for width, value in zip(widths, values, strict=True):
        assert along_outputs(widths, values, width) == pytest.approx(value)
        assert along_inputs(widths, values, width) == pytest.approx(max(value, min(values) / 4))


@given(most=st.integers(BLOCK, 1024), width=st.integers(16, 1024))
def test_time_that_goes_by_blocks_is_told_between_known_widths(most: int, width: int) -> None:
    """A kernel that computes 32 outputs at once, or 8, 16 or 24 for what is left, each at its own speed."""
    rest = {0: 0.0, 16: 0.7}
    width = min(width // 16 * 16, most // 16 * 16)

    def time(outputs: int) -> float:
        return outputs // 32 + rest[outputs % 32]

    widths = output_grid(16, most // 16 * 16)
    assert along_outputs(widths, [time(each) for each in widths], width) == pytest.approx(time(width))


@given(unit=UNITS, most=st.integers(2, 512), width=st.integers(1, 1024))
def test_a_straight_line_is_followed_also_beyond_the_widest(unit: int, most: int, width: int) -> None:
    widths = input_grid(unit, most)
    values = [3.0 + each for each in widths]
    expected = 3.0 + width if len(widths) > 1 else values[0]
    assert along_inputs(widths, values, width) == pytest.approx(max(expected, values[0] / 4))
