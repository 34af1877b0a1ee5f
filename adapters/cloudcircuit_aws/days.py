"""Which days have moved since they were told, and in which stretches they are read again. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Context, Decimal
from hashlib import sha256
from typing import Any

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Grain
from cloudcircuit_aws.asks import DAY, STEPS, Span, start_of_day
from cloudcircuit_aws.parse import periods_of, read_money, read_number, start_of

USAGE = "UsageQuantity"
"""Asked for beside the costs: where credits pay for everything, costs stay 0 while usage grows."""

_MILLIONTH = Decimal("0.000001")
_NINE_DIGITS = Context(prec=9)
_USUAL_ROWS = 500
"""Groups a day where none have been seen yet: high, so that the first stretch of a first reading is a short one."""
STRETCH_PAGES = 10
"""About how many pages are read before what they say is kept: a reading that is cut short then still gets somewhere."""


@dataclass(frozen=True, slots=True)
class Total:
    """What a day cost in all. `digest` tells it from the same day with other amounts."""

    amounts: tuple[Decimal, ...]
    currency: str
    digest: str
    has_data: bool
    estimated: bool


@dataclass(frozen=True, slots=True)
class Totals:
    """The days of a span, up to the last period that was answered."""

    span: Span
    days: Mapping[date, Total]
    asked: datetime
    """Up to when was asked; `newest` is when the newest period with data begins."""
    newest: datetime | None = None

    def within(self, span: Span) -> Totals:
        first, last = span.start.date(), (span.end - STEPS[Grain.HOUR]).date()
        cut = Span(max(self.span.start, span.start), min(self.span.end, span.end))
        days = {day: total for day, total in self.days.items() if first <= day <= last}
        return Totals(cut, days, self.asked, self.newest)

    @property
    def with_data(self) -> list[date]:
        return [day for day, total in self.days.items() if total.has_data]

    @property
    def estimated_since(self) -> date | None:
        return min((day for day, total in self.days.items() if total.estimated and total.has_data), default=None)


def read_totals(pages: Sequence[Mapping[str, Any]], span: Span, metrics: Sequence[str], grain: Grain) -> Totals:
    """Raises AdapterError where a period before the last one is missing, or one cannot be read."""
    found = {start_of(period, grain): period for page in pages for period in periods_of(page)}
    step, at, by_day = STEPS[grain], span.start, defaultdict(list)
    while at in found:
        by_day[at.date()].append((at, found.pop(at)))
        at += step
    if found or at > span.end:
        raise AdapterError("Cost Explorer's totals have a gap, or periods that were not asked for; try again")
    days = {day: _total(day, [period for _, period in periods], metrics) for day, periods in by_day.items()}
    with_data = [start for periods in by_day.values() for start, period in periods if _has_data(period, metrics)]
    return Totals(Span(span.start, at), days, span.end, max(with_data, default=None))


def _has_data(period: Mapping[str, Any], metrics: Sequence[str]) -> bool:
    found = [read_number(period.get("Total"), name) for name in (*metrics, USAGE)]
    return any(each is not None and each[0] for each in found)


def _total(day: date, periods: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> Total:
    money = [read_money(period.get("Total"), metrics) for period in periods]
    usage = [read_number(period.get("Total"), USAGE) for period in periods]
    read = [each for each in money if each is not None]
    used = [each[0] for each in usage if each is not None]
    currencies = {currency for _, currency in read}
    if len(read) < len(money) or len(used) < len(usage) or len(currencies) > 1:
        raise AdapterError(f"Cost Explorer's totals of {day} cannot be read; try again")
    return Total(
        amounts=tuple(map(sum, zip(*(amounts for amounts, _ in read), strict=True))),  # type: ignore[arg-type]
        currency=next(iter(currencies)),
        digest=_digest(metrics, read, used),
        has_data=any(used) or any(any(amounts) for amounts, _ in read),
        estimated=any(period.get("Estimated") is not False for period in periods),
    )


def _digest(metrics: Sequence[str], money: Sequence[tuple[tuple[Decimal, ...], str]], usage: Sequence[Decimal]) -> str:
    """Rounded a little: sums of floats may come out with other last digits each time they are asked for."""
    rows = [
        [currency, *(str(amount.quantize(_MILLIONTH).normalize()) for amount in amounts), str(_NINE_DIGITS.plus(used))]
        for (amounts, currency), used in zip(money, usage, strict=True)
    ]
    return sha256(repr([1, *metrics, rows]).encode()).hexdigest()[:20]


# --- marks --------------------------------------------------------------------------------------------------


def make_mark(total: Total, rows: int) -> str:
    """What is kept of a day: its digest, and how many groups it had."""
    return f"{total.digest}.{rows}"


def is_same(mark: str | None, total: Total) -> bool:
    return mark is not None and mark.partition(".")[0] == total.digest


def rows_a_day(marks: Collection[str]) -> int:
    """How many groups a day has in this breakdown, as far as it was seen; the most of all days."""
    seen = [int(rows) for mark in marks if (rows := mark.partition(".")[2]).isdecimal() and len(rows) < 9]
    return max(seen, default=_USUAL_ROWS) or 1


# --- stretches ----------------------------------------------------------------------------------------------


def stretches(days: Collection[date], rows: int, page_size: int) -> list[Span]:
    """The days as spans, oldest first; two become one, with the days between, when that costs no more pages."""
    spans: list[Span] = []
    for day in sorted(days):
        span = _span(day)
        if spans and _pages(merged := Span(spans[-1].start, span.end), rows, page_size) <= _pages(
            spans[-1], rows, page_size
        ) + _pages(span, rows, page_size):
            spans[-1] = merged
        else:
            spans.append(span)
    return spans


def _span(day: date) -> Span:
    return Span(start_of_day(day), start_of_day(day) + DAY)


def _pages(span: Span, rows: int, page_size: int) -> int:
    return -(-span.days * rows // page_size)


def cut_newest(span: Span, rows: int, page_size: int) -> tuple[Span | None, Span]:
    """What is left for later, and the newest days, as many as fit a stretch."""
    most = max(1, STRETCH_PAGES * page_size // rows)
    if span.days <= most:
        return None, span
    middle = span.end - most * DAY
    return Span(span.start, middle), Span(middle, span.end)
