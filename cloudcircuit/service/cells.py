"""Charges as numbers: text as codes, instants as charge days and hours, sums that are exact.

Nothing here runs a Python loop over rows: only over distinct values, days and groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cloudcircuit.engine.periods import charge_day, day_end, day_start
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Breakdown, Cost, Grain, column_of

START, CURRENCY, CATEGORY = "ChargePeriodStart", "BillingCurrency", "ChargeCategory"
FIXED = (START, CURRENCY, CATEGORY)
COSTS = tuple(cost.column for cost in Cost)
STAMP = pa.timestamp("us", tz="UTC")
TEXT = pa.dictionary(pa.int32(), pa.string())
AMOUNT = pa.decimal128(38, 18)
LARGEST_SUM = 9.9e19
"""decimal128(38, 18) ends at 10^20, and sums beyond it wrap around without a word."""

HOUR = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = (datetime(1, 1, 2, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_LAST = (datetime(9999, 12, 30, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Column:
    """A text column: `values[code]` is the value of a row, None where it is missing."""

    codes: NDArray[np.int32]
    values: tuple[str | None, ...]

    def where(self, wanted: Sequence[bool]) -> Bools:
        """The rows whose value is wanted; `wanted` is aligned with `values`."""
        return np.asarray(wanted, dtype=np.bool_)[self.codes]

    def equals(self, *values: str | None) -> Bools:
        return self.where([value in values for value in self.values])


@dataclass(frozen=True)
class SourceImage:
    """What one source is known to have said: a table of charges, and how far it can be trusted.

    `table` has the columns of a SpendReport (text may be dictionary-encoded). `broken` are charge days with rows
    that could not be read, `accounts` the billing accounts that the source brings. `breakdown` is what the source was
    asked for: its filter holds for every row. `told` are days that are known even where they have no rows. What is
    derived from the table is computed once, however many monitors are cut from it.
    """

    table: Any
    zone: ZoneInfo
    watermark: datetime | None = None
    grain: Grain = Grain.DAY
    broken: frozenset[date] = frozenset()
    accounts: frozenset[str] = frozenset()
    breakdown: Breakdown = field(default_factory=Breakdown)
    told: frozenset[date] = frozenset()
    _columns: dict[str, Column] = field(default_factory=dict, init=False, repr=False, compare=False)
    _amounts: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def has(self, cost: Cost) -> bool:
        return cost.column in self.table.column_names

    def amount_column(self, cost: Cost) -> str | None:
        """The column that holds a cost; BilledCost stands in for an EffectiveCost that the source does not have."""
        if self.has(cost):
            return cost.column
        return Cost.BILLED.column if cost is Cost.EFFECTIVE and self.has(Cost.BILLED) else None

    def amounts(self, cost: Cost) -> Any:
        """The amounts in one cost, or None where the source has nothing that could stand for it."""
        name = self.amount_column(cost)
        if name is not None and name not in self._amounts:
            self._amounts[name] = self.table[name].combine_chunks()
        return None if name is None else self._amounts[name]

    def column(self, name: str) -> Column:
        """A text column by its FOCUS name."""
        if name not in self._columns:
            self._columns[name] = encode(self.table[name])
        return self._columns[name]

    def dimension(self, name: str) -> Column:
        return self.column(column_of(name))

    @cached_property
    def days(self) -> Ints:
        """The charge day of each row, as a proleptic ordinal."""
        return charge_days(self.table[START], self.zone)

    @cached_property
    def hours(self) -> Ints:
        """The hour of each row, counted from 1970 in UTC."""
        return microseconds(self.table[START]) // HOUR

    def periods(self, grain: Grain) -> Ints:
        return self.days if grain is Grain.DAY else self.hours

    @cached_property
    def known(self) -> dict[Grain, Ints]:
        """The periods that the source has told of, sorted."""
        days = np.array([day.toordinal() for day in self.told], dtype=np.int64)
        return {
            Grain.DAY: np.union1d(self.days, days),
            Grain.HOUR: np.union1d(self.hours, self._silent_hours()),
        }

    def _silent_hours(self) -> Ints:
        """The hours before the watermark of days that are known as a whole: behind a filter, no row is no cost."""
        if self.watermark is None or not self.breakdown.where:
            return np.array([], dtype=np.int64)
        last = int((self.watermark - _EPOCH).total_seconds()) // 3600
        days = [(day_start(day, self.zone), day_end(day, self.zone)) for day in self.told]
        hours = [np.arange(*(int((at - _EPOCH).total_seconds()) // 3600 for at in day)) for day in days]
        return np.concatenate([hour[hour < last] for hour in hours] or [np.array([], dtype=np.int64)])

    @cached_property
    def magnitude(self) -> float:
        return magnitude(self.table)


def encode(column: Any) -> Column:
    """A text column (plain or dictionary-encoded, in any number of chunks) as codes."""
    coded = dictionary(column)
    codes, _ = numbers(coded)
    return Column(codes, (*coded.dictionary.to_pylist(), None))


def numbers(coded: Any) -> tuple[NDArray[np.int32], int]:
    """The codes of a dictionary array, and how many there can be: the last one stands for a missing value."""
    missing = len(coded.dictionary)
    indices = coded.indices.fill_null(missing) if coded.indices.null_count else coded.indices
    return indices.to_numpy().astype(np.int32, copy=False), missing + 1


def dictionary(column: Any) -> Any:
    """A column in any number of chunks as one dictionary array."""
    coded = column.dictionary_encode()
    if not coded.num_chunks:  # pyarrow has no way to combine none
        return pa.array([], coded.type.value_type).dictionary_encode()
    return coded.unify_dictionaries().combine_chunks()


def microseconds(stamps: Any) -> Ints:
    return np.asarray(stamps.cast(pa.int64()).to_numpy(), dtype=np.int64)


def charge_days(stamps: Any, zone: ZoneInfo) -> Ints:
    """The charge day of each instant in a zone, as an ordinal; time zones are asked once for each instant."""
    coded = dictionary(stamps)
    # Instants beyond Python's calendar keep a day, at its edge: no window reaches there.
    instants: list[int] = np.clip(microseconds(coded.dictionary), _FIRST, _LAST).tolist()
    days = [charge_day(_EPOCH + timedelta(microseconds=at), zone).toordinal() for at in instants]
    places: Ints = coded.indices.to_numpy()
    return np.array(days, dtype=np.int64)[places]


def compress(keys: NDArray[np.int32] | Ints, size: int) -> tuple[Ints, Ints]:
    """The distinct keys in order, and each row's place among them; all keys lie in [0, size)."""
    if size > 4 * len(keys) + 1_000_000:
        return np.unique(keys.astype(np.int64, copy=False), return_inverse=True)
    seen = np.zeros(size, dtype=np.bool_)
    seen[keys] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[keys]


