"""Where the budget periods of all circuits of a monitor will end: the forecast, asked about many at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa

from cloudcircuit.engine.assess import announced
from cloudcircuit.engine.budget import Projection
from cloudcircuit.engine.forecast import Newest, Outlook, forecast
from cloudcircuit.engine.seasonal import Bools, Floats
from cloudcircuit.engine.settle import Completeness
from cloudcircuit.model import Act, Cost, Grain
from cloudcircuit.service.axis import names_of
from cloudcircuit.service.cells import Ints
from cloudcircuit.service.series import Cut

CHUNK = 2048
"""Circuits whose days are laid out at once."""

WORKERS = 2
"""Chunks at a time: numpy works outside the interpreter's lock."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of all circuits of a cut: the budget's period and cost, each circuit's limit, what was announced.

    `complete` is the usual completeness of days that are usually not whole yet, by their index in the cut's periods.
    """

    cut: Cut
    period: tuple[date, date]
    cost: Cost
    limits: Sequence[Decimal | None]
    planned: Sequence[Sequence[Act]]
    complete: Mapping[int, Completeness]


@dataclass(frozen=True, slots=True)
class Projections:
    """The answers, circuit by circuit; None where it is too early to say."""

    first: date
    median: Floats
    low: Floats
    high: Floats
    p_breach: Floats
    breach_day: Ints
    heard: Bools

    def of(self, place: int) -> Projection | None:
        if not self.heard[place]:
            return None
        day = int(self.breach_day[place])
        p_breach = float(self.p_breach[place])
        return Projection(
            median=float(self.median[place]),
            low=float(self.low[place]),
            high=float(self.high[place]),
            p_breach=p_breach if np.isfinite(p_breach) else None,
            breach_on=date.fromordinal(self.first.toordinal() + day) if day >= 0 else None,
        )


def project(asked: Asked) -> Projections | None:
    """Forecast the period of every circuit from its settled days. None while no day has settled."""
    settled = np.flatnonzero(asked.cut.days.settled)
    start, end = (day.toordinal() - asked.cut.span.first for day in asked.period)
    origin = int(settled[-1]) if len(settled) else -1
    if origin < 0 or origin >= end:
        return None
    late = _late_day(asked, origin)
    starts = (asked.cut.span.ordinals() - date(1970, 1, 1).toordinal()).astype("datetime64[D]")

    def work(rows: slice) -> tuple[Floats | Ints | Bools, ...]:
        usage, other = _days(asked, rows)
        newest = None if late is None else _newest(usage[:, origin + 1], late)
        known = origin if newest is None else origin + 1
        usage[:, ~asked.cut.days.settled] = np.nan
        out = _announced(asked, rows)
        outlook = forecast(usage, starts, start, known, end, other=other, newest=newest, out=out)
        return _answers(asked, rows, outlook)

    chunks = list(_chunks(len(asked.limits)))
    if len(chunks) < 2:
        return _joined(asked, [work(rows) for rows in chunks])
    with ThreadPoolExecutor(WORKERS) as pool:
        return _joined(asked, list(pool.map(work, chunks)))


def _chunks(count: int) -> Iterator[slice]:
    for start in range(0, count, CHUNK):
        yield slice(start, min(start + CHUNK, count))


def _days(asked: Asked, rows: slice) -> tuple[Floats, Floats]:
    """The run rate and the other charges of some circuits by charge day."""
    sums, cut = asked.cut.sums, asked.cut
    part = slice(*np.searchsorted(sums.circuit, [rows.start, rows.stop]).tolist())
    amounts = sums.amounts[asked.cost].slice(part.start, part.stop - part.start).cast(pa.float64())
    money = amounts.to_numpy(zero_copy_only=False)
    circuit, place, is_usage = sums.circuit[part] - rows.start, sums.place[part], sums.usage[part]
    both = np.zeros((2, rows.stop - rows.start, cut.span.days))
    both[(~is_usage).astype(np.int64), circuit, place] = money
    return both[0], both[1]


def _late_day(asked: Asked, origin: int) -> Completeness | None:
    """How complete the day after the newest settled one usually is by now, where that is known."""
    index = origin + 1
    if asked.cut.grain is not Grain.DAY or index >= asked.cut.span.days or not asked.cut.days.known[index]:
        return None
    return asked.complete.get(index)


def _newest(reported: Floats, late: Completeness) -> Newest:
    count = len(reported)
    return Newest(reported.copy(), np.full(count, late.share), np.full(count, late.sd))


def _announced(asked: Asked, rows: slice) -> Bools | None:
    """Days with announced spend: it counts, and teaches nothing."""
    planned = asked.planned[rows]
    if not any(planned):
        return None
    out = np.zeros((len(planned), asked.cut.span.days), dtype=np.bool_)
    days = names_of(asked.cut.span.ordinals(), Grain.DAY)
    for row, acts in enumerate(planned):
        if acts:
            out[row] = [announced(acts, day, Grain.DAY) != 0 for day in days]
    return out


def _answers(asked: Asked, rows: slice, outlook: Outlook) -> tuple[Floats | Ints | Bools, ...]:
    limits = np.array([np.nan if limit is None else float(limit) for limit in asked.limits[rows]])
    heard = ~outlook.too_early & np.isfinite(outlook.median)
    return outlook.median, outlook.low, outlook.high, outlook.breach(limits), outlook.breach_day(limits), heard


def _joined(asked: Asked, parts: Sequence[tuple[Floats | Ints | Bools, ...]]) -> Projections | None:
    if not parts:
        return None
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Projections(asked.cut.span.start, *columns)
