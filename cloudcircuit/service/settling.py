"""A source's lateness, learned from its own ledger: what each period showed at each age, and what it settled at.

A reading adds what it tells of the last seven days to what is kept in the source's row, so that no day is read twice
for it. Where nothing is kept yet, or it is of something else (another currency, breakdown or zone), it is gathered
from the statements of the ledger, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from cloudcircuit.engine.periods import charge_day, day_end
from cloudcircuit.engine.series import Periods
from cloudcircuit.engine.settle import (
    EVERY_NTH_HOUR,
    HORIZON,
    HOUR,
    LEARNED_FROM,
    WHOLLY,
    Completeness,
    Lag,
    grow,
    learned,
    together,
)
from cloudcircuit.model import Cost, Grain, Growing, Growth, SourceState, Statement
from cloudcircuit.service.ask import Ask
from cloudcircuit.service.cells import CATEGORY, CURRENCY, START, Ints, encode, microseconds, sum_by
from cloudcircuit.service.cells import HOUR as MICROS
from cloudcircuit.service.house import House, Source
from cloudcircuit.service.ledger import Word, recall
from cloudcircuit.service.reading import Answer, Reading

USAGE = "Usage"
"""What is learned from: a fee, tax or credit that is posted weeks later is no lateness of usage."""

_PLACES = Decimal("0.000001")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def follow(house: House, spec: Source, before: SourceState, reading: Reading, now: datetime) -> Growing | None:
    """The growth of a source's periods, with what a reading tells of them.

    None while it has told of no usage, or only of what passes a filter.
    """
    growing = before.growing
    answer = _speaker(growing, reading)
    if answer is None:
        return None
    if growing is None or not growing.periods or growing.of != _what(answer, growing.currency):
        growing = _begin(house, spec, answer, now)
    if growing is None:
        return None
    watched = [statement.day for statement in answer.diff.statements if _is_watched(statement.day, spec.zone, now)]
    word = {day: answer.diff.word[day] for day in watched}
    totals = _totals(spec, word, growing.currency, _cost(answer))
    return Growing(growing.of, growing.currency, grow(growing.periods, totals, now))


def corrections(
    house: House, names: Sequence[str], states: Mapping[str, SourceState], periods: Periods, now: datetime
) -> dict[int, Completeness]:
    """How much of each known, provisional period is usually told by now, by its index; whole periods are left out.

    `names` are the sources that make up the periods: the most complete of them counts, each at its last reading.
    """
    told = [(house.sources[name].zone, *_lesson(states.get(name), now)) for name in names]
    found = {}
    for index in periods.open_at:
        start = periods.starts[index]
        one = together(lag.at(read_at - _end(start, periods.grain, zone)) for zone, lag, read_at in told)
        if one != WHOLLY:
            found[index] = one
    return found


def _lesson(state: SourceState | None, now: datetime) -> tuple[Lag, datetime]:
    """What is learned of a source, and when it was read last."""
    return learned(state.growing if state else None), min(now, (state and state.last_success) or now)


def _end(start: datetime, grain: Grain, zone: ZoneInfo) -> datetime:
    """When a period of a series is over, from what it is called."""
    return start + HOUR if grain is Grain.HOUR else day_end(start.date(), zone)


# --- of what --------------------------------------------------------------------------------------------------


def _speaker(growing: Growing | None, reading: Reading) -> Answer | None:
    """The answer whose growth is followed: the same as before if it is there, else one that speaks for all spend.

    Where each has a filter nothing is learned: what they tell in common is not known.
    """
    same = [a for a in reading.answers if growing is not None and growing.of == _what(a, growing.currency)]
    return same[0] if same else reading.longest_known()


def _what(answer: Answer, currency: str) -> str:
    """What totals are of. By other hours, in another zone or cost, they are not the same."""
    ask = answer.ask
    return f"{_cost(answer).column} in {currency} of {ask.name.strip()}, by {ask.query.grain.value} in {ask.query.zone}"


def _cost(answer: Answer) -> Cost:
    return Cost.EFFECTIVE if Cost.EFFECTIVE.column in answer.report.table.column_names else Cost.BILLED


def _begin(house: House, spec: Source, answer: Answer, now: datetime) -> Growing | None:
    """What the ledger knows of the recent periods, in the currency with the most usage in the newest days."""
    word, cost = answer.diff.word, _cost(answer)
    newest = [word[day] for day in sorted(word)[-int(HORIZON / _DAY) :]]
    amounts = _by_currency([table for table in newest if cost.column in table.column_names], cost)
    if not amounts:
        return None
    currency = max(sorted(amounts), key=lambda name: amounts[name])
    young = _young(house, spec, answer.ask, now)
    return Growing(
        _what(answer, currency), currency, tuple(g for said in young for g in _replay(spec, said, currency, cost, now))
    )


def _by_currency(tables: Iterable[Any], cost: Cost) -> dict[str, float]:
    """The absolute usage of each currency."""
    found: dict[str, float] = {}
    for table in tables:
        usage, currencies = encode(table[CATEGORY]).equals(USAGE), encode(table[CURRENCY])
        amounts = np.abs(table[cost.column].cast(pa.float64()).to_numpy())
        sums = np.bincount(currencies.codes[usage], amounts[usage], len(currencies.values))
        for name, amount in zip(currencies.values, sums.tolist(), strict=True):
            if name is not None and amount > 0:
                found[name] = found.get(name, 0.0) + amount
    return found


# --- totals ---------------------------------------------------------------------------------------------------


def _is_watched(day: date, zone: ZoneInfo, now: datetime) -> bool:
    """Whether any period of a day may be within the horizon."""
    return now - HORIZON - _DAY <= day_end(day, zone) <= now + _DAY


def _totals(spec: Source, word: Word, currency: str, cost: Cost) -> dict[datetime, Decimal]:
    """The usage of each watched period in one currency, by its end. A period without a row of usage is not known."""
    able = {day: table for day, table in word.items() if cost.column in table.column_names}
    if spec.grain is Grain.DAY:
        sums = {
            day: _sum(table, np.zeros(table.num_rows, dtype=np.int64), currency, cost) for day, table in able.items()
        }
        return {day_end(day, spec.zone): total for day, found in sums.items() for total in found.values()}
    hours = [_sum(table, microseconds(table[START]) // MICROS + 1, currency, cost) for table in able.values()]
    return {_EPOCH + end * HOUR: total for found in hours for end, total in found.items() if end % EVERY_NTH_HOUR == 0}


def _sum(table: Any, periods: Ints, currency: str, cost: Cost) -> dict[int, Decimal]:
    """The exact usage of each period, rounded to six places once it is added up."""
    rows = encode(table[CATEGORY]).equals(USAGE) & encode(table[CURRENCY]).equals(currency)
    found, sums = sum_by(periods[rows], {cost.column: table[cost.column].filter(pa.array(rows))})
    totals = (total.quantize(_PLACES) for total in sums[cost.column].to_pylist())
    return dict(zip(found.tolist(), totals, strict=True))


# --- what the ledger remembers --------------------------------------------------------------------------------


def _young(house: House, spec: Source, ask: Ask, now: datetime) -> Iterator[list[Statement]]:
    """What was said of each recent day within the horizon of its end, oldest day and oldest word first."""
    today = charge_day(now, spec.zone)
    first = max(today - LEARNED_FROM - HORIZON, charge_day(ask.query.start, spec.zone))
    for day in (first + n * _DAY for n in range((today - first).days + 1)):
        until = day_end(day, spec.zone) + HORIZON
        yield house.store.statements(ask.name, spec.grain, day, day + _DAY, until)


def _replay(spec: Source, said: Sequence[Statement], currency: str, cost: Cost, now: datetime) -> tuple[Growth, ...]:
    """The growth of one day's periods. Readings that said nothing new are not in the ledger: there were some."""
    found: tuple[Growth, ...] = ()
    for place, statement in enumerate(said):
        totals = _totals(spec, recall(said[: place + 1]), currency, cost)
        found = grow(grow(found, {}, statement.said_at - HOUR), totals, statement.said_at)
    return grow(found, {}, min(now, found[0].end + HORIZON)) if found else ()
