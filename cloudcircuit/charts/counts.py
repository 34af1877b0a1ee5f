"""How many there were, by week or day: bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloudcircuit.charts.scale import Scale, seconds
from cloudcircuit.charts.svg import LETTER, Size, picture, tag, text, words
from cloudcircuit.charts.ticks import dates, steps

_FOOT, _HEAD, _RIGHT = 20.0, 16.0, 14.0
_ROOM_FOR_A_DATE = 64.0
_WIDEST = 22.0

LOW = Size(height=130)


@dataclass(frozen=True, slots=True)
class CountChart:
    """Counts by the start of their stretch of time, oldest first, all `days` long; `most` is the top of the axis."""

    title: str
    description: str
    counts: Sequence[tuple[datetime, int]]
    days: int = 7
    most: int = 0


def draw_counts(chart: CountChart, size: Size = LOW) -> str:
    """The chart as SVG; numbers stand on bars with room. Raises ValueError for times without a zone."""
    if not chart.counts:
        return picture(size, chart.title, chart.description, ())
    x = _time(chart, size)
    most = max(1, chart.most, *(n for _, n in chart.counts))
    marks = [mark for mark in steps((0, most), about=2) if mark == int(mark)]
    y = Scale(0, marks[-1], size.height - _FOOT, _HEAD)
    return picture(size, chart.title, chart.description, [*_axes(x, y, marks, size), *_bars(chart, x, y)])


def _time(chart: CountChart, size: Size) -> Scale:
    first, last = seconds(chart.counts[0][0]), seconds(chart.counts[-1][0]) + chart.days * 86_400
    return Scale(first, last, 48, size.width - _RIGHT)


def _axes(x: Scale, y: Scale, marks: list[float], size: Size) -> Iterator[str]:
    lines = (tag("line", x1=x.start, x2=x.end, y1=y(n), y2=y(n), class_=None if n else "zero") for n in marks)
    yield tag("g", *lines, class_="grid")
    yield tag("g", *(text((x.start - 6, y(n) + 4), f"{n:,.0f}", anchor="end") for n in marks), class_="axis")
    most = max(2, int((x.end - x.start) / _ROOM_FOR_A_DATE))
    yield tag("g", *_dates(x, y, most, size), class_="axis")


def _dates(x: Scale, y: Scale, most: int, size: Size) -> Iterator[str]:
    for at, label in dates((x.low, x.high), most):
        place = x(seconds(at))
        yield tag("line", x1=place, x2=place, y1=y.start, y2=y.start + 4)
        if place + len(label) * LETTER / 2 <= size.width:
            yield text((place, y.start + 16), label, anchor="middle")


def _bars(chart: CountChart, x: Scale, y: Scale) -> Iterator[str]:
    width = (x.end - x.start) / (x.high - x.low) * chart.days * 86_400
    bar_width = min(0.75 * width, _WIDEST)
    for at, n in chart.counts:
        left = x(seconds(at))
        if n:
            bar = tag("title", words(f"{at:%Y-%m-%d}: {n:,}"))
            yield tag(
                "rect",
                bar,
                class_="bar",
                x=left + (width - bar_width) / 2,
                y=y(n),
                width=bar_width,
                height=y.start - y(n),
            )
        if n and width >= len(f"{n:,}") * LETTER:
            yield text((left + width / 2, y(n) - 4), f"{n:,}", "count", "middle")
