"""Charge days in a zone, cut without the engine's own idea of time zones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cloudcircuit.errors import AdapterError

DAY = timedelta(days=1)


def load_zone(name: str) -> ZoneInfo:
    """Raises AdapterError when this machine does not know the zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise AdapterError(f"time zone {name!r} is not known here; is tzdata installed?", permanent=True) from error


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, in UTC."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()


def days_between(start: datetime, end: datetime, zone: ZoneInfo) -> list[date]:
    """The local days that a half-open range of instants touches."""
    if end <= start:
        return []
    first, last = local_day(start, zone), local_day(end - timedelta(microseconds=1), zone)
    return [first + n * DAY for n in range((last - first).days + 1)]


def offsets(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, timedelta]]:
    """The zone's offsets over a range: each with the instant until which it holds; the last holds on."""
    at = start
    while at < end:
        step = min(at + DAY, end)
        if _offset(step, zone) != _offset(at, zone):
            yield _change(at, step, zone), _offset(at, zone)
        at = step
    yield end, _offset(end, zone)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first second with the offset that holds at `after`."""
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(before + timedelta(seconds=middle), zone) == _offset(before, zone):
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)
