"""From the rows of an answer to the report. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from cloudcircuit.charges import Charge, charge_table, day_start, parse_amount
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import CallCost, Cost, ReportStatus, SpendQuery
from cloudcircuit.ports import SpendReport
from cloudcircuit_gcp.columns import Schema, offered_dimensions
from cloudcircuit_gcp.names import printable
from cloudcircuit_gcp.sql import shown_dimensions

USAGE, CREDIT, ADJUSTMENT = "Usage", "Credit", "Adjustment"

COST_TYPES = {"regular": USAGE, "tax": "Tax", "adjustment": ADJUSTMENT, "rounding_error": ADJUSTMENT}
"""The charge category of a `cost_type`; one that is not here is a correction for all we know: cash, no run rate."""

CATEGORIES = {name.lower(): name for name in (USAGE, "Purchase", "Tax", CREDIT, ADJUSTMENT)}
MOST_NAMED = 5


@dataclass(slots=True)
class Found:
    """What the rows come to."""

    charges: list[Charge] = field(default_factory=list)
    broken: Counter[date] = field(default_factory=Counter)
    days: set[date] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    unknown: Counter[str] = field(default_factory=Counter)
    undated: int = 0
    newest: datetime | None = None


def read(rows: Iterable[Sequence[Any]], query: SpendQuery, schema: Schema) -> Found:
    """Add up what `sql.charges` answered. Raises ValueError for an answer of another shape."""
    found = Found()
    for row in rows:
        _read_row(found, row, query, schema)
    return found


def _read_row(found: Found, row: Sequence[Any], query: SpendQuery, schema: Schema) -> None:
    fits, period, account, currency, kind, first, second, flawed, count, newest, *values = row
    if isinstance(newest, datetime):
        found.newest = newest if found.newest is None else max(found.newest, newest)
    if account is not None:
        found.accounts.add(account)
    if period is None:
        found.undated += count
        return
    start, day = _begin(period, query)
    found.days.add(day)
    if flawed:
        found.broken[day] += flawed
    if fits and count > flawed:
        category = _category(found, kind, schema)
        charges = _charges(start, currency, category, _place(values, query), (first, second), schema)
        found.charges += [charge for charge in charges if _is_asked(charge, query)]


def _begin(period: date | datetime, query: SpendQuery) -> tuple[datetime, date]:
    if isinstance(period, datetime):
        return period, period.astimezone(ZoneInfo(query.zone)).date()
    return day_start(period, query.zone), period


def _category(found: Found, kind: str | None, schema: Schema) -> str:
    """A row without one is taken for usage."""
    if kind is None:
        return USAGE
    known = (CATEGORIES if schema is Schema.FOCUS else COST_TYPES).get(kind.lower())
    if known is None:
        found.unknown[kind] += 1
    return known or ADJUSTMENT


def _place(values: Sequence[Any], query: SpendQuery) -> tuple[str | None, ...]:
    """The values of the query's dimensions; the category has a column of its own."""
    known = dict(zip(shown_dimensions(query), values, strict=True))
    return tuple(known.get(name) for name in query.dimensions)


def _charges(
    start: datetime,
    currency: str,
    category: str,
    values: tuple[str | None, ...],
    amounts: tuple[object, object],
    schema: Schema,
) -> Iterator[Charge]:
    first, second = map(parse_amount, amounts)
    if schema is Schema.FOCUS:
        yield Charge(start, currency, category, values, first, second)
        return
    yield Charge(start, currency, category, values, first, first)
    if second:
        yield Charge(start, currency, CREDIT, values, second, second)


def _is_asked(charge: Charge, query: SpendQuery) -> bool:
    """The filters by charge category, which is made here; the statement has applied the others."""
    matches = (match for match in query.where if match.dimension == "charge_category")
    return all(match.accepts(charge.category) for match in matches)


def report(
    found: Found, query: SpendQuery, schema: Schema, now: datetime, lag: timedelta, cost: CallCost
) -> SpendReport:
    """What the house is told. Raises AdapterError when amounts cannot be added."""
    status = ReportStatus.COMPLETE
    if found.newest is None:
        status = ReportStatus.SUSPICIOUS
    elif found.undated:
        status = ReportStatus.PARTIAL
    return SpendReport(
        table=charge_table(found.charges, query.dimensions, tuple(Cost)),
        watermark=watermark(found.newest, now, lag),
        status=status,
        broken=dict(sorted(found.broken.items())),
        accounts=frozenset(found.accounts),
        notes=tuple(_notes(found, schema)),
        cost=cost,
        dimensions=tuple(dict.fromkeys([*offered_dimensions(schema), *query.dimensions])),
        # Behind a filter a day without a row cost nothing, if the export has rows of the day at all.
        told=frozenset(found.days) if query.where else frozenset(),
    )


