"""Which columns a file has, and what can be made of them: FOCUS 1.0 to 1.4, told by the columns that are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import DIMENSIONS, QUANTITY, UNIT
from cloudcircuit_focus.files import File, printable

START, PERIOD, ACCOUNT = "ChargePeriodStart", "BillingPeriodStart", "BillingAccountId"
CURRENCY, CATEGORY, TAGS = "BillingCurrency", "ChargeCategory", "Tags"
COSTS = ("BilledCost", "EffectiveCost")
PROVIDERS = ("ServiceProviderName", "ProviderName")
"""Who sells the service: the name of FOCUS 1.3 and later, and the one before it."""
QUANTITIES = ((QUANTITY, UNIT), ("ConsumedQuantity", "ConsumedUnit"))
"""How much, in what unit: what the price is for, or what was used."""
KNOWN = (
    *(START, PERIOD, ACCOUNT, CURRENCY, CATEGORY, TAGS, *COSTS, *PROVIDERS, *DIMENSIONS.values()),
    *(name for pair in QUANTITIES for name in pair),
)

VERSIONS = {
    "1.3 or later": ("ServiceProviderName", "HostProviderName", "AllocatedMethodId", "ContractApplied"),
    "1.2": ("InvoiceId", "PricingCurrency", "BillingAccountType", "SubAccountType"),
    "1.1": ("ServiceSubcategory", "SkuMeter", "SkuPriceDetails", "CommitmentDiscountQuantity", "CapacityReservationId"),
    "1.0": ("ChargeCategory", "ContractedCost", "RegionId", "CommitmentDiscountStatus"),
}
"""The columns that came with each version, newest first."""


class Format(StrEnum):
    CSV = "CSV"
    CSV_GZIP = "gzipped CSV"
    PARQUET = "Parquet"


class Kind(StrEnum):
    """What a column holds, as far as reading it is concerned. PAIRS is a list of key/value structs."""

    TEXT = "text"
    TIME = "time"
    NUMBER = "number"
    DOUBLE = "double"
    FLOAT = "float"
    MAP = "map"
    STRUCT = "struct"
    PAIRS = "pairs"
    OTHER = "other"


READABLE = {
    START: {Kind.TEXT, Kind.TIME},
    PERIOD: {Kind.TEXT, Kind.TIME},
    TAGS: {Kind.TEXT, Kind.MAP, Kind.STRUCT, Kind.PAIRS},
    **{cost: {Kind.TEXT, Kind.NUMBER, Kind.DOUBLE, Kind.FLOAT} for cost in COSTS},
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it stands in a file. `sql` names it there; `keys` are a struct's fields, or the two of a pair."""

    sql: str
    kind: Kind
    type: str = "VARCHAR"
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read a file. Files with equal layouts are read as one; `names` is all that it has, for messages."""

    format: Format
    columns: Mapping[str, Column] = field(hash=False)
    width: int = 0
    names: tuple[str, ...] = field(default=(), compare=False)


Group = tuple[Layout, tuple[File, ...]]


def make_layout(file: File, form: Format, names: Sequence[str], columns: Sequence[Column]) -> Layout:
    """The layout of a file from its columns in order. The exact name wins over one in another case."""
    found: dict[str, Column] = {}
    for known in KNOWN:
        places = [i for i, name in enumerate(names) if name == known]
        places = places or [i for i, name in enumerate(names) if name.casefold() == known.casefold()]
        if len(places) > 1:
            raise AdapterError(f"{file.name} has more than one column {known}", permanent=True)
        if places:
            found[known] = columns[places[0]]
            _check_kind(file, known, found[known])
    width = 0 if form is Format.PARQUET else len(names)
    return Layout(form, found, width, tuple(names))


def _check_kind(file: File, name: str, column: Column) -> None:
    if column.kind not in READABLE.get(name, {column.kind}):
        message = f"{file.name}: column {name} has type {printable(column.type)}, which cannot hold one"
        raise AdapterError(message, permanent=True)


def group_files(layouts: Mapping[File, Layout]) -> tuple[Group, ...]:
    """The files by layout, in order."""
    groups: list[tuple[Layout, list[File]]] = []
    for file, layout in layouts.items():
        group = next((files for known, files in groups if known == layout), None)
        if group is None:
            groups.append((layout, [file]))
        else:
            group.append(file)
    return tuple((layout, tuple(files)) for layout, files in groups)


def check_required(groups: Iterable[Group]) -> None:
    """Raises AdapterError for a file without the columns that nothing can be read without."""
    for layout, files in groups:
        missing = [name for name in (START, CURRENCY) if name not in layout.columns]
        if not any(cost in layout.columns for cost in COSTS):
            missing.append(" or ".join(COSTS))
        if missing:
            message = f"{files[0].name} has no column {', '.join(missing)}; it has {_listed(layout.names)}"
            raise AdapterError(message, permanent=True)


def choose_costs(groups: Sequence[Group]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The cost columns that every file has, and notes on one that only some have: a sum over a part is no sum.

    Raises AdapterError when no cost column is in all files.
    """
    everywhere = tuple(cost for cost in COSTS if all(cost in layout.columns for layout, _ in groups))
    notes = []
    for cost in COSTS:
        lacking = [files[0].name for layout, files in groups if cost not in layout.columns]
        if lacking and len(lacking) < len(groups):
            notes.append(f"{cost} is left out: {lacking[0]} does not have it, other files do")
    if not everywhere:
        raise AdapterError(f"no cost column is in all files: {'; '.join(notes)}", permanent=True)
    return everywhere, tuple(notes)


