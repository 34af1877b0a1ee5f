"""Paths: gaps break them, lone points stay visible, and long series are thinned without losing their peaks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloudcircuit.charts.lines import MOST, area, line, thin, within


def test_a_gap_breaks_the_line_and_a_lone_point_is_a_dot() -> None:
    assert line([(0, 1), (1, 2), None, (3, 4), None, None, (6, 7.25), (7, 8)]) == "M0,1 1,2M3,4h0M6,7.2 7,8"
    assert line([]) == line([None, None]) == ""


def test_an_area_goes_out_along_one_side_and_back_along_the_other() -> None:
    low, high = [(0.0, 9.0), (1.0, 8.0)], [(0.0, 5.0), (1.0, 4.0)]
    assert area(low, high) == "M0,9 1,8 1,4 0,5z"


def test_an_area_is_broken_where_either_side_is_unknown_and_a_lone_one_has_a_width() -> None:
    low, high = [(0.0, 9.0), None, (2.0, 8.0)], [(0.0, 5.0), (1.0, 4.0), None]
    assert area(low, high) == "M-1.5,9 1.5,9 1.5,5 -1.5,5z"


def test_a_line_is_cut_where_it_leaves_the_plot() -> None:
    spots = [(0.0, 50.0), (10.0, -50.0), None, (20.0, -50.0), (30.0, 50.0), (40.0, 150.0), (50.0, 120.0)]
    assert line(within(spots, 0.0, 100.0)) == "M0,50 5,0M25,0 30,50 35,100"
    assert line(within([(0.0, -1.0), (1.0, 101.0)], 0.0, 100.0)) == ""


def test_a_short_series_is_left_alone() -> None:
    assert thin([1.0, None, 2.0]) == [0, 1, 2]
    assert len(thin([1.0] * MOST)) == MOST


@given(st.lists(st.none() | st.floats(-1e9, 1e9), min_size=21, max_size=120), st.data())
def test_a_long_series_keeps_its_ends_its_extremes_its_gaps_and_what_matters(
    values: list[float | None], data: st.DataObject
) -> None:
    keep = data.draw(st.sets(st.integers(0, len(values) - 1), max_size=10))
    kept = thin(values, keep, most=20)
    assert kept == sorted(set(kept))
    assert {0, len(values) - 1, *keep} <= set(kept)
    assert len(kept) <= 1.5 * 20 + 12
    shown = [values[place] for place in kept]
    known = [value for value in values if value is not None]
    if known:
        drawn = [value for value in shown if value is not None]
        assert (min(drawn), max(drawn)) == (min(known), max(known))
    assert (None in shown) == (None in values)