def watermark(newest: datetime | None, now: datetime, lag: timedelta) -> datetime | None:
    """The instant up to which all charges are in.

    At the time of the newest export, charges younger than the lag were still growing: an export that stands still does
    not become complete by waiting.
    """
    return None if newest is None else min(newest, now) - lag


def _notes(found: Found, schema: Schema) -> Iterator[str]:
    if found.newest is None:
        yield "the export holds no rows of these days: that is no data, not no spend"
    if found.broken:
        days = ", ".join(map(str, sorted(found.broken)[:3]))
        rows = sum(found.broken.values())
        yield f"rows without a currency or a finite amount: {rows:,} ({days}{', …' if len(found.broken) > 3 else ''})"
    if found.undated:
        yield f"rows that do not say when they begin: {found.undated:,}; the report is not whole"
    if found.unknown:
        names = ", ".join(printable(name, 40) for name in sorted(found.unknown)[:MOST_NAMED])
        what = "charge category" if schema is Schema.FOCUS else "cost_type"
        yield f"taken for corrections (category {ADJUSTMENT}) because their {what} is not known: {names}"


def too_many(most: int) -> AdapterError:
    return AdapterError(
        f"the answer has more than {most:,} rows; ask by fewer dimensions (resource, sku and labels make the most)",
        permanent=True,
    )


# --- what the check is told ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Survey:
    """What the export holds, from the rows of `sql.survey`."""

    accounts: tuple[str, ...]
    currencies: tuple[str, ...]
    projects: frozenset[str]
    oldest: datetime | None
    newest: datetime | None
    exported: datetime | None
    rows: int


def read_survey(rows: Iterable[Sequence[Any]]) -> Survey:
    table = [tuple(row) for row in rows]
    accounts, currencies, projects, oldest, newest, exported, counts = zip(*table, strict=True) if table else ((),) * 7
    return Survey(
        tuple(sorted({name for name in accounts if name})),
        tuple(sorted({name for name in currencies if name})),
        frozenset(name for name in projects if name),
        min((at for at in oldest if at), default=None),
        max((at for at in newest if at), default=None),
        max((at for at in exported if at), default=None),
        sum(counts),
    )


def survey_notes(survey: Survey, now: datetime, days: int, cost: CallCost) -> tuple[str, ...]:
    """What of it is said in words."""
    if survey.newest is None or survey.exported is None:
        return (f"the export holds no rows of the last {days} days: that is no data, not no spend",)
    return (
        f"looked at the last {days} days: {survey.rows:,} rows of {len(survey.projects):,} projects, "
        f"{cost.bytes / 10**6:,.1f} MB read for at most ${cost.dollars.normalize():f}",
        f"newest usage {survey.newest:%Y-%m-%d %H:%M} UTC; last export {survey.exported:%Y-%m-%d %H:%M} UTC, "
        f"{hours(now - survey.exported)} ago; lag should be longer than the {hours(survey.exported - survey.newest)} "
        "between the two, by a day at least",
    )


def hours(span: timedelta) -> str:
    return f"{span / timedelta(hours=1):,.1f} h"


@dataclass(frozen=True, slots=True)
class Account:
    """A billing account as Cloud Billing shows it; `projects` with whether billing is enabled for them."""

    name: str
    title: str
    open: bool
    currency: str
    projects: Mapping[str, bool]


def account_notes(account: Account, survey: Survey) -> Iterator[str]:
    """What Cloud Billing says of the account, held against the export."""
    state = "open" if account.open else "CLOSED: nothing new will be charged to it"
    currency = account.currency or "unknown"
    yield f"billing account {account.name} ({printable(account.title, 60)}) is {state}; its currency is {currency}"
    enabled = {name for name, is_enabled in account.projects.items() if is_enabled}
    yield f"projects linked to it: {len(account.projects):,}, with billing enabled: {len(enabled):,}"
    if account.currency and survey.currencies and account.currency not in survey.currencies:
        yield f"the export has charges in {', '.join(survey.currencies)}, the account is in {account.currency}"
    if strangers := sorted(survey.projects - account.projects.keys()):
        yield f"projects with charges that are no longer linked to it: {_listed(strangers)}"
    if silent := sorted(enabled - survey.projects):
        yield f"linked projects without a charge in the export: {_listed(silent)}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name, 60) for name in names[:MOST_NAMED])
    return f"{shown} and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else shown


def price(size: int, least: int, per_tib: Decimal) -> Decimal:
    """Dollars for reading so many bytes: at least `least`, rounded up to whole MiB and to a billionth of a dollar."""
    mib = max(-(-size // 2**20), least // 2**20)
    return (Decimal(mib) * per_tib / 2**20).quantize(Decimal("0.000000001"), rounding="ROUND_UP")