def combine(columns: Sequence[tuple[NDArray[np.int32], int]], rows: int) -> tuple[Ints, int]:
    """One number for each row, equal where all columns are, and how many numbers there are (from 0, none left out).

    Columns come as codes and how many there can be.
    """
    keys, size = np.zeros(rows, dtype=np.int64), 1
    for codes, count in columns:
        if size > 2**62 // count:
            distinct, keys = compress(keys, size)
            size = len(distinct)
        keys = keys * count + codes
        size *= count
    distinct, keys = compress(keys, size)
    return keys, len(distinct)


def last_rows(keys: Ints, count: int) -> Ints:
    """The last row of each key, -1 for a key that no row has; keys lie in [0, count)."""
    rows = np.full(count, -1, dtype=np.int64)
    rows[keys] = np.arange(len(keys))  # of an index that comes twice, numpy keeps the last value
    return rows


def magnitude(table: Any) -> float:
    """The largest sum of absolute amounts among the cost columns: no exact sum of any rows lies beyond it."""
    sums = [sum(map(_absolute, table[name].chunks)) for name in COSTS if name in table.column_names]
    return max(sums, default=0.0)


def _absolute(amounts: Any) -> float:
    """The sum of absolute amounts, from their halves of 64 bits: seven times as fast as a cast of each."""
    words = unscaled(amounts.cast(AMOUNT))
    high, low = words[:, 1], words[:, 0].view(np.uint64)
    negative = high < 0  # a number and its complement add up to -1
    high, low = np.where(negative, ~high, high), np.where(negative, ~low, low)
    total = high.sum(dtype=np.float64) * 2.0**64 + low.sum(dtype=np.float64) + np.count_nonzero(negative)
    return float(total) / 1e18


def unscaled(amounts: Any) -> Ints:
    """An array of AMOUNT as [rows x 2] words of 64 bits, the lower ones first."""
    words = np.frombuffer(amounts.buffers()[1], dtype=np.int64)
    return words[2 * amounts.offset : 2 * (amounts.offset + len(amounts))].reshape(-1, 2)


def check_sums(total: float, source: str) -> None:
    """Refuse amounts whose sums could leave decimal128. Raises AdapterError."""
    if not total < LARGEST_SUM:
        raise AdapterError(
            f"source {source}: the amounts add up to {total:.1e}, too much to be added exactly (the limit is 1e+20); "
            "look for a misplaced decimal point in its data",
            permanent=True,
        )


def sum_by(keys: Ints, amounts: Mapping[str, Any]) -> tuple[Ints, dict[str, Any]]:
    """Exact sums of decimal columns for each key: the distinct keys in order, and the sums aligned with them.

    The caller has made sure that no sum overflows (`check_sums`).
    """
    table = pa.table({"key": keys, **amounts})
    sums = table.group_by("key", use_threads=False).aggregate([(name, "sum") for name in amounts])
    distinct = sums["key"].to_numpy()
    order = np.argsort(distinct)
    return distinct[order], {name: sums[f"{name}_sum"].combine_chunks().take(pa.array(order)) for name in amounts}
