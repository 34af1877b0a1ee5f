"""Which columns a table has, and what can be made of them: FOCUS 1.0 to 1.4, told by the columns that are there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import DIMENSIONS, QUANTITY, UNIT

START, PERIOD, ACCOUNT = "ChargePeriodStart", "BillingPeriodStart", "BillingAccountId"
CURRENCY, CATEGORY, TAGS = "BillingCurrency", "ChargeCategory", "Tags"
COSTS = ("BilledCost", "EffectiveCost")
PROVIDERS = ("ServiceProviderName", "ProviderName")
"""Who sells the service: the name of FOCUS 1.3 and later, and the one before it."""
QUANTITIES = ((QUANTITY, UNIT), ("ConsumedQuantity", "ConsumedUnit"))
"""How much, in what unit: what the price is for, or what was used."""
KNOWN = tuple(
    dict.fromkeys(
        (
            *(START, PERIOD, ACCOUNT, CURRENCY, CATEGORY, TAGS, *COSTS, *PROVIDERS, *DIMENSIONS.values()),
            *(name for pair in QUANTITIES for name in pair),
        )
    )
)

VERSIONS = {
    "1.3 or later": ("ServiceProviderName", "HostProviderName", "AllocatedMethodId", "ContractApplied"),
    "1.2": ("InvoiceId", "PricingCurrency", "BillingAccountType", "SubAccountType"),
    "1.1": ("ServiceSubcategory", "SkuMeter", "SkuPriceDetails", "CommitmentDiscountQuantity", "CapacityReservationId"),
    "1.0": ("ChargeCategory", "ContractedCost", "RegionId", "CommitmentDiscountStatus"),
}
"""The columns that came with each version, newest first."""


class Kind(StrEnum):
    """What a column holds. An INSTANT knows its zone; a TIME is without one, and UTC as FOCUS has it."""

    TEXT = "text"
    INSTANT = "instant"
    TIME = "time"
    DATE = "date"
    NUMBER = "number"
    DOUBLE = "double"
    JSON = "json"
    MAP = "map"
    VARIANT = "variant"
    OTHER = "other"


KINDS = (
    (r".*\]", Kind.OTHER),
    (r"(timestamp|datetime)\b.*\bwith (local )?time zone|timestamp_?l?tz|datetimeoffset", Kind.INSTANT),
    (r"timestamp|datetime2?|smalldatetime", Kind.TIME),
    (r"date", Kind.DATE),
    (r"(big|small|tiny|medium)?int(eger)?\d*|dec(imal|float)?|numeric|number|bignumeric|money", Kind.NUMBER),
    (r"double|float\d*|real", Kind.DOUBLE),
    (r"(n?var)?n?char\d*|string|(tiny|medium|long)?text|n?clob|character", Kind.TEXT),
    (r"jsonb?", Kind.JSON),
    (r"map", Kind.MAP),
    (r"variant|object", Kind.VARIANT),
)
"""What engines call their types, by what is read from them; the first that fits."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it stands in the table, under the name that it has there."""

    name: str
    kind: Kind
    type: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The known columns of a table by their FOCUS names; `names` is all that it has, `costs` the cost columns."""

    columns: Mapping[str, Column]
    names: tuple[str, ...]

    @property
    def costs(self) -> tuple[str, ...]:
        return tuple(cost for cost in COSTS if cost in self.columns)

    @property
    def quantity(self) -> tuple[Column, Column] | None:
        """The columns of quantity and unit, the first pair of which both are there and the first is a number."""
        for quantity, unit in QUANTITIES:
            found = self.columns.get(quantity)
            if found is not None and found.kind in (Kind.NUMBER, Kind.DOUBLE) and unit in self.columns:
                return found, self.columns[unit]
        return None

    def sources(self, dimension: str) -> tuple[Column, ...]:
        """The columns that a dimension comes from, the preferred first."""
        return tuple(self.columns[name] for name in _column_names(dimension) if name in self.columns)


def classify(type: str) -> Kind:
    return next((kind for pattern, kind in KINDS if re.match(rf"(?:{pattern})(?![a-z0-9])", type.lower())), Kind.OTHER)


def make_layout(table: str, columns: Sequence[Column]) -> Layout:
    """The layout of a table. The exact name wins over one in another case. Raises AdapterError for two in other cases,
    and for a table without the columns that nothing can be read without.
    """
    found: dict[str, Column] = {}
    for known in KNOWN:
        fits = [column for column in columns if column.name == known]
        fits = fits or [column for column in columns if column.name.casefold() == known.casefold()]
        if len(fits) > 1:
            raise AdapterError(f"{table} has more than one column {known}", permanent=True)
        if fits:
            found[known] = fits[0]
    layout = Layout(found, tuple(column.name for column in columns))
    _check_required(table, layout)
    return layout


def _check_required(table: str, layout: Layout) -> None:
    missing = [name for name in (START, CURRENCY) if name not in layout.columns]
    if not layout.costs:
        missing.append(" or ".join(COSTS))
    if missing:
        raise AdapterError(
            f"{table} has no column {', '.join(missing)}; it has {_listed(layout.names)}", permanent=True
        )


def check_dimensions(table: str, layout: Layout, dimensions: Iterable[str]) -> None:
    """Raises AdapterError for a dimension that there is no column for."""
    for dimension in dimensions:
        if not layout.sources(dimension):
            wanted = " or ".join(_column_names(dimension))
            message = f"{table} has no column {wanted} for the dimension {dimension}; it has {_listed(layout.names)}"
            raise AdapterError(message, permanent=True)


def offered_dimensions(layout: Layout) -> tuple[str, ...]:
    """The dimensions that there are columns for."""
    return tuple(name for name in DIMENSIONS if layout.sources(name))


def guess_version(names: Iterable[str]) -> str:
    """The newest version of which a column is there, in whatever case."""
    there = {name.casefold() for name in names}
    return next(
        (version for version, marks in VERSIONS.items() if any(mark.casefold() in there for mark in marks)),
        "before 1.0",
    )


def printable(text: str, limit: int = 200) -> str:
    """Text from outside on one line: no control characters, no endless names."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:limit])
    return clean if len(text) <= limit else f"{clean}…"


def _column_names(dimension: str) -> tuple[str, ...]:
    if dimension.startswith("tag:"):
        return (TAGS,)
    return PROVIDERS if dimension == "provider" else (DIMENSIONS[dimension],)


def _listed(names: Sequence[str], limit: int = 60) -> str:
    shown = ", ".join(printable(name, 60) for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown or "none"
