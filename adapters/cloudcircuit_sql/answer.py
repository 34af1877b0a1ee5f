"""A question put to the table: the sums, what is wrong with rows, and what is to be said about them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from math import isfinite
from typing import Any

from cloudcircuit.charges import Charge, charge_table, parse_amount
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Cost, Match, Probe, ReportStatus
from cloudcircuit.ports import SpendReport
from cloudcircuit_sql import tags
from cloudcircuit_sql.buckets import Bucket, find, local_day, period_start
from cloudcircuit_sql.columns import CATEGORY, START, TAGS, guess_version, offered_dimensions
from cloudcircuit_sql.connect import Session
from cloudcircuit_sql.expressions import NULLS
from cloudcircuit_sql.plan import AHEAD, DEFAULT_CATEGORY, EARLIEST, Plan, State
from cloudcircuit_sql.statements import charges, newest, survey, undated

EXACT = Context(prec=60)
NO_TAGS = (None, *NULLS)


def report(session: Session, plan: Plan, table: str, max_rows: int, lag: timedelta) -> SpendReport:
    """The answer to a query. Raises AdapterError."""
    tally = Tally(plan, table)
    charges = tally.read(_limited(session, plan, max_rows))
    sums = charge_table(charges, plan.dimensions, tally.costs, quantities=plan.quantity is not None)
    newest = _newest_start(session, plan, tally)
    lost = _count_undated(session, plan) + Counter({None: tally.undated})
    tally.refuse_hopeless()
    return SpendReport(
        table=sums,
        watermark=None if newest is None else min(newest, plan.now - lag),
        status=_status(newest, lost),
        broken=_broken_days(plan, tally, lost, newest),
        accounts=frozenset(tally.accounts),
        notes=(*tally.notes(), *_lost_notes(lost, table), *_emptiness(newest, table)),
        dimensions=tuple(dict.fromkeys([*offered_dimensions(plan.layout), *plan.query.dimensions])),
        # A day of which no row passes the filter has cost nothing there.
        told=frozenset(tally.days) if plan.query.where else frozenset(),
    )


def probe(session: Session, plan: Plan, table: str, max_rows: int) -> Probe:
    """What is there: accounts, currencies, the oldest and the newest charge, rows, and which FOCUS it is."""
    rows = list(session.rows(survey(plan, max_rows)))
    lost = _count_undated(session, plan)
    count = sum(int(row[2]) for row in rows)
    return Probe(
        accounts=tuple(sorted({str(row[0]) for row in rows if row[0] is not None})),
        currencies=tuple(sorted({str(row[1]) for row in rows if row[1] is not None})),
        oldest=min((oldest for row in rows if (oldest := read_instant(row[3]))), default=None),
        newest=_ask_newest(session, plan),
        notes=(
            f"{plan.engine.label}, FOCUS {guess_version(plan.layout.names)} by its columns",
            f"rows: {count:,}",
            *_lost_notes(lost, table),
        ),
    )


def read_instant(value: object) -> datetime | None:
    """What a driver gives for an instant; without a zone it is UTC. None where it is none."""
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return datetime.combine(value, time.min, UTC) if isinstance(value, date) else None


@dataclass(slots=True)
class Flaw:
    """Rows that cannot be read for the same reason."""

    rows: int = 0
    days: set[date] = field(default_factory=set)


@dataclass(slots=True)
class Tally:
    """What the rows of an answer say beside their sums."""

    plan: Plan
    table: str
    accounts: set[str] = field(default_factory=set)
    days: set[date] = field(default_factory=set)
    broken: Counter[date] = field(default_factory=Counter)
    flaws: dict[str, Flaw] = field(default_factory=lambda: defaultdict(Flaw))
    newest: datetime | None = None
    readable: int = 0
    undated: int = 0
    uncategorised: int = 0

    @property
    def costs(self) -> tuple[Cost, ...]:
        return tuple(cost for cost in Cost if cost.column in self.plan.layout.costs)

    def read(self, rows: Iterable[Sequence[Any]]) -> Iterator[Charge]:
        """The charges that the answer takes."""
        keep = _Cells(self.plan)
        for where, state, account, number, *rest in rows:
            count = int(number)
            bucket = self._place(where, count)
            if bucket is None:
                continue
            if account is not None:
                self.accounts.add(str(account))
            self.days.add(bucket.day)
            if bucket.past:
                self.newest = max(self.newest or bucket.start, bucket.start)
            if int(state) >= State.BROKEN:
                self._spoil(self.plan.flaws[int(state) - State.BROKEN], bucket.day, count)
                continue
            if int(state) == State.TAKEN:
                try:
                    charge = keep.read(bucket.start, count, rest)
                except Unreadable as error:
                    self._spoil(error.column, bucket.day, count)
                    continue
                if charge is not None:
                    self.uncategorised += count if rest[1] is None else 0
                    yield charge
            self.readable += count

    def _place(self, where: Any, count: int) -> Bucket | None:
        """The bucket of a cell; None for what lies outside of the window, and for what is no time at all."""
        plan = self.plan
        if not plan.has_text_start:
            return plan.buckets[int(where)]
        start = read_instant(where)
        if start is None:
            self.undated += count
            return None
        return plan.buckets[find(plan.buckets, start)] if plan.query.start <= start < plan.end else None

    def _spoil(self, column: str, day: date, count: int) -> None:
        self.broken[day] += count
        flaw = self.flaws[column]
        flaw.rows += count
        flaw.days.add(day)

    def refuse_hopeless(self) -> None:
        """Raises AdapterError where rows of the window could not be read, and none could."""
        if self.flaws and not self.readable:
            names = ", ".join(self.flaws)
            raise AdapterError(
                f"no row of {self.table} in these days can be read: column {names} is empty or cannot be read in each",
                permanent=True,
            )

    def notes(self) -> Iterator[str]:
        layout = self.plan.layout
        for name, flaw in sorted(self.flaws.items()):
            rows = "1 row" if flaw.rows == 1 else f"{flaw.rows:,} rows"
            yield (
                f"{rows} in {self.table} could not be read (column {name} is empty or cannot be read);"
                f" {_listed(sorted(flaw.days))} provisional"
            )
        if CATEGORY not in layout.columns:
            yield f"{self.table} has no column {CATEGORY}: all rows are taken for {DEFAULT_CATEGORY}"
        elif self.uncategorised:
            yield f"rows without a {CATEGORY}, taken for {DEFAULT_CATEGORY}: {self.uncategorised:,}"
        if not self.plan.engine.is_known:
            yield (
                f"{self.plan.engine.label} is no engine that this adapter was made for: compare its figures with the"
                " bill before you enforce anything (names that differ by case only may have been added up)"
            )


class Unreadable(Exception):
    """A row of the answer that cannot be read, for what stands in one column."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


