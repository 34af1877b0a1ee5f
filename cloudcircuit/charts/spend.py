"""Spend by day or hour, with what was expected and the limit, what was told above it, and states below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloudcircuit.charts.frame import Frame, draw_frame, frame
from cloudcircuit.charts.lines import Spot, area, line, thin, within
from cloudcircuit.charts.parts import STRIP, Mark, Strip, draw_marks, draw_strips, in_rows
from cloudcircuit.charts.scale import Range, amounts, drawable, seconds, times
from cloudcircuit.charts.svg import SMALL, Size, figure, picture, tag, text


@dataclass(frozen=True, slots=True)
class SpendPoint:
    """One period by its start. None, and what is not finite, is unknown, and breaks the line.

    `low` to `high` is the band of what is normal; `is_unusual` gives the point a dot.
    """

    at: datetime
    value: float | None
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    is_unusual: bool = False
    is_provisional: bool = False


@dataclass(frozen=True, slots=True)
class SpendChart:
    """A series, oldest first. `span` and `amounts` are the axes, where they are not to follow from the points.

    What lies before `since` is shaded: it belongs to the picture, not to what is told.
    """

    title: str
    description: str
    currency: str
    points: Sequence[SpendPoint]
    marks: Sequence[Mark] = ()
    strips: Sequence[Strip] = ()
    span: tuple[datetime, datetime] | None = None
    amounts: Range | None = None
    since: datetime | None = None


def spend_range(points: Sequence[SpendPoint]) -> Range:
    """The amounts that the axis shows: all that was spent and expected; bands and limits as far as they are near."""
    firm = [value for point in points for value in (point.value, point.expected)]
    return amounts(firm, [value for point in points for value in (point.low, point.high, point.limit)])


def draw_spend(chart: SpendChart, size: Size = SMALL) -> str:
    """The chart as SVG. Raises ValueError for times without a zone."""
    foot = len(chart.strips) * STRIP + (8 if chart.strips else 0)
    span = times(chart.span or [point.at for point in chart.points])
    marks = in_rows(chart.marks, size.width / (span[1] - span[0]))
    names = [strip.name for strip in chart.strips]
    shown = chart.amounts or spend_range(chart.points)
    made = frame(size, span, shown, chart.currency, head=10 + marks.height, foot=foot, names=names)
    parts = [
        *_before(made, chart.since),
        *draw_frame(made),
        *_series(made, _thinned(chart.points)),
        *_border(made, chart.points),
        *draw_marks(marks, made.x, made.y),
        *draw_strips(chart.strips, made.x, made.y.start + 6),
    ]
    return picture(size, chart.title, chart.description, parts)


def _before(made: Frame, since: datetime | None) -> Iterator[str]:
    width = 0.0 if since is None else min(made.x(seconds(since)), made.x.end) - made.x.start
    if width > 0:
        yield tag("rect", class_="before", x=made.x.start, y=made.y.end, width=width, height=made.y.start - made.y.end)


def _thinned(points: Sequence[SpendPoint]) -> list[SpendPoint]:
    unusual = [place for place, point in enumerate(points) if point.is_unusual]
    return [points[place] for place in thin([drawable(point.value) for point in points], unusual)]


def _series(made: Frame, points: Sequence[SpendPoint]) -> Iterator[str]:
    def along(value_of: Callable[[SpendPoint], float | None]) -> list[Spot | None]:
        return [made.spot(seconds(point.at), value_of(point)) for point in points]

    def edge(value_of: Callable[[SpendPoint], float | None]) -> list[Spot | None]:
        return [made.clipped(seconds(point.at), value_of(point)) for point in points]

    yield from _path("band", area(edge(lambda point: point.low), edge(lambda point: point.high)))
    limit = [made.place(seconds(point.at), point.limit) for point in points]
    yield from _path("limit", line(within(limit, made.y.end, made.y.start)))
    yield from _path("expected", line(along(lambda point: point.expected)))
    values = along(lambda point: point.value)
    settled, provisional = _split(values, [point.is_provisional for point in points])
    yield from _path("value", line(settled))
    yield from _path("value provisional", line(provisional))
    for point, spot in zip(points, values, strict=True):
        if point.is_unusual and spot is not None:
            yield tag("circle", class_="unusual", cx=spot[0], cy=spot[1], r=3)


def _path(class_: str, d: str) -> Iterator[str]:
    if d:
        yield tag("path", class_=class_, d=d)


def _split(spots: list[Spot | None], is_provisional: list[bool]) -> tuple[list[Spot | None], list[Spot | None]]:
    """What is settled, and what is provisional with the settled points that it hangs on."""
    settled = [None if open_ else spot for spot, open_ in zip(spots, is_provisional, strict=True)]
    hangs = [any(is_provisional[place : place + 2]) for place in range(len(spots))]
    return settled, [spot if on else None for spot, on in zip(spots, hangs, strict=True)]


def _border(made: Frame, points: Sequence[SpendPoint]) -> Iterator[str]:
    """The line between what is settled and what may still change."""
    first = next((place for place, point in enumerate(points) if point.is_provisional), None)
    if first is None or any(not point.is_provisional for point in points[first:]):
        return
    x = made.x(seconds(points[first].at))
    if made.x.start < x <= made.x.end:
        yield tag("path", class_="border", d=f"M{figure(x)},{figure(made.y.end)}V{figure(made.y.start)}")
        yield text((x - 4, made.y.end + 9), "settled", "name", "end")
