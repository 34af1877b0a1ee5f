"""Why a circuit costs more: which values of which dimensions carry the excess, and what kind of cause shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext

import numpy as np
import pyarrow as pa

from cloudcircuit.model import DIMENSIONS, NONE_VALUE, Circuit, Driver, Fx, Match, Monitor, Where, column_of
from cloudcircuit.service.axis import numbers_of
from cloudcircuit.service.cells import Ints, last_rows, sum_by
from cloudcircuit.service.measure import Values, fan_out
from cloudcircuit.service.reading import Views, pick
from cloudcircuit.service.series import Cut, cut

TOP = 3
_WHERE_IT_IS = ("service", "sub_account", "sub_account_name", "region")
"""Dimensions that are named even when all of the money has one value there: a reader must know whose it is."""
_ALL_DIGITS = 60
_PLACES = Decimal(1).scaleb(-18)
_NAME = "sub_account_name"
_KIND = "charge_category"
_COVER = "commitment_status"
_KINDS = frozenset({_KIND, "charge_class", _COVER})


@dataclass(frozen=True, slots=True)
class Explanation:
    """`excess` a period (mean of the anomalous ones minus mean of the baseline), who carries it, and the cause.

    `drivers` come by dimension, the most telling first, and by falling excess within. `cause` is `usage`,
    `commitment`, `credit`, or None where the charges do not show it; a price it would take quantities to see.
    """

    excess: Decimal
    drivers: tuple[Driver, ...] = ()
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What one value cost a period in the baseline, and how much more it costs in the anomalous periods."""

    baseline: Decimal
    excess: Decimal


def circuit_where(monitor: Monitor, circuit: Circuit) -> Where:
    """The filter that takes the charges of one circuit and no others."""
    pairs = zip(monitor.per, circuit.values, strict=True)
    own = (Match(name, (NONE_VALUE if value is None else value,), exact=True) for name, value in pairs)
    return (*monitor.where, *own)


def find_drivers(
    monitor: Monitor,
    circuit: Circuit,
    views: Mapping[str, Views],
    *,
    anomalous: Collection[datetime],
    baseline: Collection[datetime],
    fx: Sequence[Fx] = (),
) -> Explanation | None:
    """Compare periods of a circuit, by their names (`Cut.starts`), in charges fetched with more dimensions.

    `views` are what each source said of this circuit, in one breakdown by all dimensions or in several; a dimension
    that all sources tell is looked at, but for what the circuit is fixed to. Returns None where they have nothing of
    one side of the comparison.
    Raises what `cut` raises.
    """
    lens = _Lens(replace(monitor, where=circuit_where(monitor, circuit), per=()), views, anomalous, baseline, fx)
    whole = lens.changes(())
    if whole is None:
        return None
    excess = whole[()].excess if whole else Decimal(0)
    if excess <= 0:
        return Explanation(excess)
    names = _dimensions(views.values())
    found = {name: {v[0]: change for v, change in (lens.changes((name,)) or {}).items()} for name in names}
    labels = _labels(views.values()) if {"sub_account", _NAME} <= set(names) else {}
    telling = [name for name in names if name not in monitor.per and _tells(monitor, name, found[name])]
    ranked = [_rank(name, found[name], excess, labels) for name in telling if not (name == _NAME and labels)]
    ranked.sort(
        key=lambda drivers: (
            (len(found[drivers[0].dimension]) == 1, -drivers[0].excess) if drivers else (True, Decimal(0))
        )
    )
    return Explanation(excess, tuple(driver for drivers in ranked for driver in drivers), find_cause(found, excess))


def _tells(monitor: Monitor, name: str, changes: Collection[object]) -> bool:
    """Several values always tell; a single one tells where the money is, unless the monitor is fixed to it."""
    fixed = {match.dimension for match in monitor.where}
    return len(changes) > 1 or (len(changes) == 1 and name in _WHERE_IT_IS and name not in fixed)


def find_cause(found: Mapping[str, Mapping[str | None, Change]], excess: Decimal) -> str | None:
    """The kind of cause behind an excess, as far as the changes of the values of each dimension show it.

    - `credit`: at least half of it is credits that shrank;
    - `commitment`: at least half of it is commitments that lie unused, or charges moved from covered to on demand;
    - `usage`: at least half of it comes from values that cost nothing before, which no price can bring about, and
      they did not merely take over from others.
    """
    nothing = Change(Decimal(0), Decimal(0))
    half = excess / 2
    if found.get(_KIND, {}).get("Credit", nothing).excess >= half:
        return "credit"
    cover = found.get(_COVER, {})
    if cover.get("Unused", nothing).excess >= half or _lost_cover(cover.get("Used", nothing), cover.get(None, nothing)):
        return "commitment"
    values = (changes.values() for name, changes in found.items() if name not in _KINDS)
    return "usage" if any(_is_new(changes, half) for changes in values) else None


