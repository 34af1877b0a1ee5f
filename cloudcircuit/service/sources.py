"""How a source fares: what it last said, whether it is blind, whether it rewrote its past."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import AlertKind, Cost, ReportStatus, Severity, SourceAlert, SourceState
from cloudcircuit.ports import SpendReport
from cloudcircuit.service.diff import LedgerDiff
from cloudcircuit.service.house import House, Source

BLIND_AFTER = 3
"""Passing failures in a row after which a source is called blind; a permanent one calls it so at once."""


def succeeded(before: SourceState, report: SpendReport, diff: LedgerDiff, now: datetime) -> SourceState:
    """The source answered. Days that vanished whole make the answer suspicious, whatever the adapter thinks."""
    vanished = [f"{day} was reported before and is gone; its last figures are kept" for day in diff.vanished_days]
    return replace(
        before,
        version=before.version + 1,
        watermark=report.watermark or before.watermark,
        newest=_newest(diff, before),
        status=ReportStatus.SUSPICIOUS if vanished else report.status,
        last_attempt=now,
        last_success=now,
        failures=0,
        error=None,
        permanent=False,
        broken=tuple(sorted(report.broken)),
        accounts=tuple(sorted(report.accounts)),
        notes=(*report.notes, *vanished)[:50],
        has_effective=Cost.EFFECTIVE.column in report.table.column_names,
        has_billed=Cost.BILLED.column in report.table.column_names,
        dimensions=report.dimensions,
    )


def _newest(diff: LedgerDiff, before: SourceState) -> datetime | None:
    """The start of the newest charge day that is known, as midnight UTC of that date."""
    if not diff.word:
        return before.newest
    newest: date = max(diff.word)
    return datetime.fromisoformat(f"{newest.isoformat()}T00:00:00+00:00")


def failed(before: SourceState, error: AdapterError, now: datetime) -> SourceState:
    return replace(
        before,
        version=before.version + 1,
        last_attempt=now,
        failures=before.failures + 1,
        error=str(error),
        permanent=error.permanent,
    )


def tell(house: House, spec: Source, before: SourceState, after: SourceState, diff: LedgerDiff) -> list[SourceAlert]:
    """What an answer is worth telling: that the source is back, that it went stale, that it rewrote its past."""
    found = []
    if before.status is not ReportStatus.SUSPICIOUS and after.status is ReportStatus.SUSPICIOUS:
        why = "; ".join(after.notes[-3:])
        text = f"{spec.name} answers, but its answer is suspicious: {why}. Nothing is relaxed on it."
        found.append(_alert(house, after, AlertKind.RESTATED, Severity.WARNING, text))
    if (rewritten := _restated(spec, before, diff)) is not None:
        found.append(_alert(house, after, AlertKind.RESTATED, Severity.WARNING, rewritten))
    return found


def go_blind(
    house: House, spec: Source, before: SourceState, after: SourceState, now: datetime
) -> tuple[SourceState, list[SourceAlert]]:
    """Mark the moment a source goes blind, or sees again, and say so once."""
    why = _blindness(house, spec, after, now)
    if why and before.blind_since is None:
        text = (
            f"{spec.name} is blind: {why}. Breakers keep their last decision; when_stale rules once data are too old."
        )
        blind = replace(after, blind_since=now)
        return blind, [_alert(house, blind, AlertKind.SOURCE_BLIND, Severity.CRITICAL, text)]
    if not why and before.blind_since is not None:
        text = f"{spec.name} sees again, after {_span(now - before.blind_since)}."
        seeing = replace(after, blind_since=None)
        return seeing, [_alert(house, seeing, AlertKind.SOURCE_BACK, Severity.INFO, text)]
    return after, []


def _blindness(house: House, spec: Source, state: SourceState, now: datetime) -> str | None:
    """Why a source is blind, or None while it sees."""
    if state.error and (state.permanent or state.failures >= BLIND_AFTER):
        return f"{state.error} ({state.failures} times in a row)" if state.failures > 1 else state.error
    patience = min((m.stale_after for m in house.fed_by(spec.name)), default=timedelta(hours=72))
    if state.watermark is None:
        return None if state.error else "it has no data at all"
    age = now - state.watermark
    return f"its data end {_span(age)} ago" if age >= patience else None


def _restated(spec: Source, before: SourceState, diff: LedgerDiff) -> str | None:
    """Say when days that had settled moved by more than a share of what they were."""
    if before.watermark is None:
        return None
    settled_before = before.watermark.astimezone(spec.zone).date()
    moved: dict[tuple[str, Cost], list[tuple[date, Decimal, Decimal]]] = defaultdict(list)
    for line in diff.restated:
        if line.day < settled_before:
            moved[line.currency, line.cost].append((line.day, line.old, line.new))
    for (currency, cost), days in moved.items():
        old, new = sum((d[1] for d in days), Decimal(0)), sum((d[2] for d in days), Decimal(0))
        shift = sum((abs(d[2] - d[1]) for d in days), Decimal(0))
        if shift >= 10 and shift >= abs(old) * Decimal(repr(spec.restated_share)):
            span = f"{days[0][0]}" if len(days) == 1 else f"{days[0][0]} to {days[-1][0]}"
            return (
                f"{spec.name} rewrote its past: {cost.column} of {len(days)} settled days ({span}) went from "
                f"{old:.2f} to {new:.2f} {currency}. Past days are not judged again; budgets count the new figures."
            )
    return None


def _span(age: timedelta) -> str:
    hours = int(age.total_seconds() // 3600)
    return f"{hours} hours" if hours < 72 else f"{hours // 24} days"


def _alert(house: House, state: SourceState, kind: AlertKind, severity: Severity, text: str) -> SourceAlert:
    monitors = house.fed_by(state.source)
    channels = house.house_channels or tuple(dict.fromkeys(c for monitor in monitors for c in monitor.channels))
    return SourceAlert(
        kind=kind,
        severity=severity,
        at=_at(state),
        subject=state.source,
        text=text,
        monitors=tuple(monitor.name for monitor in monitors),
        source=state,
        channels=channels,
    )


def _at(state: SourceState) -> datetime:
    if state.last_attempt is None:
        raise ValueError("a source that was never asked has nothing to tell")
    return state.last_attempt
