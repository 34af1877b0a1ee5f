"""A budget over its periods: what was spent so far, the limit, and where it was heading at chosen days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloudcircuit.charts.frame import Frame, draw_frame, frame
from cloudcircuit.charts.lines import area, line, thin
from cloudcircuit.charts.parts import Mark, draw_marks, in_rows
from cloudcircuit.charts.scale import Range, amounts, drawable, seconds, times
from cloudcircuit.charts.svg import SMALL, Size, picture, tag


@dataclass(frozen=True, slots=True)
class Fan:
    """A forecast as it stood at `at`, when `spend` was known: the period's end, its median and its band."""

    at: datetime
    spend: float
    median: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class BudgetPeriod:
    """One period: `spend` so far by the end of the known days, and the `limits` by the time they held from."""

    start: datetime
    end: datetime
    spend: Sequence[tuple[datetime, float]]
    limits: Sequence[tuple[datetime, float]]
    fans: Sequence[Fan] = ()


@dataclass(frozen=True, slots=True)
class BudgetChart:
    """Periods, oldest first."""

    title: str
    description: str
    currency: str
    periods: Sequence[BudgetPeriod]
    marks: Sequence[Mark] = ()
    span: tuple[datetime, datetime] | None = None
    amounts: Range | None = None


def budget_range(periods: Sequence[BudgetPeriod]) -> Range:
    """The amounts that the axis shows: spend and limits, and forecasts as far as they are near."""
    firm = [value for period in periods for _, value in (*period.spend, *period.limits)]
    fans = [fan for period in periods for fan in period.fans]
    return amounts(firm, [value for fan in fans for value in (fan.median, fan.low, fan.high)])


def draw_budget(chart: BudgetChart, size: Size = SMALL) -> str:
    """The chart as SVG. Raises ValueError for times without a zone."""
    span = times(chart.span or [at for period in chart.periods for at in (period.start, period.end)])
    marks = in_rows(chart.marks, size.width / (span[1] - span[0]))
    made = frame(size, span, chart.amounts or budget_range(chart.periods), chart.currency, head=10 + marks.height)
    parts = [
        *draw_frame(made),
        *(tag("g", *_period(made, period)) for period in chart.periods),
        *draw_marks(marks, made.x, made.y),
    ]
    return picture(size, chart.title, chart.description, parts)


def _period(made: Frame, period: BudgetPeriod) -> Iterator[str]:
    for fan in period.fans:
        yield from _fan(made, fan, seconds(period.end))
    yield from _limits(made, period)
    spend = [(seconds(at), value) for at, value in ((period.start, 0.0), *period.spend)]
    kept = thin([drawable(value) for _, value in spend])
    path = line([made.spot(*spend[place]) for place in kept])
    if path:
        yield tag("path", class_="value", d=path)


def _limits(made: Frame, period: BudgetPeriod) -> Iterator[str]:
    """Level lines, each from when its limit held to when the next one did."""
    starts = [max(made.x.low, seconds(at)) for at, _ in period.limits]
    for (_, value), start, end in zip(period.limits, starts, [*starts[1:], seconds(period.end)], strict=True):
        path = line([made.spot(start, value), made.spot(min(end, made.x.high), value)])
        if path and start < end:
            yield tag("path", class_="limit", d=path)


def _fan(made: Frame, fan: Fan, end: float) -> Iterator[str]:
    at, end = seconds(fan.at), min(end, made.x.high)
    root = made.spot(at, fan.spend)
    low, high = made.clipped(end, fan.low), made.clipped(end, fan.high)
    if root is None or at >= end:
        return
    if low is not None and high is not None:
        yield tag("path", class_="fan", d=area([root, low], [root, high]))
    yield from (
        tag("path", class_="median", d=line([root, tip])) for tip in [made.clipped(end, fan.median)] if tip is not None
    )
