"""From amounts and times to places: what an axis shows, and where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf, isfinite, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcircuit.charts.scale import Scale, amounts, drawable, joint, seconds, times
from tests.charts.reading import DAY, START


def test_a_scale_maps_its_ends_and_its_middle() -> None:
    scale = Scale(0, 200, 300, 100)
    assert (scale(0), scale(100), scale(200)) == (300, 200, 100)


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300), st.floats(0, 1))
def test_a_scale_is_finite_whatever_it_measures(low: float, high: float, share: float) -> None:
    low, high = amounts([low, high])
    scale = Scale(low, high, 0, 100)
    assert -1e-6 <= scale(low * (1 - share) + high * share) <= 100 + 1e-6


@pytest.mark.parametrize("bad", [nan, inf, -inf, 1e301, None])
def test_what_cannot_be_drawn_is_unknown(bad: float | None) -> None:
    assert drawable(bad) is None
    assert amounts([5.0, bad]) == (0.0, 5.0)
    assert amounts([5.0], [bad]) == (0.0, 5.0)


def test_an_axis_begins_at_zero_unless_something_lies_below() -> None:
    assert amounts([90.0, 100.0]) == (0.0, 100.0)
    assert amounts([-5.0, 3.0]) == (-5.0, 3.0)


@pytest.mark.parametrize("nothing", [[], [0.0], [None], [1e-12]])
def test_an_axis_has_a_length_even_for_nothing(nothing: list[float | None]) -> None:
    low, high = amounts(nothing)
    assert low == 0.0
    assert high >= 1.0


def test_a_far_limit_does_not_flatten_what_was_spent() -> None:
    assert amounts([100.0], [150.0]) == (0.0, 150.0)
    assert amounts([100.0], [1e9]) == (0.0, 200.0)
    assert amounts([-100.0], [-1e9]) == (-200.0, 0.0)
    assert amounts([0.0], [20.0]) == (0.0, 20.0)


def test_a_band_below_zero_makes_no_room_there_by_itself() -> None:
    assert amounts([10.0], [-3.0]) == (0.0, 10.0)
    assert amounts([10.0, -1.0], [-3.0]) == (-3.0, 10.0)


def test_charts_to_compare_share_an_axis() -> None:
    assert joint([(0.0, 5.0), (-1.0, 3.0)]) == (-1.0, 5.0)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        seconds(datetime(2027, 1, 1))


def test_a_single_moment_gets_a_day_on_either_side() -> None:
    assert times([START]) == (seconds(START - DAY), seconds(START + DAY))
    assert times([START, START + 3 * DAY]) == (seconds(START), seconds(START + 3 * DAY))
    assert all(isfinite(each) for each in times([]))


def test_zones_do_not_matter() -> None:
    shifted = START.astimezone(UTC) + timedelta(0)
    assert seconds(shifted) == seconds(START)