class _Cells:
    """Reads what stands behind the first four columns: currency, category, keys, unit, tags, amounts, quantity."""

    def __init__(self, plan: Plan) -> None:
        self._is_exact = plan.engine.exact
        self._dimensions = plan.dimensions
        self._raw = frozenset(name for name in plan.asked if plan.is_raw(name))
        self._places = {name: 2 + place for place, name in enumerate(plan.keys)}
        self._unit = 2 + len(plan.keys) if plan.quantity else None
        self._tags = 2 + len(plan.keys) + (plan.quantity is not None)
        first = self._tags + plan.reads_tags
        self._costs = {cost: first + place for place, cost in enumerate(plan.layout.costs)}
        self._checked = tuple(match for match in plan.query.where if self._is_here(match))

    def _is_here(self, match: Match) -> bool:
        """Filters that the engine could not decide, and for good measure those that it could."""
        name = match.dimension
        return name in self._places or name == "charge_category" or name in self._raw

    def read(self, start: datetime, count: int, cells: Sequence[Any]) -> Charge | None:
        """A charge, or None where the filters do not take it. Raises Unreadable."""
        known = {cost: self._amount(cost, count, cells[place]) for cost, place in self._costs.items()}
        found = self._read_tags(cells)
        if not all(match.accepts(self._value(match.dimension, cells, found)) for match in self._checked):
            return None
        values = tuple(self._value(name, cells, found) for name in self._dimensions)
        category = str(cells[1] or DEFAULT_CATEGORY)
        charge = Charge(start, str(cells[0]), category, values, known.get("BilledCost"), known.get("EffectiveCost"))
        return charge if self._unit is None else self._with_quantity(charge, count, cells)

    def _with_quantity(self, charge: Charge, count: int, cells: Sequence[Any]) -> Charge:
        """A quantity is no money: one that cannot be read is not known, and spoils nothing."""
        unit, quantity = cells[self._unit or 0], cells[-1]
        if unit is None or quantity is None or not isfinite(quantity):
            return charge
        whole = float(quantity) if self._is_exact else float(quantity) * count
        return replace(charge, quantity=whole, unit=str(unit))

    def _read_tags(self, cells: Sequence[Any]) -> tags.Tags:
        text = cells[self._tags] if self._raw else None
        try:
            return tags.parse(text) if text not in NO_TAGS else {}
        except ValueError:
            raise Unreadable(TAGS) from None

    def _value(self, dimension: str, cells: Sequence[Any], found: tags.Tags) -> str | None:
        if dimension == "charge_category":
            return str(cells[1] or DEFAULT_CATEGORY)
        if dimension in self._raw:
            return found.get(dimension[len("tag:") :])
        value = cells[self._places[dimension]]
        return None if value is None else str(value)

    def _amount(self, cost: str, count: int, amount: Any) -> Decimal:
        """The sum of a cell, null where it has run over; of an engine that is not exact, what each of its rows says."""
        try:
            exact = parse_amount(amount)
        except ValueError:
            if not self._is_exact:
                raise Unreadable(cost) from None
            raise AdapterError(f"the amounts of {cost} are too large to be added exactly", permanent=True) from None
        return exact if self._is_exact else EXACT.multiply(exact, Decimal(count))


