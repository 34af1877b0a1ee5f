"""The chart of a series: its points where they belong, its gaps, its marks and its states."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.charts import Level, Mark, Shape, Size, SpendChart, SpendPoint, Stretch, Strip, draw_spend
from tests.charts.reading import DAY, NASTY, START, classed, parse, places, runs, said

SIZE = Size(400, 200)
LEFT, RIGHT, TOP, BOTTOM = 48.0, 386.0, 10.0, 180.0  # the plot within SIZE, for short labels and nothing beside it


def chart(*values: float | None, **changes: object) -> SpendChart:
    points = [SpendPoint(START + day * DAY, value) for day, value in enumerate(values)]
    return replace(SpendChart("Glue", "spend by day", "USD", points), **changes)  # type: ignore[arg-type]


def test_points_stand_where_their_day_and_their_amount_are() -> None:
    root = parse(draw_spend(chart(0.0, 50.0, 100.0), SIZE))
    middle = (LEFT + RIGHT) / 2
    assert places(root, "value") == [(LEFT, BOTTOM), (middle, (TOP + BOTTOM) / 2), (RIGHT, TOP)]
    assert {"$0", "$50", "$100", "1 Jan", "2 Jan", "3 Jan"} <= set(said(root))


def test_band_limit_and_expected_stand_on_the_same_axes() -> None:
    points = [SpendPoint(START + day * DAY, 50.0, 50.0, 0.0, 100.0, 100.0) for day in range(2)]
    root = parse(draw_spend(chart(points=points), SIZE))
    half = (TOP + BOTTOM) / 2
    assert places(root, "band") == [(LEFT, BOTTOM), (RIGHT, BOTTOM), (RIGHT, TOP), (LEFT, TOP)]
    assert places(root, "limit") == [(LEFT, TOP), (RIGHT, TOP)]
    assert places(root, "expected") == places(root, "value") == [(LEFT, half), (RIGHT, half)]


@pytest.mark.parametrize("gap", [None, nan, inf, -inf, 1e305])
def test_what_is_unknown_breaks_the_line(gap: float | None) -> None:
    root = parse(draw_spend(chart(1.0, 2.0, gap, 4.0, 5.0), SIZE))
    (path,) = classed(root, "value")
    assert [len(run) for run in runs(path)] == [2, 2]


@pytest.mark.parametrize(
    "values", [(), (5.0,), (0.0,), (None,), (None, None), (7.0,) * 30, (-5.0, -3.0), (1e-9, 1e12), (1e300, -1e300)]
)
def test_every_series_makes_a_picture(values: tuple[float | None, ...]) -> None:
    root = parse(draw_spend(chart(*values), SIZE))
    for x, y in places(root, "value"):
        assert LEFT <= x <= RIGHT
        assert TOP - 0.1 <= y <= BOTTOM + 0.1
    assert len(places(root, "value")) == sum(value is not None for value in values)


def test_negative_days_lie_below_the_line_of_zero() -> None:
    root = parse(draw_spend(chart(10.0, -10.0), SIZE))
    (zero,) = classed(root, "zero")
    (_, above), (_, below) = places(root, "value")
    assert above < float(zero.get("y1") or 0) < below
    assert "−$10" in said(root)


def test_a_limit_far_above_is_left_out_rather_than_flattening_the_rest() -> None:
    points = [SpendPoint(START + day * DAY, 100.0, None, 90.0, 1e9, 1e9) for day in range(3)]
    root = parse(draw_spend(chart(points=points), SIZE))
    assert not classed(root, "limit")
    assert min(y for _, y in places(root, "band")) == TOP


def test_a_limit_that_rises_out_of_the_picture_is_drawn_to_its_edge() -> None:
    points = [SpendPoint(START + day * DAY, 100.0, limit=50.0 if day == 0 else 1e9) for day in range(3)]
    ((first, second),) = runs(classed(parse(draw_spend(chart(points=points), SIZE)), "limit")[0])
    assert first == (LEFT, 137.5)
    assert second == pytest.approx((LEFT, TOP), abs=0.2)


def test_unusual_days_have_a_dot_and_marks_a_line_at_their_moment() -> None:
    points = [SpendPoint(START + day * DAY, 10.0 * (1 + day), is_unusual=day == 2) for day in range(3)]
    mark = Mark(START + DAY, Shape.SQUARE, "tripped", note="twice the usual")
    root = parse(draw_spend(chart(points=points, marks=[mark]), SIZE))
    (dot,) = classed(root, "unusual")
    assert float(dot.get("cx") or 0) == RIGHT
    (group,) = classed(root, "mark square")
    assert [each.text for each in group if each.tag.endswith("title")] == ["tripped"]
    assert places(root, "stem")[0][0] == (LEFT + RIGHT) / 2
    assert "twice the usual" in said(root)


def test_a_mark_outside_of_the_axis_is_not_drawn() -> None:
    made = chart(1.0, 2.0, marks=[Mark(START + 9 * DAY, Shape.RING, "later")])
    assert not classed(parse(draw_spend(made)), "mark ring")


def test_provisional_days_hang_on_the_last_settled_one_behind_a_border() -> None:
    points = [SpendPoint(START + day * DAY, 10.0, is_provisional=day > 1) for day in range(4)]
    root = parse(draw_spend(chart(points=points), SIZE))
    assert len(places(root, "value")) == 2
    assert len(places(root, "value provisional")) == 3
    assert places(root, "border")[0][0] == places(root, "value provisional")[1][0]
    assert "settled" in said(root)


def test_a_provisional_day_amid_settled_ones_is_no_border() -> None:
    points = [SpendPoint(START + day * DAY, 10.0, is_provisional=day == 1) for day in range(4)]
    assert not classed(parse(draw_spend(chart(points=points))), "border")


def test_states_are_told_apart_by_their_height() -> None:
    ends = [START + day * DAY for day in range(4)]
    names = {Level.QUIET: "closed", Level.FULL: "open", Level.HALF: "half-open"}
    strip = Strip("state", tuple(Stretch(*at, *as_) for at, as_ in zip(pairwise(ends), names.items(), strict=True)))
    root = parse(draw_spend(chart(1.0, 1.0, 1.0, 1.0, strips=[strip]), SIZE))
    rects = [classed(root, str(level))[0] for level in names]
    assert [float(rect.get("height") or 0) for rect in rects] == [2, 10, 6]
    assert [rect[0].text for rect in rects] == list(names.values())
    assert len({float(rect.get("y") or 0) + float(rect.get("height") or 0) for rect in rects}) == 1
    starts = [float(rect.get("x") or 0) for rect in rects]
    assert starts == pytest.approx([LEFT, LEFT + (RIGHT - LEFT) / 3, LEFT + 2 * (RIGHT - LEFT) / 3], abs=0.06)


def test_a_state_that_reaches_beyond_the_axis_is_cut_off() -> None:
    strip = Strip("state", (Stretch(START - 9 * DAY, START + 99 * DAY, Level.FULL, "open"),))
    far = Strip("past", (Stretch(START - 9 * DAY, START - 8 * DAY, Level.FULL, "long ago"),))
    root = parse(draw_spend(chart(1.0, 1.0, strips=[strip, far]), SIZE))
    (rect,) = classed(root, "full")
    assert (rect.get("x"), rect.get("width")) == ("48", "338")


def test_given_axes_hold_and_what_lies_off_them_is_not_drawn() -> None:
    span = (START, START + 10 * DAY)
    root = parse(draw_spend(chart(50.0, 50.0, 300.0, span=span, amounts=(0.0, 100.0)), SIZE))
    assert places(root, "value") == [(48.0, 95.0), (81.8, 95.0)]


def test_what_lies_before_is_shaded() -> None:
    root = parse(draw_spend(chart(1.0, 1.0, 1.0, since=START + DAY), SIZE))
    (shade,) = classed(root, "before")
    assert (shade.get("x"), shade.get("width")) == ("48", "169")
    assert not classed(parse(draw_spend(chart(1.0, 1.0, since=START))), "before")


def test_a_long_series_stays_small_and_keeps_its_peak() -> None:
    values = [10.0] * 5000
    values[3333] = 99.0
    svg = draw_spend(chart(*values), SIZE)
    assert len(svg) < 12_000
    assert min(y for _, y in places(parse(svg), "value")) == pytest.approx(TOP, abs=2)


def test_a_picture_says_what_it_shows() -> None:
    root = parse(draw_spend(chart(1.0)))
    assert root.get("role") == "img"
    assert [root[0].text, root[1].text] == ["Glue", "spend by day"]
    assert root.get("viewBox") == "0 0 400 200"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        draw_spend(chart(points=[SpendPoint(datetime(2027, 1, 1), 1.0)]))


@settings(max_examples=50)
@given(st.text() | st.just(NASTY))
def test_no_text_breaks_out(text: str) -> None:
    mark = Mark(START, Shape.RING, text, note=text)
    strip = Strip(text, (Stretch(START, START + DAY, Level.HALF, text),))
    made = chart(1.0, 2.0, title=text, description=text, currency=text, marks=[mark], strips=[strip])
    root = parse(draw_spend(made))
    assert {each.tag.rpartition("}")[2] for each in root.iter()} <= {
        "svg", "title", "desc", "g", "line", "text", "path", "rect", "circle",
    }  # fmt: skip
    assert {key for each in root.iter() for key in each.attrib} <= {
        "class", "role", "viewBox", "width", "height", "text-anchor",
        "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "d",
    }  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), max_size=40))
def test_whatever_the_numbers_nothing_leaves_the_plot(values: list[float | None]) -> None:
    root = parse(draw_spend(chart(*values), SIZE))
    for path in classed(root, "value"):
        assert all(0 <= x <= 400 and TOP - 0.1 <= y <= BOTTOM + 0.1 for run in runs(path) for x, y in run)


def test_marks_that_would_cover_each_other_stand_in_rows() -> None:
    hour = DAY / 24
    close = [Mark(START + DAY + n * hour, Shape.TRIANGLE, str(n)) for n in range(5)]
    far = Mark(START + 2 * DAY, Shape.TRIANGLE, "far")
    root = parse(draw_spend(chart(*[1.0] * 21, marks=[*close, far]), SIZE))
    heights = [places_of[0][1] for places_of in (runs(path)[0] for path in classed(root, "stem"))]
    assert heights[0] == heights[-1] > heights[1] > heights[2] == heights[3] == heights[4]


def test_words_beside_a_mark_stand_where_there_is_room() -> None:
    early, late = (Mark(START + day * DAY, Shape.RING, "", note="a few words") for day in (0, 2))
    root = parse(draw_spend(chart(1.0, 1.0, 1.0, marks=[early, late]), SIZE))
    assert [text.get("text-anchor") for text in classed(root, "note")] == ["start", "end"]
