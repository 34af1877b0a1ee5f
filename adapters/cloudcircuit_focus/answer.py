"""A question put to a dataset: one scan, which deliveries count, the sums, and what is to be said about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloudcircuit.model import CallCost, Probe, ReportStatus, SpendQuery
from cloudcircuit.ports import SpendReport
from cloudcircuit_focus import sql
from cloudcircuit_focus.columns import (
    CATEGORY,
    Format,
    Group,
    check_dimensions,
    choose_costs,
    describe,
    offered_dimensions,
    tell_quantities,
)
from cloudcircuit_focus.delivery import Parcel, find_replaced, folder_ages
from cloudcircuit_focus.duck import Session
from cloudcircuit_focus.expressions import DEFAULT_CATEGORY, MAX_REJECTS
from cloudcircuit_focus.files import File
from cloudcircuit_focus.report import (
    Flaw,
    Reject,
    count_broken,
    flaw_notes,
    refuse_hopeless,
    reject_notes,
    shorten,
    watermark,
)
from cloudcircuit_focus.zones import days_between, load_zone, local_day

if TYPE_CHECKING:
    import pyarrow as pa

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No cloud charged anything before it: an earlier instant is a broken one."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """The files of one reading, by how they are to be read. `replace`: folders compete."""

    files: tuple[File, ...]
    groups: tuple[Group, ...]
    replace: bool

    @property
    def competing(self) -> bool:
        return self.replace and len({file.folder for file in self.files}) > 1


@dataclass(frozen=True, slots=True)
class Found:
    """What the scan found: the parcels that count, those that newer deliveries replace, and the newest charge."""

    living: tuple[Parcel, ...]
    replaced: frozenset[Parcel]
    newest: datetime | None

    @property
    def rows(self) -> int:
        return sum(parcel.rows for parcel in self.living)

    @property
    def accounts(self) -> frozenset[str]:
        return frozenset(parcel.account for parcel in self.living if parcel.rows and parcel.account is not None)


@dataclass(frozen=True, slots=True)
class Broken:
    """Rows that cannot be read, by day; `whole`: each of them has a day."""

    days: Mapping[date, int]
    notes: tuple[str, ...]
    whole: bool


def report(
    session: Session, dataset: Dataset, query: SpendQuery, now: datetime, horizon: datetime, lag: timedelta
) -> SpendReport:
    """The answer to a query. Raises AdapterError for missing columns and for files in which nothing can be read."""
    check_dimensions(dataset.groups, [*query.dimensions, *(match.dimension for match in query.where)])
    costs, cost_notes = choose_costs(dataset.groups)
    quantities = query.quantities and tell_quantities(dataset.groups)
    plan = sql.Plan(query, costs, EARLIEST, horizon, now, dataset.competing, quantities)
    found = _scan(session, dataset, plan)
    broken = _find_broken(session, dataset, plan, found)
    notes = [*cost_notes, *broken.notes, *_category_notes(session, dataset), *_emptiness(found, query)]
    return SpendReport(
        table=_in_utc(session.table(sql.charges(plan))),
        watermark=watermark(found.newest, now, lag, query.grain, load_zone(query.zone)),
        status=_status(found, broken),
        broken=broken.days,
        accounts=found.accounts,
        notes=shorten(notes),
        cost=CallCost(bytes=sum(file.size for file in dataset.files)),
        dimensions=tuple(dict.fromkeys([*offered_dimensions(dataset.groups), *query.dimensions])),
    )


def probe(session: Session, dataset: Dataset, now: datetime, horizon: datetime) -> Probe:
    """What is there: accounts, currencies, the oldest and the newest charge, files and rows."""
    costs, notes = choose_costs(dataset.groups)
    plan = sql.Plan(SpendQuery(EARLIEST, horizon), costs, EARLIEST, horizon, now, dataset.competing)
    found = _scan(session, dataset, plan)
    broken = _find_broken(session, dataset, plan, found)
    replaced = [f"replaced by newer deliveries: {len(found.replaced)}"] if found.replaced else []
    return Probe(
        accounts=tuple(sorted(found.accounts)),
        currencies=tuple(currency for (currency,) in session.rows(sql.currencies())),
        oldest=min((parcel.oldest for parcel in found.living if parcel.oldest), default=None),
        newest=found.newest,
        notes=shorten(
            [*describe(dataset.groups), f"rows that count: {found.rows:,}", *replaced, *notes, *broken.notes]
        ),
    )


def _scan(session: Session, dataset: Dataset, plan: sql.Plan) -> Found:
    session.rows(sql.cells(plan, dataset.groups))
    parcels = [_parcel(*row) for row in session.rows(sql.survey())]
    replaced = find_replaced(parcels, folder_ages(dataset.files)) if plan.competing else set()
    if replaced:
        session.rows(sql.drop(parcel.key for parcel in replaced))
    living = tuple(parcel for parcel in parcels if parcel not in replaced)
    return Found(living, frozenset(replaced), max((parcel.newest for parcel in living if parcel.newest), default=None))


def _parcel(
    folder: str | None, account: str | None, period: Any, rows: int, oldest: datetime | None, newest: datetime | None
) -> Parcel:
    return Parcel(folder, account, _utc(period), int(rows), _utc(oldest), _utc(newest))


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.replace(tzinfo=UTC)


def _find_broken(session: Session, dataset: Dataset, plan: sql.Plan, found: Found) -> Broken:
    rows = [(day, month, int(count)) for day, month, count in session.rows(sql.unreadable())]
    rejects = _find_rejects(session, dataset, found)
    if not rows and not rejects:
        return Broken({}, (), whole=True)
    flaws, readable = _inspect(session, dataset, plan, found)
    refuse_hopeless(flaws, rejects, readable, MAX_REJECTS)
    query, zone = plan.query, load_zone(plan.query.zone)
    newest = None if found.newest is None else local_day(found.newest, zone)
    days = count_broken(rows, rejects, newest, days_between(query.start, query.end, zone))
    notes = (*flaw_notes(flaws), *reject_notes(rejects))
    return Broken(days, notes, whole=not rejects and all(day is not None for day, _, _ in rows))


def _find_rejects(session: Session, dataset: Dataset, found: Found) -> list[Reject]:
    """Lines that are no rows, but for those in folders of which nothing counts any more."""
    if all(layout.format is Format.PARQUET for layout, _ in dataset.groups):
        return []
    dead = {parcel.folder for parcel in found.replaced} - {parcel.folder for parcel in found.living}
    by_url = {file.url: file for file in dataset.files}
    rejects = [Reject(by_url[url], *rest) for url, *rest in session.rows(sql.rejects())]
    return [reject for reject in rejects if reject.file.folder not in dead]


def _inspect(session: Session, dataset: Dataset, plan: sql.Plan, found: Found) -> tuple[list[Flaw], dict[File, int]]:
    """What is wrong in each file, and how many of its rows can be read."""
    by_url = {file.url: file for file in dataset.files}
    replaced = {parcel.key for parcel in found.replaced}
    readable: Counter[File] = Counter()
    flaws: dict[tuple[File, str], Flaw] = {}
    for url, account, month, column, count, example, days in session.rows(sql.inspect(plan, dataset.groups)):
        file = by_url[url]
        if column is None:
            readable[file] += count
        elif (file.folder, account, _utc(month)) not in replaced:
            before = flaws.get((file, column), Flaw(file, column, 0, None, ()))
            merged = tuple(sorted({*before.days, *(days or ())}))
            flaws[file, column] = Flaw(file, column, before.rows + count, before.example or example, merged)
    return sorted(flaws.values(), key=lambda flaw: (flaw.file.name, flaw.column)), readable


def _category_notes(session: Session, dataset: Dataset) -> Sequence[str]:
    if not any(CATEGORY in layout.columns for layout, _ in dataset.groups):
        return [f"no file has a column {CATEGORY}: all rows are taken for {DEFAULT_CATEGORY}"]
    ((count,),) = session.rows(sql.uncategorised())
    return [f"rows without a {CATEGORY}, taken for {DEFAULT_CATEGORY}: {count:,}"] if count else []


def _emptiness(found: Found, query: SpendQuery) -> Sequence[str]:
    if found.rows:
        return []
    before = f" before {query.visible_until:%Y-%m-%d %H:%M} UTC" if query.visible_until else ""
    return [f"the files hold no rows{before}: that is no data, not no spend"]


def _status(found: Found, broken: Broken) -> ReportStatus:
    """Without a single row something is wrong; with rows that belong to no day, something is missing."""
    if not found.rows:
        return ReportStatus.SUSPICIOUS
    return ReportStatus.COMPLETE if broken.whole else ReportStatus.PARTIAL


def _in_utc(table: pa.Table) -> pa.Table:
    """The engine's plain timestamps as instants."""
    import pyarrow as pa

    return table.set_column(0, "ChargePeriodStart", table.column(0).cast(pa.timestamp("us", tz="UTC")))
