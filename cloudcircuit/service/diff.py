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
    TEXT,
    Bools,
    Ints,
    charge_days,
    check_sums,
    compress,
    dictionary,
    encode,
    last_rows,
    magnitude,
    numbers,
    sum_by,
    unscaled,
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
    days |= {day: table.slice(0, 0) for day in sorted(silent)}
    spoken = {*days, *unchanged}
    missing = old.keys() - spoken - set(broken)
    gone = sorted(day for day in missing if first <= day <= last and _has_money(old[day]))
    statements, restated = [], []
    word = {day: old[day] for day in old if day not in days}
    for day, rows in days.items():
        before = old.get(day)
        said, word[day] = _tell(before, rows, complete and day not in broken)
        if said is not None:
            statements.append(write(source, query.grain, day, said_at, Said(_compact(said.cells), said.base)))
            restated += [] if before is None else _restated(day, before, word[day])
    return LedgerDiff(
        statements=tuple(statements),
        restated=tuple(restated),
        vanished_days=tuple(gone),
        word=dict(sorted(word.items())),
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
        if name == START:
            return column.cast(STAMP)
        return dictionary(column if column.type == TEXT else column.cast(pa.string()))
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
    """The rows of each charge day, copied: a day that is dropped takes its memory along."""
    days = charge_days(table[START], zone)
    if not len(days):
        return {}
    offsets = days - days.min()
    order = np.argsort(offsets.astype(np.min_scalar_type(offsets.max())), kind="stable")  # small numbers: one pass
    bounds = [0, *(np.flatnonzero(np.diff(days[order])) + 1).tolist(), len(days)]
    whole = table.combine_chunks()
    return {
        date.fromordinal(int(days[order[a]])): whole.take(pa.array(order[a:b])).combine_chunks()
        for a, b in pairwise(bounds)
    }


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


def _tell(before: Any | None, rows: Any, whole: bool) -> tuple[Said | None, Any]:
    """What has to be said of a day, and the word on it then: nothing, the cells that changed, or all of it where that
    is no longer. `whole` says that a key which is gone is gone for good.
    """
    if before is None or before.column_names != rows.column_names:
        rows = _add_up(rows)
        return Said(rows, base=True), rows
    pair = _side_by_side(before, rows)
    if np.count_nonzero(pair.new_at >= 0) < rows.num_rows:  # a key comes twice
        return _tell(before, _add_up(rows), whole)
    moved, gone = pair.differs & (pair.new_at >= 0), pair.differs & (pair.new_at < 0) & whole
    count = np.count_nonzero(moved) + np.count_nonzero(gone)
    if not count:
        return None, rows if len(pair.differs) == before.num_rows == rows.num_rows else before
    if whole and count >= rows.num_rows:
        return Said(rows, base=True), rows
    vanished = _zeroed(before.take(pa.array(pair.old_at[gone])))
    cells = pa.concat_tables([rows.take(pa.array(pair.new_at[moved])), vanished])
    return Said(cells, base=False), lay_over([before, cells])


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two words on a day, by the keys of both: where each key stands in each, -1 where it does not, and whether its
    amounts differ; what is not there is 0."""

    old_at: Ints
    new_at: Ints
    differs: Bools


def _side_by_side(before: Any, rows: Any) -> _Pair:
    names = [name for name in rows.column_names if name not in COSTS]
    keys, count = row_keys(pa.concat_tables([before.select(names), rows.select(names)]).unify_dictionaries())
    old_at, new_at = last_rows(keys[: before.num_rows], count), last_rows(keys[before.num_rows :], count)
    differs = (_raw_amounts(before)[old_at] != _raw_amounts(rows)[new_at]).any(axis=1)
    return _Pair(old_at, new_at, differs)


def _raw_amounts(table: Any) -> NDArray[np.int64]:
    """The unscaled amounts, 16 bytes each, of every row, and a last row of zeros: row -1 is what is not there."""
    columns = [unscaled(table[name].combine_chunks()) for name in table.column_names if name in COSTS]
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