def source_columns(dimension: str) -> tuple[str, ...]:
    """The columns that a dimension can come from, the preferred first."""
    if dimension.startswith("tag:"):
        return (TAGS,)
    return PROVIDERS if dimension == "provider" else (DIMENSIONS[dimension],)


def check_dimensions(groups: Sequence[Group], dimensions: Iterable[str]) -> None:
    """Raises AdapterError for a dimension that no file has a column for; if only some have one, others give null."""
    there = {name for layout, _ in groups for name in layout.columns}
    for dimension in dimensions:
        wanted = source_columns(dimension)
        if there.isdisjoint(wanted):
            names = tuple(dict.fromkeys(name for layout, _ in groups for name in layout.names))
            message = f"no file has a column {' or '.join(wanted)} for the dimension {dimension}"
            raise AdapterError(f"{message}; there are {_listed(names)}", permanent=True)


def offered_dimensions(groups: Sequence[Group]) -> tuple[str, ...]:
    """The dimensions that there are columns for."""
    there = {name for layout, _ in groups for name in layout.columns}
    return tuple(name for name in DIMENSIONS if not there.isdisjoint(source_columns(name)))


def quantity_columns(layout: Layout) -> tuple[Column, Column] | None:
    """The columns of a file that tell quantity and unit, the first pair that is whole."""
    for quantity, unit in QUANTITIES:
        if quantity in layout.columns and unit in layout.columns:
            return layout.columns[quantity], layout.columns[unit]
    return None


def tell_quantities(groups: Iterable[Group]) -> bool:
    """Whether any file does; of the others no quantity is known."""
    return any(quantity_columns(layout) for layout, _ in groups)


def describe(groups: Sequence[Group]) -> tuple[str, ...]:
    """What there is, for `check --live`: files by format and version."""
    counts: Counter[str] = Counter()
    for layout, files in groups:
        counts[f"{layout.format}, FOCUS {guess_version(layout.names)}"] += len(files)
    return tuple(f"{count} {'file' if count == 1 else 'files'}: {what}" for what, count in counts.items())


def guess_version(names: Iterable[str]) -> str:
    """The newest version of which a column is there."""
    there = set(names)
    return next((version for version, marks in VERSIONS.items() if not there.isdisjoint(marks)), "before 1.0")


def _listed(names: Sequence[str], limit: int = 60) -> str:
    shown = ", ".join(printable(name, 60) for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown or "none"
