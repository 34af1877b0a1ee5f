"""Bars of counts, keys, and the style: what stands beside the charts of money."""

from __future__ import annotations

import re
from itertools import product

import pytest

from cloudcircuit.charts import (
    CountChart,
    Shape,
    SpendChart,
    SpendPoint,
    css,
    draw_counts,
    draw_spend,
    sample,
    standalone,
)
from cloudcircuit.charts.key import draw_key
from cloudcircuit.charts.parts import Level
from cloudcircuit.charts.style import DARK, LIGHT
from tests.charts.reading import DAY, NASTY, START, classed, named, parse, said

WEEKS = [(START + week * 7 * DAY, n) for week, n in enumerate([0, 4, 2])]


def test_bars_are_as_high_as_their_counts() -> None:
    root = parse(draw_counts(CountChart("alerts", "by week", WEEKS)))
    heights = [float(bar.get("height") or 0) for bar in classed(root, "bar")]
    assert heights == [94.0, 47.0]
    assert [bar[0].text for bar in classed(root, "bar")] == ["2027-01-08: 4", "2027-01-15: 2"]


def test_charts_side_by_side_share_their_top() -> None:
    root = parse(draw_counts(CountChart("alerts", "by week", WEEKS, most=10)))
    assert float(classed(root, "bar")[0].get("height") or 0) == 37.6


@pytest.mark.parametrize("counts", [[], [(START, 0)], [(START, 1)], [(START + d * DAY, 1_000_000) for d in range(500)]])
def test_every_count_makes_a_picture(counts: list[tuple[object, int]]) -> None:
    root = parse(draw_counts(CountChart(NASTY, NASTY, counts, days=1)))  # type: ignore[arg-type]
    assert len(classed(root, "bar")) == sum(n > 0 for _, n in counts)


@pytest.mark.parametrize("name", ["value", "band", "fan", "before", *Shape, *Level])
def test_there_is_a_sample_of_everything(name: str) -> None:
    root = parse(sample(name))
    assert root.get("aria-hidden") == "true"
    assert len(list(root.iter())) > 1


def test_a_key_stands_in_a_row() -> None:
    root = parse(
        f'<svg xmlns="http://www.w3.org/2000/svg">{draw_key([("value", "spend"), ("band", "<b>")], 10, 5)}</svg>'
    )
    assert said(root) == ["spend", "<b>"]
    first, second = (float(text.get("x") or 0) for text in named(root, "text"))
    assert first < second


def test_a_picture_that_stands_alone_carries_its_style_and_its_ground() -> None:
    made = SpendChart("t", "</desc><script>", "USD", [SpendPoint(START, 1.0)])
    root = parse(standalone(draw_spend(made)))
    assert [each.tag.rpartition("}")[2] for each in root[:4]] == ["title", "desc", "style", "rect"]
    assert root[2].text == css()
    assert not re.search(r"url\(|@import|https?:", css())


def test_every_class_that_is_drawn_has_a_colour() -> None:
    for name in ("value", "expected", "limit", "median", "border", "unusual", "before", "band", "fan", "bar", "stem"):
        assert re.search(rf"\.{name}[^{{]*{{[^}}]*(stroke|fill):#", css()), name


@pytest.mark.parametrize(
    ("palette", "colour"), list(product([LIGHT, DARK], ["ink", "soft", "value", "limit", "alarm"]))
)
def test_words_and_lines_stand_out_from_their_ground(palette: dict[str, str], colour: str) -> None:
    assert contrast(palette[colour], palette["ground"]) >= 4.5
    assert contrast(palette[colour], palette["before"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """The contrast of two colours by WCAG 2.2."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
