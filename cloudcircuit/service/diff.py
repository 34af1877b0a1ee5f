"""What a report changes in the ledger: what is written, what was restated, what has vanished."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cloudcircuit.engine.periods import charge_day
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Cost, SpendQuery, Statement, column_of
from cloudcircuit.service.cells import (
    AMOUNT,
    COSTS,
    CURRENCY,
    FIXED,
    STAMP,
    START,
    charge_days,
    check_sums,
    compress,
    dictionary,
    encode,
    last_rows,
    magnitude,
    numbers,
    sum_by,
)
from cloudcircuit.service.ledger import Said, Word, lay_over, row_keys, write


@dataclass(frozen=True, slots=True)
class Restated:
    """A day that had been reported before and now adds up to something else, in one currency and one cost."""

    day: date
    currency: str
    cost: Cost
    old: Decimal
    new: Decimal


@dataclass(frozen=True, slots=True)
class LedgerDiff:
    """What a report changes.

    `statements` are to be written; `word` is what is known once they are. `vanished_days` were reported before with
    money on them and are not in the report at all: they keep their last figures, and the report is suspicious.
    `first` is the first day that the report speaks of.
    """

    statements: tuple[Statement, ...]
    restated: tuple[Restated, ...]
    vanished_days: tuple[date, ...]
    word: Word
    first: date | None = None


def changes(
    old: Mapping[date, Any],
    new: Any,
    *,
    source: str,
    said_at: datetime,
    query: SpendQuery,
    complete: bool = True,
    broken: Collection[date] = (),
    told: Collection[date] = (),
    unchanged: Collection[date] = (),
) -> LedgerDiff:
    """Compare the table of a report with the word so far, on the days of the query's window.

    `told` are days that are in the report whether they have rows or not, `unchanged` days that are as they were. A
    `broken` day is there, too, though nothing of it may be readable.

    On a day that is there, a key that is gone was restated to 0; but where the report is not `complete`, or the day
    is `broken`, its row may merely be missing, and it keeps its last figures. Raises AdapterError when the table is
    not what SpendReport promises, or its amounts cannot be added exactly.
    """
    zone = ZoneInfo(query.zone)
    table = _in_window(_checked(new, source, query), query)
    check_sums(magnitude(table), source)
    if not query.marks.keys() >= set(unchanged):
        raise _unusable(source, "calls days unchanged that it was given no mark of")
    first, last = charge_day(query.start, zone), charge_day(query.end - timedelta(microseconds=1), zone)
    days = _split(table, zone)
    silent = [day for day in set(told).difference(unchanged, days) if first <= day <= last]
    days |= {day: _compact(table.slice(0, 0)) for day in sorted(silent)}
    found = {day: _change(old.get(day), rows, complete and day not in broken) for day, rows in days.items()}
    said = {day: change for day, change in found.items() if change is not None}
    spoken = {*days, *unchanged}
    missing = old.keys() - spoken - set(broken)
    gone = sorted(day for day in missing if first <= day <= last and _has_money(old[day]))
    after = {day: change.cells if change.base else lay_over([old[day], change.cells]) for day, change in said.items()}
    return LedgerDiff(
        statements=tuple(write(source, query.grain, day, said_at, change) for day, change in said.items()),
        restated=tuple(line for day in said if day in old for line in _restated(day, old[day], after[day])),
        vanished_days=tuple(gone),
        word=dict(sorted({**old, **after}.items())),
        first=min(spoken, default=None),
    )


def _checked(table: Any, source: str, query: SpendQuery) -> Any:
    """The columns of a report in their order and types. Raises AdapterError naming what is wrong."""
    costs = [name for name in COSTS if name in table.column_names]
    if not costs:
        raise _unusable(source, f"has neither {COSTS[0]} nor {COSTS[1]}")
    dimensions = [name for name in map(column_of, query.dimensions) if name not in FIXED]
    names = list(dict.fromkeys([*FIXED, *dimensions, *costs]))
    return pa.table({name: _column(table, name, source) for name in names})


def _column(table: Any, name: str, source: str) -> Any:
    if name not in table.column_names:
        raise _unusable(source, f"has no column {name}")
    column = table[name]
    if column.null_count and (name in FIXED or name in COSTS):
        raise _unusable(source, f"has {column.null_count} rows without {name}")
    if name in COSTS and not pa.types.is_decimal(column.type):
        raise _unusable(source, f"has {name} as {column.type}; money is exact: decimal128(38, 18)")
    try:
        if name in COSTS:
            return column.cast(AMOUNT)
        return column.cast(STAMP) if name == START else dictionary(column.cast(pa.string()))
    except pa.ArrowException as error:
        raise _unusable(source, f"has a column {name} that is no {_wanted(name)}") from error


def _wanted(name: str) -> str:
    return "decimal128(38, 18)" if name in COSTS else str(STAMP) if name == START else "text"


def _unusable(source: str, what: str) -> AdapterError:
    return AdapterError(f"source {source}: its report {what}; this is a fault of its adapter", permanent=True)


def _in_window(table: Any, query: SpendQuery) -> Any:
    start, end = (pa.scalar(at, STAMP) for at in (query.start, query.end))
    inside = pc.and_(pc.greater_equal(table[START], start), pc.less(table[START], end))
    return table if pc.all(inside).as_py() else table.filter(inside)


def _split(table: Any, zone: ZoneInfo) -> dict[date, Any]:
    """The rows of each charge day."""
    days = charge_days(table[START], zone)
    if np.any(days[1:] < days[:-1]):
        order = np.argsort(days, kind="stable")
        table, days = table.take(pa.array(order)), days[order]
    bounds = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)] if len(days) else []
    parts = ((date.fromordinal(int(days[a])), table.slice(a, b - a)) for a, b in pairwise(bounds))
    return {day: _compact(rows) for day, rows in parts}


def _compact(table: Any) -> Any:
    """A slice of a table with no more dictionary than it uses."""
    for at, name in enumerate(table.column_names):
        if pa.types.is_dictionary(table[name].type):
            values = dictionary(table[name])
            used, codes = compress(*numbers(values))
            kept = used[used < len(values.dictionary)]
            indices = pa.array(codes.astype(np.int32), mask=codes >= len(kept))
            column = pa.DictionaryArray.from_arrays(indices, values.dictionary.take(pa.array(kept)))
            table = table.set_column(at, name, column)
    return table.combine_chunks()


def _add_up(table: Any) -> Any:
    """Rows with the same key, of which a report should have no two, as one."""
    keys, count = row_keys(table)
    if count == table.num_rows:
        return table
    _, sums = sum_by(keys, {name: table[name] for name in COSTS if name in table.column_names})
    rows = table.take(pa.array(last_rows(keys, count)))
    for name, amounts in sums.items():
        rows = rows.set_column(rows.column_names.index(name), name, amounts)
    return rows


def _change(before: Any | None, rows: Any, whole: bool) -> Said | None:
    """What has to be said of a day: nothing, the cells that changed, or all of it where that is no longer.

    `whole` says that a key which is gone is gone for good.
    """
    if before is not None and before.equals(rows):
        return None
    rows = _add_up(rows)
    if before is None or before.column_names != rows.column_names:
        return Said(rows, base=True)
    cells = _changed_cells(before, rows, whole)
    if cells.num_rows == 0:
        return None
    return Said(rows, base=True) if whole and cells.num_rows >= rows.num_rows else Said(cells, base=False)


def _changed_cells(before: Any, rows: Any, whole: bool) -> Any:
    """The rows with a new amount, and if the day is whole those that are gone, with 0."""
    both = pa.concat_tables([before, rows]).unify_dictionaries().combine_chunks()
    keys, count = row_keys(both)
    split = before.num_rows
    old_at, new_at = last_rows(keys[:split], count), last_rows(keys[split:], count)
    new_at[new_at >= 0] += split
    amounts = _raw_amounts(both)
    differs = (amounts[old_at] != amounts[new_at]).any(axis=1)
    said = both.take(pa.array(new_at[differs & (new_at >= 0)]))
    gone = _zeroed(both.take(pa.array(old_at[differs & (new_at < 0) & whole])))
    return _compact(pa.concat_tables([said, gone]))


def _raw_amounts(table: Any) -> NDArray[np.int64]:
    """The unscaled amounts, 16 bytes each, of every row, and a last row of zeros: row -1 is what is not there."""
    columns = []
    for name in table.column_names:
        if name in COSTS:
            array = table[name].combine_chunks()
            words = np.frombuffer(array.buffers()[1], dtype=np.int64)
            columns.append(words[2 * array.offset : 2 * (array.offset + len(array))].reshape(-1, 2))
    return np.vstack([np.hstack(columns), np.zeros((1, 2 * len(columns)), dtype=np.int64)])


def _zeroed(table: Any) -> Any:
    for at, name in enumerate(table.column_names):
        if name in COSTS:
            table = table.set_column(at, name, pa.repeat(pa.scalar(Decimal(0), AMOUNT), table.num_rows))
    return table


def _has_money(table: Any) -> bool:
    return magnitude(table) > 0.0


def _restated(day: date, old: Any, new: Any) -> list[Restated]:
    """The totals that moved, of the costs that both words have."""
    before, after = _totals(old), _totals(new)
    costs = [cost for cost in Cost if cost.column in old.column_names and cost.column in new.column_names]
    pairs = [(currency, cost) for currency in sorted({currency for currency, _ in (*before, *after)}) for cost in costs]
    nothing = Decimal(0)
    lines = [Restated(day, *pair, before.get(pair, nothing), after.get(pair, nothing)) for pair in pairs]
    return [line for line in lines if line.old != line.new]


def _totals(table: Any) -> dict[tuple[str, Cost], Decimal]:
    """The exact total of each cost in each currency."""
    currency = encode(table[CURRENCY])
    amounts = {name: table[name] for name in COSTS if name in table.column_names}
    codes, sums = sum_by(currency.codes.astype(np.int64), amounts)
    names = [currency.values[code] or "" for code in codes]
    costs = [cost for cost in Cost if cost.column in sums]
    return {(name, cost): sums[cost.column][at].as_py() for at, name in enumerate(names) for cost in costs}
