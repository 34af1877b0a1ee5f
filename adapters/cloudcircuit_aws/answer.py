"""From what was read to a report. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import date, datetime, timedelta
from itertools import takewhile

from cloudcircuit.charges import Charge, charge_table
from cloudcircuit.model import CallCost, Cost, Grain, ReportStatus, SpendQuery
from cloudcircuit.ports import SpendReport
from cloudcircuit_aws.asks import Ask, start_of_day
from cloudcircuit_aws.check import Found, Row
from cloudcircuit_aws.days import Totals, is_same, make_mark
from cloudcircuit_aws.faults import printable
from cloudcircuit_aws.kinds import parts
from cloudcircuit_aws.needs import grouping_of

PROVIDER = "AWS"
"""As AWS writes it into the ProviderName of its FOCUS exports."""

OFFERED = ("service", "sub_account", "sub_account_name", "sku", "charge_category", "commitment_status")
MAX_NOTES = 10


def make_report(
    query: SpendQuery,
    ask: Ask,
    found: Found,
    totals: Totals,
    *,
    payer: str | None,
    costs: tuple[Cost, ...],
    watermark: datetime | None,
    notes: tuple[str, ...],
    cost: CallCost,
) -> SpendReport:
    """Days that could not be read keep what was told before, and their mark is not given: they are read again.

    The newest days, where none of them could be read, lie after the watermark: what is not read grows old.
    """
    same = {
        day for day in totals.with_data if is_same(query.marks.get(day), totals.days[day]) and day not in found.whole
    }
    unread = _first_unread(totals.with_data, same | found.rows.keys())
    silent = {day for day in found.broken if day not in found.rows and day in query.marks}
    marks = {day: query.marks[day] for day in same - found.broken.keys()}
    marks |= {day: make_mark(totals.days[day], len(found.rows.get(day, ()))) for day in found.whole}
    return SpendReport(
        table=charge_table(_charges(ask, found, payer), ask.dimensions, costs),
        watermark=min(watermark, start_of_day(unread)) if watermark and unread else watermark,
        status=ReportStatus.COMPLETE if totals.with_data else ReportStatus.SUSPICIOUS,
        broken=dict(sorted(found.broken.items())),
        accounts=frozenset([payer] if payer else []),
        notes=_shorten((*notes, *_estimated(totals), *_strange(found), *found.notes)),
        cost=cost,
        dimensions=tuple(dict.fromkeys([*OFFERED, *query.dimensions])),
        told=frozenset(found.whole),
        unchanged=frozenset((same - found.rows.keys()) | silent),
        marks=marks,
    )


def _first_unread(days: Sequence[date], known: Set[date]) -> date | None:
    """From when on nothing is known of any day, up to the newest."""
    return min(takewhile(lambda day: day not in known, sorted(days, reverse=True)), default=None)


def _charges(ask: Ask, found: Found, payer: str | None) -> Iterator[Charge]:
    for rows in found.rows.values():
        for row in rows:
            yield from _split(row, ask, found.names, payer)


def _split(row: Row, ask: Ask, names: Mapping[str, str], payer: str | None) -> Iterator[Charge]:
    billed, *rest = row.cell.amounts
    keys = dict(zip(ask.groupings, row.keys, strict=True))
    for category, status, billed_part, effective_part in parts(row.kind, billed, rest[0] if rest else None):
        fixed = {
            "charge_category": category,
            "commitment_status": status,
            "billing_account": payer,
            "provider": PROVIDER,
            "sub_account_name": names.get(keys.get("LINKED_ACCOUNT") or ""),
        }

        def value(dimension: str, fixed: Mapping[str, str | None] = fixed) -> str | None:
            return fixed[dimension] if dimension in fixed else keys[grouping_of(dimension) or ""]

        if all(match.accepts(value(match.dimension)) for match in ask.local):
            values = tuple(map(value, ask.dimensions))
            yield Charge(row.cell.start, row.cell.currency, category, values, billed_part, effective_part)


def find_watermark(totals: Totals, now: datetime, lag: timedelta, grain: Grain) -> datetime | None:
    """The smaller of the start of the newest day with data and now − lag; None without data."""
    newest = max(totals.with_data, default=None)
    return None if newest is None else min(_start(newest, totals, grain), now - lag)


def _start(day: date, totals: Totals, grain: Grain) -> datetime:
    start = start_of_day(day)
    return max(start, totals.newest or start) if grain is Grain.HOUR else start


def _estimated(totals: Totals) -> tuple[str, ...]:
    since = totals.estimated_since
    return (f"figures are estimated since {since}",) if since else ()


def _strange(found: Found) -> tuple[str, ...]:
    if not found.strange:
        return ()
    names = ", ".join(printable(name, 60) or "(none)" for name in sorted(found.strange)[:5])
    return (f"record types that are not known, taken for adjustments: {names}",)


def _shorten(notes: tuple[str, ...]) -> tuple[str, ...]:
    if len(notes) <= MAX_NOTES:
        return notes
    return (*notes[:MAX_NOTES], f"and {len(notes) - MAX_NOTES} more notes like these")