# --- what is asked beside the sums ----------------------------------------------------------------------


def _limited(session: Session, plan: Plan, max_rows: int) -> Iterator[Sequence[Any]]:
    """The rows of the sums. Raises AdapterError for more of them than allowed."""
    if not plan.buckets or plan.end <= plan.query.start:
        return
    for number, row in enumerate(session.rows(charges(plan, max_rows + 1))):
        if number == max_rows:
            raise AdapterError(
                f"there are more than {max_rows:,} combinations of days and values; ask for fewer dimensions, or raise"
                " max_rows",
                permanent=True,
            )
        yield row


def _newest_start(session: Session, plan: Plan, tally: Tally) -> datetime | None:
    """When the newest charge day (or hour) before now begins. Only a window that reaches to now tells by itself."""
    if tally.newest is not None and plan.query.end >= plan.now:
        return tally.newest
    found = _ask_newest(session, plan)
    return None if found is None else period_start(found, plan.query.zone, plan.query.grain)


def _ask_newest(session: Session, plan: Plan) -> datetime | None:
    starts = (read_instant(row[0]) for row in session.rows(newest(plan, plan.now)))
    return max((start for start in starts if start is not None and start < plan.now), default=None)


def _count_undated(session: Session, plan: Plan) -> Counter[date | None]:
    """Rows that begin at no time, by the first day of the month that bills them."""
    found: Counter[date | None] = Counter()
    for period, count in session.rows(undated(plan)):
        at = read_instant(period)
        possible = at is not None and EARLIEST <= at < plan.now + AHEAD
        found[at.date().replace(day=1) if at is not None and possible else None] += int(count)
    return found


def _broken_days(plan: Plan, tally: Tally, lost: Counter[date | None], newest: datetime | None) -> dict[date, int]:
    """Rows that cannot be read by day of the window.

    A row that cannot be given a day may belong to any day of its billing month: all of them stay provisional. Without
    a month, it is the newest day.
    """
    broken = Counter(tally.broken)
    last = [] if newest is None else [local_day(newest, plan.query.zone)]
    for month, count in lost.items():
        broken.update(dict.fromkeys(last if month is None else _days_of(month), count))
    inside = {bucket.day for bucket in plan.buckets}
    return {day: count for day, count in sorted(broken.items()) if day in inside}


def _days_of(month: date) -> list[date]:
    after = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
    return [month + timedelta(days=n) for n in range((after - month).days)]


def _lost_notes(lost: Counter[date | None], table: str) -> Iterator[str]:
    if count := lost.total():
        rows = "1 row" if count == 1 else f"{count:,} rows"
        yield f"{rows} in {table} could not be read (column {START} is empty or no time that a charge can begin at)"


def _emptiness(newest: datetime | None, table: str) -> Iterator[str]:
    if newest is None:
        yield f"{table} holds no rows: that is no data, not no spend"


def _status(newest: datetime | None, lost: Counter[date | None]) -> ReportStatus:
    """Without a single row something is wrong; with rows that belong to no day, something is missing."""
    if newest is None:
        return ReportStatus.SUSPICIOUS
    return ReportStatus.PARTIAL if lost.total() else ReportStatus.COMPLETE


def _listed(days: Sequence[date]) -> str:
    shown = ", ".join(day.isoformat() for day in days[:3])
    more = f" and {len(days) - 3} more days" if len(days) > 3 else ""
    return f"{shown}{more} {'stays' if len(days) == 1 else 'stay'}"
