"""Calendar arithmetic: charge days in a zone, budget periods, and how far back a source is asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from cloudcircuit.model import SEASONAL, SIMPLE_LOOKBACK, AnomalyPolicy, Monitor, Period

DAY = timedelta(days=1)
SPARE_HISTORY = 14
"""Days of run rate beyond baseline and memory of anomalies: room for days that are late, missing or kept out."""


def charge_day(at: datetime, zone: ZoneInfo) -> date:
    """The charge day that an instant belongs to."""
    return at.astimezone(zone).date()


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a charge day, in UTC.

    Where the clock skips midnight, that is the instant of the skip; where midnight comes twice, the first one.
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def day_end(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a charge day is over, in UTC: 23 to 25 hours after its start."""
    return day_start(day + DAY, zone)


def period_of(day: date, period: Period) -> tuple[date, date]:
    """The budget period of a day, half-open. Weeks begin on Monday."""
    if period is Period.DAY:
        return day, day + DAY
    if period is Period.WEEK:
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    months = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}[period]
    first = (day.month - 1) // months * months
    return date(day.year, first + 1, 1), _first_of_month(day.year, first + months)


def previous(start: date, period: Period) -> tuple[date, date]:
    """The budget period before the one that begins on `start`."""
    return period_of(start - DAY, period)


def current_period(now: datetime, zones: Iterable[ZoneInfo], period: Period) -> tuple[date, date]:
    """The running budget period; over several zones it rolls over when the slowest has passed."""
    return period_of(_slowest_day(now, zones), period)


def window(
    now: datetime, zone: ZoneInfo, monitors: Iterable[Monitor], zones: Iterable[ZoneInfo] = ()
) -> tuple[datetime, datetime]:
    """What a source is asked for: half-open, in UTC, from midnight to midnight in its `zone`.

    It begins with the previous budget period of the longest budget of `monitors`, or with the history that run
    rates need if that is longer, and ends with today. `zones` are those of the other sources of these monitors: a
    monitor stays in its old period until the slowest has passed.
    """
    today = charge_day(now, zone)
    slowest = _slowest_day(now, [zone, *zones])
    begin = min((_needs_from(slowest, monitor) for monitor in monitors), default=today)
    return day_start(begin, zone), day_end(today, zone)


def _needs_from(today: date, monitor: Monitor) -> date:
    history = today - timedelta(days=_run_rate_days(monitor))
    if monitor.budget is None and monitor.book is None:
        return history
    period = monitor.budget.period if monitor.budget else Period.MONTH
    start, _ = period_of(today, period)
    return min(history, previous(start, period)[0])


def _run_rate_days(monitor: Monitor) -> int:
    """The simple checks look at so many settled days that are no anomalies; the seasonal one at a span as it is."""
    anomaly, burn = monitor.anomaly, monitor.burn_rate
    simple = [policy.lookback for policy in (anomaly, burn) if policy and policy is not _seasonal(anomaly)]
    patience = (anomaly or AnomalyPolicy()).new_level_after
    whole = _seasonal(anomaly)
    history = max(simple, default=SIMPLE_LOOKBACK) + patience
    return max(history, whole.lookback if whole else 0) + SPARE_HISTORY


def _seasonal(policy: AnomalyPolicy | None) -> AnomalyPolicy | None:
    return policy if policy is not None and policy.method == SEASONAL else None


def _slowest_day(now: datetime, zones: Iterable[ZoneInfo]) -> date:
    return min(charge_day(now, zone) for zone in zones)


def _first_of_month(year: int, months: int) -> date:
    """The first day of a month counted from January of a year, 0 being January."""
    return date(year + months // 12, months % 12 + 1, 1)
