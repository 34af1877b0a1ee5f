"""Charge days (or hours) as stretches of instants, so that no engine's idea of time zones is needed to cut them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cloudcircuit.charges import day_start
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Grain, SpendQuery

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A stretch of instants from `begin` to the next bucket.

    `start` is what a charge in it is told to start at, `day` its charge day; `past`: it lies before now.
    """

    begin: datetime
    start: datetime
    day: date
    past: bool


def load_zone(name: str) -> ZoneInfo:
    """Raises AdapterError when this machine does not know the zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise AdapterError(f"time zone {name!r} is not known here; is tzdata installed?", permanent=True) from error


def local_day(instant: datetime, zone: str) -> date:
    return instant.astimezone(load_zone(zone)).date()


def period_start(instant: datetime, zone: str, grain: Grain) -> datetime:
    """The start of the charge day in a zone, or of the hour, that an instant belongs to; in UTC."""
    if grain is Grain.HOUR:
        return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return day_start(local_day(instant, zone), zone)


def cut(query: SpendQuery, now: datetime) -> tuple[Bucket, ...]:
    """The window in buckets, without a gap; a bucket ends at `now`. Empty for an empty window."""
    edges = {query.start, *_days(query), *(_hours(query) if query.grain is Grain.HOUR else ()), now.astimezone(UTC)}
    return tuple(
        Bucket(at, period_start(at, query.zone, query.grain), local_day(at, query.zone), past=at < now)
        for at in sorted(edges)
        if query.start <= at < query.end
    )


def find(buckets: Sequence[Bucket], instant: datetime) -> int:
    """Which bucket an instant of the window is in."""
    return bisect_right(buckets, instant, key=lambda bucket: bucket.begin) - 1


def _days(query: SpendQuery) -> list[datetime]:
    first, last = local_day(query.start, query.zone), local_day(query.end, query.zone)
    return [day_start(first + n * DAY, query.zone) for n in range((last - first).days + 1)]


def _hours(query: SpendQuery) -> list[datetime]:
    first = period_start(query.start, query.zone, Grain.HOUR)
    return [first + n * HOUR for n in range(int((query.end - first) / HOUR) + 1)]
