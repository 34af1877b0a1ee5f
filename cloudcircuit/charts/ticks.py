"""Where an axis is marked, and what stands there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from math import ceil, floor, log10

from cloudcircuit.charts.scale import Range
from cloudcircuit.engine.text import money

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = ((1e12, "tn"), (1e9, "bn"), (1e6, "M"), (1e4, "k"))  # 9,500 reads better than 9.5k
_DIVISORS = {"tn": 1e12, "bn": 1e9, "M": 1e6, "k": 1e3}


# --- amounts ----------------------------------------------------------------------------------------------


def steps(span: Range, about: int = 4) -> list[float]:
    """Round amounts, 1, 2 or 5 times a power of ten apart, that reach from the range's low to its high."""
    low, high = span
    step = _round_step((high - low) / about)
    return [place * step for place in range(floor(low / step + 1e-9), ceil(high / step - 1e-9) + 1)]


def _round_step(raw: float) -> float:
    power: float = 10.0 ** floor(log10(raw))
    return next(times * power for times in (1.0, 2.0, 5.0, 10.0) if raw <= times * power * (1 + 1e-9))


def amount_labels(marks: list[float], currency: str) -> list[str]:
    """Amounts of one axis in one unit, with as many digits as tell them apart: `$0`, `$2.5M`, `$5.0M`."""
    largest = max(map(abs, marks))
    if largest >= 1e15:
        return [_signed(mark, f"{abs(mark):.3g}", currency) for mark in marks]
    suffix = next((name for least, name in _UNITS if largest >= least), "")
    unit = _DIVISORS.get(suffix, 1.0)
    step = (marks[1] - marks[0]) / unit if len(marks) > 1 else 1.0
    digits = max(0, -floor(log10(step) + 1e-9))
    return [_signed(mark, f"{abs(mark) / unit:,.{digits}f}{suffix}" if mark else "0", currency) for mark in marks]


def _signed(mark: float, digits: str, currency: str) -> str:
    sign = "−" if mark < 0 else ""
    return f"{sign}{_symbol(currency)}{digits}"


def _symbol(currency: str) -> str:
    """What stands before an amount: `$`, `CHF `."""
    return money(1, currency).removesuffix(".00").removesuffix("1")


# --- times ------------------------------------------------------------------------------------------------


Mark = tuple[datetime, str]


def dates(span: Range, most: int) -> list[Mark]:
    """The marks of a time axis: hours, days, Mondays, months or years, whichever is the finest with at most `most`."""
    start, end = (datetime.fromtimestamp(each, UTC) for each in span)
    for walk in _WALKS:
        found = _few(walk(start, end), most)
        if found is not None:
            return found
    return []


def _few(walk: Iterator[Mark], most: int) -> list[Mark] | None:
    found: list[Mark] = []
    for mark in walk:
        if len(found) == most:
            return None
        found.append(mark)
    return found


def _hourly(every: int) -> Callable[[datetime, datetime], Iterator[Mark]]:
    def walk(start: datetime, end: datetime) -> Iterator[Mark]:
        at = start.replace(hour=0, minute=0, second=0, microsecond=0)
        while at <= end:
            if at >= start:
                yield at, f"{at:%H:%M}" if at.hour else _day(at)
            at += timedelta(hours=every)

    return walk


def _daily(every: int) -> Callable[[datetime, datetime], Iterator[Mark]]:
    """Every so many days; whole weeks begin on Mondays."""

    def walk(start: datetime, end: datetime) -> Iterator[Mark]:
        at = start.replace(hour=0, minute=0, second=0, microsecond=0)
        at -= timedelta(days=at.weekday() if every % 7 == 0 else 0)
        while at <= end:
            if at >= start:
                yield at, _day(at)
            at += timedelta(days=every)

    return walk


def _monthly(every: int) -> Callable[[datetime, datetime], Iterator[Mark]]:
    def walk(start: datetime, end: datetime) -> Iterator[Mark]:
        first, last = (at.year * 12 + at.month - 1 for at in (start, end))
        for month in range(max(12, first - first % every), last + 1, every):
            at = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
            if at >= start:
                yield at, str(at.year) if at.month == 1 else _MONTHS[at.month - 1]

    return walk


def _day(at: datetime) -> str:
    return f"{at.day} {_MONTHS[at.month - 1]}"


_WALKS = (
    *(_hourly(every) for every in (1, 3, 6, 12)),
    *(_daily(every) for every in (1, 2, 7, 14)),
    *(_monthly(every) for every in (1, 2, 3, 6, 12, 24, 60, 120, 600, 1200)),
)
