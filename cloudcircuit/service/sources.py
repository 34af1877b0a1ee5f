"""How a source fares: what it last said, whether it is blind, whether it rewrote its past."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from cloudcircuit.engine.periods import charge_day
from cloudcircuit.engine.settle import learned, settles_until
from cloudcircuit.engine.text import count, duration, shown
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import AlertKind, Cost, ReportStatus, Severity, SourceAlert, SourceState
from cloudcircuit.service.absent import find_absent
from cloudcircuit.service.diff import LedgerDiff
from cloudcircuit.service.house import House, Source
from cloudcircuit.service.reading import Reading
from cloudcircuit.service.settling import follow

BLIND_AFTER = 3
"""Passing failures in a row after which a source is called blind; a permanent one calls it so at once."""

Told = tuple[SourceState, list[SourceAlert]]
"""A source after its cycle, and what it is worth telling."""


def succeeded(house: House, spec: Source, before: SourceState, reading: Reading, now: datetime) -> Told:
    """The source answered. What it lost, or took back, makes the answer suspicious, whatever the adapter thinks.

    `last_attempt` stays what it was: the reading is over once it has been judged.
    """
    diffs = [answer.diff for answer in reading.speaking]
    gaps, forgotten = _vanished(diffs)
    rewritten = [line for diff in diffs for line in _rewritten(house, spec, before, diff)]
    absent = find_absent(spec, before, reading, now)
    is_doubtful = bool(gaps or absent) or any(line.fell for line in rewritten)
    watermark = min(reading.watermark, now) if reading.watermark else before.watermark
    growing = follow(house, spec, before, reading, now)
    own = (reading.notes or ("its adapter says so",)) if reading.status is ReportStatus.SUSPICIOUS else ()
    after = replace(
        before,
        version=before.version + 1,
        watermark=watermark,
        newest=_newest(diffs[0], before),
        status=ReportStatus.SUSPICIOUS if is_doubtful else reading.status,
        last_success=now,
        failures=0,
        error=None,
        permanent=False,
        broken=tuple(sorted(reading.broken)),
        accounts=tuple(sorted(reading.accounts)),
        notes=(*(own or reading.notes), *gaps, *_missing(absent), *forgotten)[:50],
        has_effective=reading.has(Cost.EFFECTIVE),
        has_billed=reading.has(Cost.BILLED),
        dimensions=reading.dimensions,
        marks=reading.marks(),
        absent=absent,
        growing=growing,
        whole_until=settles_until(watermark, learned(growing), now, before.settled_until),
    )
    told = _doubts(house, before, after, (*gaps, *own), now)
    if rewritten:
        told.append(_alert(house, after, now, AlertKind.RESTATED, Severity.WARNING, _retold(spec, rewritten)))
    if absent.keys() - before.absent.keys():
        told.append(_alert(house, after, now, AlertKind.RESTATED, Severity.WARNING, _gone(spec, absent)))
    told += _broken(house, before, after, reading, now)
    after, blind = _look(house, spec, before, after, now)
    return after, [*told, *blind]


def _broken(
    house: House, before: SourceState, after: SourceState, reading: Reading, now: datetime
) -> list[SourceAlert]:
    """Say when days have rows that cannot be read: when that begins, and for rows that were not told.

    A line that belongs to no day keeps the newest day back, whichever that is: it is the same line tomorrow.
    """
    new = sorted(set(after.broken) - set(before.broken))
    is_told = bool(before.broken) and reading.notes == before.notes[: len(reading.notes)]
    if not new or is_told:
        return []
    rows = count(sum(reading.broken[day] for day in new), "row")
    days = f"{new[0]}" if len(new) == 1 else f"{len(new)} days from {new[0]} to {new[-1]}"
    why = f": {'; '.join(reading.notes[:3])}" if reading.notes else ""
    text = (
        f"{rows} of {days} cannot be read{why}. What they cost is not known: such a day can raise an alarm, never calm "
        "one, and spend is at least what is shown. Repair the rows and it settles."
    )
    return [_alert(house, after, now, AlertKind.BROKEN_ROWS, Severity.WARNING, text)]


def failed(house: House, spec: Source, before: SourceState, error: AdapterError, now: datetime) -> Told:
    """The source did not answer: noted, and told when it has gone blind. It keeps its watermark, which grows old."""
    after = replace(
        before,
        version=before.version + 1,
        last_attempt=now,
        failures=before.failures + 1,
        error=str(error),
        permanent=error.permanent,
    )
    return _look(house, spec, before, after, now)


def _newest(diff: LedgerDiff, before: SourceState) -> datetime | None:
    """The start of the newest charge day that is known, as midnight UTC of that date."""
    return datetime.combine(max(diff.word), time(), tzinfo=UTC) if diff.word else before.newest


# --- what makes an answer doubtful --------------------------------------------------------------------------


def _vanished(diffs: Sequence[LedgerDiff]) -> tuple[list[str], list[str]]:
    """The days that were reported before and are gone: those amid what is reported, and the beginning.

    A source that keeps a year forgets a day each day. Its first days keep their figures, and nothing hangs on them.
    """
    gaps = {day for diff in diffs for day in diff.vanished_days if diff.first is None or day > diff.first}
    forgotten = {
        diff.first for diff in diffs for day in diff.vanished_days if diff.first is not None and day < diff.first
    }
    return (
        [f"{day} was reported before and is gone; its last figures are kept" for day in sorted(gaps)],
        [f"what was reported before {first} is gone; its last figures are kept" for first in sorted(forgotten)],
    )


def _missing(absent: Mapping[str, datetime]) -> list[str]:
    return [f"account {shown(name)} is gone from what was reported before" for name in sorted(absent)[:3]]


def _gone(spec: Source, absent: Mapping[str, datetime]) -> str:
    names = ", ".join(shown(name) for name in sorted(absent)[:5])
    more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
    what = "account" if len(absent) == 1 else "accounts"
    return (
        f"{spec.name} no longer shows {what} {names}{more}, on any day. A permission may have been narrowed, and spend "
        "that is not seen is not spend that has stopped: nothing is relaxed until it is back. If it was closed, say so "
        f'once: cloudcircuit ack source:{spec.name} --reason "…"'
    )


def _doubts(
    house: House, before: SourceState, after: SourceState, why: Sequence[str], now: datetime
) -> list[SourceAlert]:
    """Say once that an answer is suspicious; what it rewrote, and accounts that are gone, are told by themselves.

    Accounts may be gone for weeks: they hide nothing else that becomes suspicious meanwhile.
    """
    is_told = before.status is ReportStatus.SUSPICIOUS and (not before.absent or not set(why).isdisjoint(before.notes))
    if not why or is_told:
        return []
    more = f" and {len(why) - 3} more" if len(why) > 3 else ""
    text = (
        f"{after.source} answers, but its answer is suspicious: {'; '.join(why[:3])}{more}. Nothing is relaxed on it."
    )
    return [_alert(house, after, now, AlertKind.RESTATED, Severity.WARNING, text)]


@dataclass(frozen=True, slots=True)
class _Rewritten:
    """Settled days that now cost something else, in one currency and one cost."""

    currency: str
    cost: Cost
    days: tuple[date, ...]
    old: Decimal
    new: Decimal
    moved: Decimal
    fell: bool


def _rewritten(house: House, spec: Source, before: SourceState, diff: LedgerDiff) -> list[_Rewritten]:
    """The days that had settled and moved by more than a share of what they were, by currency and cost.

    Each day by itself: among many that moved by cents, one that doubled is heard. What usually comes late has not
    settled.
    """
    if before.settled_until is None:
        return []
    least = min((monitor.min_impact for monitor in house.fed_by(spec.name)), default=Decimal(0))
    share = Decimal(repr(spec.restated_share))
    settled = charge_day(before.settled_until, spec.zone)
    found: dict[tuple[str, Cost], list[tuple[date, Decimal, Decimal]]] = defaultdict(list)
    for line in diff.restated:
        if line.day < settled and abs(line.new - line.old) >= abs(line.old) * share:
            found[line.currency, line.cost].append((line.day, line.old, line.new))
    lines = [_add_up(currency, cost, days, share) for (currency, cost), days in found.items()]
    return [line for line in lines if line.moved >= least]


def _add_up(currency: str, cost: Cost, days: list[tuple[date, Decimal, Decimal]], share: Decimal) -> _Rewritten:
    old = sum((before for _, before, _ in days), Decimal(0))
    new = sum((after for _, _, after in days), Decimal(0))
    moved = sum((abs(after - before) for _, before, after in days), Decimal(0))
    return _Rewritten(currency, cost, tuple(sorted(day[0] for day in days)), old, new, moved, old - new > old * share)


def _retold(spec: Source, lines: list[_Rewritten]) -> str:
    """One sentence for each currency: what the invoice says, or where that stands, what is spread over terms."""
    spoken = {line.currency: line for line in reversed(lines)}
    parts = []
    for line in spoken.values():
        span = f"{line.days[0]}" if len(line.days) == 1 else f"{line.days[0]} to {line.days[-1]}"
        days = count(len(line.days), "settled day")
        parts.append(
            f"{line.cost.column} of {days} ({span}) went from {line.old:.2f} to {line.new:.2f} {line.currency}"
        )
    text = f"{spec.name} rewrote its past: {'; '.join(parts)}. Past days are not judged again; budgets count the new"
    fell = any(line.fell for line in lines)
    return f"{text} figures, and nothing is relaxed on them until it says so again." if fell else f"{text} figures."


# --- blindness ----------------------------------------------------------------------------------------------


def _look(house: House, spec: Source, before: SourceState, after: SourceState, now: datetime) -> Told:
    """Mark the moment a source goes blind, or sees again, and say so once. Only an answer ends blindness."""
    why = _blindness(house, spec, after, now)
    if why and before.blind_since is None:
        text = (
            f"{spec.name} is blind: {why}. Breakers keep their last decision; when_stale rules once data are too old."
        )
        blind = replace(after, blind_since=now)
        return blind, [_alert(house, blind, now, AlertKind.SOURCE_BLIND, Severity.CRITICAL, text)]
    if not why and before.blind_since is not None and after.error is None:
        text = f"{spec.name} sees again, after {_span(now - before.blind_since)}."
        seeing = replace(after, blind_since=None)
        return seeing, [_alert(house, seeing, now, AlertKind.SOURCE_BACK, Severity.CRITICAL, text)]
    return after, []


def _blindness(house: House, spec: Source, state: SourceState, now: datetime) -> str | None:
    """Why a source is blind, or None while it sees."""
    if state.error and (state.permanent or state.failures >= BLIND_AFTER):
        return f"{state.error} ({state.failures} times in a row)" if state.failures > 1 else state.error
    if state.watermark is None:
        return None if state.error else "it has no data at all"
    age = now - state.watermark
    patience = min((m.stale_after for m in house.fed_by(spec.name)), default=timedelta(hours=72))
    return f"its data end {_span(age)} ago" if age >= patience else None


def _span(age: timedelta) -> str:
    return duration(age.total_seconds())


def _alert(
    house: House, state: SourceState, now: datetime, kind: AlertKind, severity: Severity, text: str
) -> SourceAlert:
    monitors = house.fed_by(state.source)
    channels = house.house_channels or tuple(dict.fromkeys(c for monitor in monitors for c in monitor.channels))
    return SourceAlert(
        kind=kind,
        severity=severity,
        at=now,
        subject=state.source,
        text=text,
        monitors=tuple(monitor.name for monitor in monitors),
        source=state,
        channels=channels,
    )
