"""Charges, one by one, to a report: for adapters whose provider answers in rows.

A source that reads all its charges each time needs `report`, `survey` and `refuse_unknown` for what it is asked. One
that asks its provider for less makes the report itself, and its table with `charge_table`. An engine that adds up by
itself (as DuckDB does for FOCUS files) gives its table as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation, localcontext
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import (
    QUANTITY,
    UNIT,
    Breakdown,
    CallCost,
    Cost,
    Grain,
    Probe,
    ReportStatus,
    SpendQuery,
    column_of,
)
from cloudcircuit.ports import AdapterContext, SpendReport

if TYPE_CHECKING:
    import pyarrow as pa

PLACES = Decimal(1).scaleb(-18)
LIMIT = Decimal(10) ** 20
"""Amounts are decimal128(38, 18): 18 places, and less than this."""

_DIGITS = 60
_FREE = CallCost()


@dataclass(frozen=True, slots=True)
class Charge:
    """What one combination of a charge period, currency, category and dimension values cost.

    `values` are aligned with the dimensions asked for; `billed` and `effective` are None where the source has no
    such cost at all. `quantity` is how many of `unit` were used, where that is known.
    """

    start: datetime
    currency: str
    category: str
    values: tuple[str | None, ...] = ()
    billed: Decimal | None = None
    effective: Decimal | None = None
    quantity: float | None = None
    unit: str | None = None


def parse_amount(amount: object) -> Decimal:
    """An amount as a provider writes it (text, int, float, Decimal), to 18 places.

    A float is taken for the shortest text that stands for it. Raises ValueError for what is no finite amount.
    """
    text = str(amount)
    try:
        with localcontext(prec=_DIGITS):
            found = Decimal(text if "_" not in text else "").quantize(PLACES)  # Python's own 1_000 is nobody's amount
    except InvalidOperation:
        raise ValueError("no finite amount") from None
    if not (found.is_finite() and found.copy_abs() < LIMIT):
        raise ValueError("no finite amount")
    return found


def charge_table(
    charges: Iterable[Charge], dimensions: Sequence[str], costs: Sequence[Cost], *, quantities: bool = False
) -> pa.Table:
    """The table of a `SpendReport`: one row for each combination, amounts of equal ones added up exactly.

    `charge_category` among the dimensions is the column that is there anyway. With `quantities`, for a query that asks
    for them, a row is told apart by its unit, too. Raises AdapterError when a sum does not fit decimal128(38, 18).
    """
    import pyarrow as pa

    keys, sums, used = _add_up(charges, costs, quantities)
    columns: dict[str, pa.Array] = {
        "ChargePeriodStart": pa.array([key[0] for key in keys], pa.timestamp("us", tz="UTC")),
        "BillingCurrency": pa.array([key[1] for key in keys], pa.string()),
        "ChargeCategory": pa.array([key[2] for key in keys], pa.string()),
    }
    for place, dimension in enumerate(dimensions):
        if dimension != "charge_category":
            columns[column_of(dimension)] = pa.array([key[3][place] for key in keys], pa.string())
    for place, cost in enumerate(costs):
        amounts = [total[place] for total in sums]
        columns[cost.column] = pa.array(amounts, pa.decimal128(38, 18))
    if quantities:
        columns[UNIT] = pa.array([key[4] for key in keys], pa.string())
        columns[QUANTITY] = pa.array([used.get(key) for key in keys], pa.float64())
    return pa.table(columns)


_Key = tuple[datetime, str, str, tuple[str | None, ...], str | None]


def _add_up(
    charges: Iterable[Charge], costs: Sequence[Cost], quantities: bool
) -> tuple[list[_Key], list[list[Decimal]], dict[_Key, float]]:
    found: dict[_Key, list[Decimal]] = {}
    used: dict[_Key, float] = {}
    with localcontext(prec=_DIGITS):
        for charge in charges:
            amounts, quantity = _amounts(charge, costs), charge.quantity if quantities else None
            unit = None if quantity is None else charge.unit
            key = (charge.start, charge.currency, charge.category, charge.values, unit)
            before = found.get(key)
            found[key] = [
                (amount or Decimal(0)) + (before[place] if before else 0) for place, amount in enumerate(amounts)
            ]
            if quantity is not None and unit is not None:
                used[key] = used.get(key, 0.0) + quantity
    if any(not total.copy_abs() < LIMIT for sums in found.values() for total in sums):
        raise AdapterError("its amounts are too large to be added exactly; look for a misplaced decimal point")
    return list(found), list(found.values()), used


def _amounts(charge: Charge, costs: Sequence[Cost]) -> list[Decimal | None]:
    return [charge.billed if cost is Cost.BILLED else charge.effective for cost in costs]


def day_start(day: date, zone: str) -> datetime:
    """The instant at which a charge day begins in a zone, in UTC.

    Where the clock skips midnight, that is the instant of the skip; where midnight comes twice, the first one.
    """
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


# --- sources that read all their charges each time ----------------------------------------------------------------


def report(
    charges: Iterable[Charge],
    names: Sequence[str],
    query: SpendQuery,
    context: AdapterContext,
    costs: Sequence[Cost],
    *,
    cost: CallCost = _FREE,
    accounts: Iterable[str] = (),
) -> SpendReport:
    """The answer to a query, from all charges that the source has.

    charges   whatever their time; `values` are aligned with `names`, the amounts of `costs` are there. `start` is an
              instant anywhere in the charge's day or hour: `day_start(day, query.zone)` where only its day is known
    names     the dimensions that the source knows; the charge category it knows anyway
    costs     the amounts that the source has: columns of the table
    cost      what the reading cost
    accounts  the billing accounts that the charges belong to

    What begins at or after `visible_until` (or now) does not exist. The watermark is the start of the newest day (or
    hour) that has a charge, and never later than now − lag. Without any charge there is none, and the answer is
    suspicious: no data is not zero. Behind a filter, the days that have a charge are told.

    Raises AdapterError: permanent, when the query names a dimension that the source does not know; and when a charge
    has no finite amount, or a currency, category or value that is no text, or when a sum is too large.
    """
    if strange := _unknown(names, Breakdown(query.dimensions, query.where)):
        raise AdapterError("; ".join(strange), permanent=True)
    now = context.clock.now()
    until = query.visible_until or now
    seen = [charge for charge in _checked(charges, costs) if charge.start < until]
    inside = _inside(seen, query)
    newest = max((charge.start for charge in seen), default=None)
    return SpendReport(
        table=charge_table(_asked(inside, names, query), query.dimensions, costs, quantities=_has_units(inside, query)),
        watermark=None if newest is None else min(_period_start(newest, query), now - context.lag),
        status=ReportStatus.COMPLETE if seen else ReportStatus.SUSPICIOUS,
        accounts=frozenset(accounts),
        cost=cost,
        dimensions=tuple(names),
        told=_days(inside, query.zone) if query.where else frozenset(),
    )


def survey(charges: Iterable[Charge], accounts: Iterable[str] = ()) -> Probe:
    """What a source can see, from all charges that it has. Raises AdapterError when one holds what is no text."""
    found = _checked(charges)
    starts = [charge.start for charge in found]
    currencies = {charge.currency for charge in found}
    return Probe(
        accounts=tuple(sorted(set(accounts))),
        currencies=tuple(sorted(currencies)),
        oldest=min(starts, default=None),
        newest=max(starts, default=None),
    )


def refuse_unknown(
    names: Sequence[str], grains: Collection[Grain]
) -> Callable[[Any, Breakdown, Grain], tuple[str, ...]]:
    """`AdapterPlugin.unsupported` of a source that knows these dimensions and grains, and can do all with them."""

    def unsupported(_options: Any, need: Breakdown, grain: Grain) -> tuple[str, ...]:
        known = " or ".join(f'grain = "{each}"' for each in grains)
        coarse = () if grain in grains else (f"the source does not know the {grain} of a charge; set {known}",)
        return (*_unknown(names, need), *coarse)

    return unsupported


def _unknown(names: Sequence[str], need: Breakdown) -> tuple[str, ...]:
    """A sentence for each dimension that is not known, with the way out."""
    known = (*names, "charge_category")
    asked = dict.fromkeys((*need.dimensions, *(match.dimension for match in need.where)))
    return tuple(
        f"the source does not know the {name} of a charge, only {', '.join(dict.fromkeys(known))}; leave {name} out of "
        "`per` and `where`"
        for name in asked
        if name not in known
    )


def _checked(charges: Iterable[Charge], costs: Sequence[Cost] = ()) -> list[Charge]:
    """The charges. Raises AdapterError for one that was made of what a row should not hold."""
    found = list(charges)
    for charge in found:
        if not all(map(_is_finite, _amounts(charge, costs))):
            raise AdapterError(f"a charge of {charge.start:%Y-%m-%d} has no finite amount: correct it at the provider")
        if not _is_text(charge):
            raise AdapterError(
                f"a charge of {charge.start:%Y-%m-%d} has a currency, category or value that is no text: correct it at "
                "the provider"
            )
    return found


def _is_finite(amount: Decimal | None) -> bool:
    return isinstance(amount, Decimal) and amount.is_finite()


def _is_text(charge: Charge) -> bool:
    """Whether Arrow can hold its texts: a row can have numbers in their place, or halves of a character."""
    values = (*charge.values, charge.unit)
    try:
        "".join((charge.currency, charge.category, *(each for each in values if each is not None))).encode()
    except (TypeError, UnicodeEncodeError):
        return False
    return True


def _inside(charges: Sequence[Charge], query: SpendQuery) -> list[Charge]:
    """The charges of the window, each at the start of its day or hour."""
    later = {charge.start for charge in charges if charge.start >= query.start}
    starts = {at: start for at in later if query.start <= (start := _period_start(at, query)) < query.end}
    return [replace(charge, start=starts[charge.start]) for charge in charges if charge.start in starts]


def _asked(charges: Iterable[Charge], names: Sequence[str], query: SpendQuery) -> Iterator[Charge]:
    """The charges that pass the filter, each with the values of the query's dimensions."""
    for charge in charges:
        values = {**dict(zip(names, charge.values, strict=True)), "charge_category": charge.category}
        if all(match.accepts(values[match.dimension]) for match in query.where):
            yield replace(charge, values=tuple(values[name] for name in query.dimensions))


def _has_units(charges: Iterable[Charge], query: SpendQuery) -> bool:
    """Whether quantities are asked for, and the source knows any."""
    return query.quantities and any(charge.unit is not None for charge in charges)


def _period_start(at: datetime, query: SpendQuery) -> datetime:
    """Where the charge day, or the UTC hour, of an instant begins."""
    if query.grain is Grain.HOUR:
        return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return day_start(_day(at, query.zone), query.zone)


def _days(charges: Iterable[Charge], zone: str) -> frozenset[date]:
    return frozenset(_day(start, zone) for start in {charge.start for charge in charges})


def _day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()
