"""Which charges of a source a monitor counts, for which circuit, and in which money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import NONE_VALUE, Cost, Fx, Grain, Monitor, Where
from cloudcircuit.service.axis import Span
from cloudcircuit.service.cells import (
    AMOUNT,
    CATEGORY,
    COSTS,
    CURRENCY,
    Bools,
    Column,
    Ints,
    SourceImage,
    compress,
    magnitude,
)

Values = tuple[str | None, ...]
Currencies = Mapping[Values, frozenset[str]]

_ALL_DIGITS = 120
"""No product of an amount and a rate has more."""
_STEP = Decimal(1).scaleb(-18)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a monitor counts of one source.

    `charges` has the columns `circuit` (a place in `values`), `day` (ordinal), `period`, `usage` (whether it belongs
    to the run rate) and one for each cost that can be told, all in the monitor's currency. `foreign` are circuits
    with money in currencies that were left out, `converted` those with money that the fx table converted.
    """

    charges: Any
    values: Sequence[Values]
    magnitude: float
    foreign: Currencies = field(default_factory=dict)
    converted: Currencies = field(default_factory=dict)


def measure(monitor: Monitor, source: str, image: SourceImage, span: Span, grain: Grain, fx: Sequence[Fx]) -> Measured:
    """The charges of a source in a span that pass a monitor's filter. Raises AdapterError for sums beyond exactness."""
    inside = (image.days >= span.first) & (image.days < span.first + span.days)
    passing = inside & select(image, monitor.where)
    rows = slice(None) if passing.all() else np.flatnonzero(passing)  # a slice copies nothing
    codes, values = fan_out(image, monitor.per, rows)
    charges = pa.table(
        {
            "circuit": codes,
            "day": image.days[rows],
            "period": image.periods(grain)[rows],
            "usage": image.column(CATEGORY).equals(*monitor.run_rate_charges)[rows],
            **{cost.column: _amounts(image, name, rows) for cost in Cost if (name := image.amount_column(cost))},
        }
    )
    currency = image.column(CURRENCY)
    own = currency.equals(monitor.currency)[rows]
    if own.all():
        return Measured(charges, values, image.magnitude)
    away = Column(currency.codes[rows][~own], currency.values)
    exchange = _exchange(charges.filter(pa.array(~own)), away, monitor.currency, fx, source)
    return Measured(
        pa.concat_tables([charges.filter(pa.array(own)), exchange.charges]),
        values,
        image.magnitude + magnitude(exchange.charges),
        {values[code]: names for code, names in exchange.foreign.items()},
        {values[code]: names for code, names in exchange.converted.items()},
    )


def _amounts(image: SourceImage, name: str, rows: Ints | slice) -> Any:
    column = image.table[name]
    return column if isinstance(rows, slice) else column.take(pa.array(rows))


def select(image: SourceImage, where: Where) -> Bools:
    """The rows that pass a filter: `Match.accepts`, asked once for each distinct value."""
    passing = np.ones(image.table.num_rows, dtype=np.bool_)
    for match in where:
        if match in image.breakdown.where:
            continue  # it holds for every row, and the source may not tell the dimension
        column = image.dimension(match.dimension)
        passing &= column.where([match.accepts(value) for value in column.values])
    return passing


def fan_out(image: SourceImage, per: Sequence[str], rows: Ints | slice) -> tuple[Ints, list[Values]]:
    """The circuit of each row, as a place in the list of values. The text `(none)` is the missing value's name."""
    codes, values = np.zeros(image.table.num_rows, dtype=np.int64)[rows], [Values()]
    for dimension in per:
        column = image.dimension(dimension)
        names = [None if value == NONE_VALUE else value for value in column.values]
        distinct, codes = compress(codes * len(names) + column.codes[rows], len(values) * len(names))
        values = [(*values[key // len(names)], names[key % len(names)]) for key in distinct.tolist()]
    return codes, values


def rate_on(fx: Sequence[Fx], currency: str, into: str, day: date) -> Decimal | None:
    """The rate that holds on a day: the newest that has begun."""
    begun = [line for line in fx if line.currency == currency and line.into == into and line.since <= day]
    return max(begun, key=lambda line: line.since).rate if begun else None


@dataclass(frozen=True, slots=True)
class _Exchange:
    charges: Any
    foreign: Mapping[int, frozenset[str]]
    converted: Mapping[int, frozenset[str]]


def _exchange(charges: Any, currency: Column, into: str, fx: Sequence[Fx], source: str) -> _Exchange:
    """Charges in other currencies: converted at the rate of their day, or left out and named. Zero is no money."""
    days = charges["day"].to_numpy()
    first = int(days.min())
    span = int(days.max()) - first + 1
    distinct, places = compress(currency.codes.astype(np.int64) * span + (days - first), len(currency.values) * span)
    rates = [
        rate_on(fx, currency.values[pair // span] or "", into, date.fromordinal(first + pair % span))
        for pair in distinct.tolist()
    ]
    rated = np.array([rate is not None for rate in rates], dtype=np.bool_)[places]
    circuits, money = charges["circuit"].to_numpy(), _has_money(charges)
    return _Exchange(
        _times(charges.filter(pa.array(rated)), rates, places[rated], source),
        _currencies(circuits, currency, money & ~rated),
        _currencies(circuits, currency, money & rated),
    )


def _times(charges: Any, rates: Sequence[Decimal | None], places: Ints, source: str) -> Any:
    """Each amount times its rate, exactly, then rounded to 18 places (half to even).

    A loop over rows, which are few: Arrow's own rounding of such products changes digits that need none (pyarrow 26).
    """
    factors = [rates[place] or Decimal(0) for place in places.tolist()]
    for at, name in enumerate(charges.column_names):
        if name in COSTS:
            with localcontext(prec=_ALL_DIGITS, rounding=ROUND_HALF_EVEN):
                pairs = zip(charges[name].to_pylist(), factors, strict=True)
                products = [(amount * factor).quantize(_STEP) for amount, factor in pairs]
            try:
                charges = charges.set_column(at, name, pa.array(products, AMOUNT))
            except pa.ArrowInvalid as error:
                text = (
                    f"source {source}: an amount is too large once it is converted; look at its data and the fx table"
                )
                raise AdapterError(text, permanent=True) from error
    return charges


def _has_money(charges: Any) -> Bools:
    nothing = pa.scalar(Decimal(0), AMOUNT)
    money = np.zeros(charges.num_rows, dtype=np.bool_)
    for name in charges.column_names:
        if name in COSTS:
            money |= pc.not_equal(charges[name], nothing).to_numpy()
    return money


def _currencies(circuits: NDArray[np.int64], currency: Column, rows: Bools) -> dict[int, frozenset[str]]:
    """The currencies of each circuit that has any of the rows."""
    count = len(currency.values)
    found: dict[int, set[str]] = {}
    for pair in np.unique(circuits[rows] * count + currency.codes[rows]).tolist():
        found.setdefault(pair // count, set()).add(currency.values[pair % count] or "")
    return {circuit: frozenset(names) for circuit, names in found.items()}
