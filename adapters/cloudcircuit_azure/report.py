"""From what a reading found to what the house is told."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from cloudcircuit.charges import Charge, charge_table, day_start
from cloudcircuit.model import Cost, Probe, ReportStatus, SpendQuery
from cloudcircuit.ports import SpendReport
from cloudcircuit_azure.columns import (
    CATEGORY,
    COLUMNS,
    Layout,
    category_of,
    fixed_values,
    is_known_type,
    offered,
    value_of,
)
from cloudcircuit_azure.parse import Answer, Row
from cloudcircuit_azure.reading import Line, Told
from cloudcircuit_azure.text import printable

if TYPE_CHECKING:
    from cloudcircuit_azure import Options


def make_report(
    options: Options, query: SpendQuery, layout: Layout, told: Told, now: datetime, lag: timedelta
) -> SpendReport:
    """The report of a reading, but for what it cost."""
    scope = options.place
    costs = [Cost.BILLED, Cost.EFFECTIVE] if options.amortized else [Cost.BILLED]
    charges = _charges(query, layout, told.lines, fixed_values(scope))
    newest = max(told.known, default=None)
    return SpendReport(
        table=charge_table(charges, query.dimensions, costs),
        watermark=None if newest is None else min(day_start(newest, "UTC"), now - lag),
        status=ReportStatus.COMPLETE if told.known else ReportStatus.SUSPICIOUS,
        broken=dict(sorted(told.broken.items())),
        accounts=frozenset({scope.path}) if told.known else frozenset(),
        notes=tuple(_notes(told)),
        dimensions=tuple(name for name in offered(scope) if name in COLUMNS and name not in query.dimensions),
        told=frozenset(told.moved),
        unchanged=frozenset(told.unchanged),
        marks=told.marks,
    )


def _charges(query: SpendQuery, layout: Layout, lines: Sequence[Line], fixed: dict[str, str]) -> Iterator[Charge]:
    for cost, row in lines:
        known = _values(row, layout.grouped, fixed)
        if all(match.accepts(known[match.dimension]) for match in layout.ours):
            yield Charge(
                start=day_start(row.day, "UTC"),
                currency=row.currency,
                category=category_of(row.charge_type),
                values=tuple(known[name] for name in query.dimensions),
                billed=row.amount if cost is Cost.BILLED else None,
                effective=row.amount if cost is Cost.EFFECTIVE else None,
            )


def _values(row: Row, grouped: Sequence[str], fixed: dict[str, str]) -> dict[str, str | None]:
    own = zip(grouped, row.values, strict=False)  # the totals of a breakdown without groups have none
    groups = {name: value_of(name, raw, row.charge_type) for name, raw in own}
    return {**fixed, **groups, CATEGORY: category_of(row.charge_type)}


def _notes(told: Told) -> Iterator[str]:
    if not told.known:
        yield "Azure has no charges in the window: that is no data, not no spend"
    unread = sorted(set(told.broken) - told.lost)
    if unread:
        rows = sum(told.broken[day] for day in unread)
        yield f"{rows} rows have an amount, a currency or a group that cannot be read; {_stay(unread)} provisional"
    if told.lost:
        days = sorted(told.lost)
        yield f"groups do not add up to Azure's own total, so a page is missing or came twice; {_stay(days)} untold"
    unknown = sorted({row.charge_type for _, row in told.lines if not is_known_type(row.charge_type)})
    if unknown:
        yield f"charge types that are not known here count as adjustments: {printable(', '.join(unknown), 120)}"


def _stay(days: Sequence[date]) -> str:
    shown = ", ".join(day.isoformat() for day in days[:3])
    more = f" and {len(days) - 3} more days" if len(days) > 3 else ""
    return f"{shown}{more} {'stays' if len(days) == 1 else 'stay'}"


def make_probe(answers: Collection[Answer]) -> Probe:
    """What was seen of the last days: answers by subscription."""
    rows = [row for answer in answers for row in answer.rows]
    days = sorted({row.day for row in rows})
    accounts = sorted({row.values[0].lower() for row in rows if row.values[0]})
    unread = sum(sum(answer.broken.values()) for answer in answers)
    notes = ["looked at the last 31 days of actual cost"]
    if not rows:
        notes.append("there are no charges in them; a new subscription shows its first within 48 hours")
    if unread:
        notes.append(f"{unread} rows cannot be read")
    return Probe(
        accounts=tuple(accounts),
        currencies=tuple(sorted({row.currency for row in rows})),
        oldest=day_start(days[0], "UTC") if days else None,
        newest=day_start(days[-1], "UTC") if days else None,
        notes=tuple(notes),
    )