def _is_new(changes: Collection[Change], half: Decimal) -> bool:
    fresh = sum(change.excess for change in changes if change.baseline == 0)
    fallen = -sum(change.excess for change in changes if change.excess < 0)
    return fresh >= half >= fallen


def _lost_cover(used: Change, on_demand: Change) -> bool:
    """Half of what was covered is gone, and it makes up a good part of what is now paid on demand."""
    lost = -used.excess
    return lost > 0 and 2 * lost >= used.baseline and 4 * lost >= on_demand.excess > 0


@dataclass(frozen=True, slots=True)
class _Lens:
    """The two sides of a comparison, to be looked at through one dimension after the other."""

    monitor: Monitor
    views: Mapping[str, Views]
    anomalous: Collection[datetime]
    baseline: Collection[datetime]
    fx: Sequence[Fx]

    def changes(self, per: tuple[str, ...]) -> dict[Values, Change] | None:
        """The change of each value that has any money; None where a side has no period that is known."""
        found = self._cut(per)
        sides = np.full(len(found.axis), -1)
        sides[np.isin(found.axis, numbers_of(self.baseline, found.grain))] = 0
        sides[np.isin(found.axis, numbers_of(self.anomalous, found.grain))] = 1
        sides[~found.periods.any] = -1
        before, after = (int(np.count_nonzero(sides == side)) for side in (0, 1))
        if not before or not after:
            return None
        return {values: _change(old, new, before, after) for values, (old, new) in self._totals(found, sides).items()}

    def _cut(self, per: tuple[str, ...]) -> Cut:
        days = [at.astimezone(UTC).date() for at in (*self.anomalous, *self.baseline)]
        # An hour may lie in the day before or after, in the zone of its source.
        margin = timedelta(days=1)
        start, end = (min(days) - margin, max(days) + 2 * margin) if days else (date.min, date.min)
        monitor = replace(self.monitor, per=per)
        images = pick(self.views, monitor.sources, monitor.need)
        return cut(monitor, images, start=start, end=end, fx=self.fx)

    def _totals(self, found: Cut, sides: Ints) -> dict[Values, tuple[Decimal, Decimal]]:
        sums, cost = found.run_rate, self.monitor.run_rate_cost
        rows = sums.usage & (sides[sums.place] >= 0)
        keys = sums.circuit[rows] * 2 + sides[sums.place[rows]]
        distinct, totals = sum_by(keys, {cost.column: sums.amounts[cost].filter(pa.array(rows))})
        by_key = dict(zip(distinct.tolist(), totals[cost.column].to_pylist(), strict=True))
        circuits = sorted({key // 2 for key, total in by_key.items() if total})
        zero = Decimal(0)
        return {found.circuits[c].values: (by_key.get(2 * c, zero), by_key.get(2 * c + 1, zero)) for c in circuits}


def _change(old: Decimal, new: Decimal, before: int, after: int) -> Change:
    """Means from exact sums, rounded once, to 18 places."""
    with localcontext(prec=_ALL_DIGITS):
        excess = (new * before - old * after) / (before * after)
        return Change((old / before).quantize(_PLACES), excess.quantize(_PLACES))


def _rank(
    name: str, changes: Mapping[str | None, Change], whole: Decimal, labels: Mapping[str | None, str]
) -> list[Driver]:
    ordered = sorted(changes.items(), key=lambda item: (-item[1].excess, item[0] or ""))
    known = labels if name == "sub_account" else {}
    return [
        Driver(name, value, change.excess, float(change.excess / whole), known.get(value))
        for value, change in ordered[:TOP]
        if change.excess > 0
    ]


def _dimensions(sources: Collection[Views]) -> list[str]:
    """The dimensions that every source tells, tags last."""
    told = [{column for view in views for column in view.table.column_names} for views in sources]
    tags = (f"tag:{column[5:]}" for column in sorted(told[0] if told else ()) if column.startswith("Tags."))
    return [name for name in (*DIMENSIONS, *tags) if told and all(column_of(name) in columns for columns in told)]


def _labels(sources: Collection[Views]) -> dict[str | None, str]:
    """The name of each account: the one on its newest charge."""
    named: list[tuple[int, str | None, str]] = []
    pair = {column_of("sub_account"), column_of(_NAME)}
    for image in (view for views in sources for view in views if pair <= set(view.table.column_names)):
        codes, values = fan_out(image, ("sub_account", _NAME), np.arange(image.table.num_rows))
        days = image.days[last_rows(codes, len(values))].tolist() if values else []
        named += [(day, account, name) for day, (account, name) in zip(days, values, strict=True) if name is not None]
    return {account: name for _, account, name in sorted(named, key=lambda row: row[0])}
