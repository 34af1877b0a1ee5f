"""Why a circuit costs more, or what it costs: which values of which dimensions carry it, and the kind of cause."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext

import numpy as np
import pyarrow as pa

from cloudcircuit.model import DIMENSIONS, NONE_VALUE, Circuit, Driver, Fx, Match, Monitor, Where, column_of
from cloudcircuit.service.axis import numbers_of
from cloudcircuit.service.causes import NOTHING, Change, find_cause
from cloudcircuit.service.cells import Ints, last_rows, sum_by
from cloudcircuit.service.measure import Values, fan_out
from cloudcircuit.service.prices import Sides, find_effects
from cloudcircuit.service.reading import Views, pick
from cloudcircuit.service.series import Cut, cut

TOP = 3
_WHERE_IT_IS = ("service", "sub_account", "sub_account_name", "region")
"""Dimensions that are named even when all of the money has one value there: a reader must know whose it is."""
_ALL_DIGITS = 60
_PLACES = Decimal(1).scaleb(-18)
_ACCOUNT, _NAME = "sub_account", "sub_account_name"
_SAME_ACCOUNT = frozenset({_ACCOUNT, _NAME, "billing_account"})

Changes = Mapping[str | None, Change]
"""By the values of one dimension."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """`excess` a period (mean of the anomalous ones minus mean of the baseline), who carries it, and the cause.

    `drivers` come by dimension, the most telling first, and by falling excess within. `cause` is `usage`, `price`,
    `commitment`, `credit`, or None where the charges do not show it. `periods` is how many of the anomalous are known.
    """

    excess: Decimal
    drivers: tuple[Driver, ...] = ()
    cause: str | None = None
    periods: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """The periods of a circuit that are compared, by their names (`Cut.starts`).

    Without a baseline (None) what the periods cost is looked at, not what they cost more. With `everything` all charges
    count, as they do for budgets, not only those of the run rate.
    """

    monitor: Monitor
    circuit: Circuit
    anomalous: Collection[datetime]
    baseline: Collection[datetime] | None
    everything: bool = False


def circuit_where(monitor: Monitor, circuit: Circuit) -> Where:
    """The filter that takes the charges of one circuit and no others."""
    pairs = zip(monitor.per, circuit.values, strict=True)
    own = (Match(name, (NONE_VALUE if value is None else value,), exact=True) for name, value in pairs)
    return (*monitor.where, *own)


def find_drivers(compared: Compared, views: Mapping[str, Views], fx: Sequence[Fx] = ()) -> Explanation | None:
    """Compare periods of a circuit in charges fetched with more dimensions.

    `views` are what each source said of this circuit, in one breakdown by all dimensions or in several; a dimension
    that all sources tell is looked at, but for what the circuit is fixed to. Returns None where they have nothing of
    one side of the comparison.

    The most telling dimension comes first: the one whose largest driver has a share of the excess furthest above its
    share of the baseline (to a tenth, then in the order of `DIMENSIONS`). So a region that carries all of the excess
    because it carries all of the spend says less than a service that was small before; this is the idea of Bhagwan et
    al., Adtributor (NSDI 2014), in its plainest form.
    Raises what `cut` raises.
    """
    monitor = compared.monitor
    narrow = replace(monitor, where=circuit_where(monitor, compared.circuit), per=())
    lens = _Lens(narrow, views, compared, fx)
    whole = lens.changes(())
    if whole is None:
        return None
    total = whole.get((), NOTHING)
    if total.excess <= 0:
        return Explanation(total.excess, periods=len(lens.sides.after))
    names = _dimensions(views.values())
    found = {name: {v[0]: change for v, change in (lens.changes((name,)) or {}).items()} for name in names}
    labels = _labels(views.values()) or _labels_by_money(found)
    telling = [n for n in _each_once(found) if n not in monitor.per and _tells(monitor, n, found[n])]
    telling.sort(key=lambda name: _how_telling(found[name], total))
    ranked = [driver for name in telling for driver in _rank(name, found[name], total.excess, labels)]
    return Explanation(total.excess, tuple(ranked), _cause(lens, found, total.excess), len(lens.sides.after))


def _cause(lens: _Lens, found: Mapping[str, Changes], excess: Decimal) -> str | None:
    """The cause of an excess of the run rate: what a budget period costs has many."""
    if lens.compared.everything or lens.compared.baseline is None:
        return None
    images = (view for views in lens.views.values() for view in views)
    return find_cause(found, excess, find_effects(lens.monitor, images, lens.sides))


def _each_once(found: Mapping[str, Changes]) -> list[str]:
    """The dimensions, without those that say what another has said: an account by its name or by who pays for it, a
    tag that cuts the money exactly as another tag does.
    """
    said: set[tuple[object, ...]] = set()
    kept = []
    for name, changes in found.items():
        family = "account" if name in _SAME_ACCOUNT else "tag" if name.startswith("tag:") else name
        way = (family, *sorted((change.baseline, change.excess) for change in changes.values()))
        if way not in said and not (name == _NAME and _ACCOUNT in found):
            kept.append(name)
        said.add(way)
    return kept


def _tells(monitor: Monitor, name: str, changes: Changes) -> bool:
    """Several values always tell; a single one tells where the money is, unless the monitor is fixed to it."""
    if len(changes) != 1:
        return len(changes) > 1
    fixed = {match.dimension for match in monitor.where}
    return name in _WHERE_IT_IS and name not in fixed and None not in changes


def _how_telling(changes: Changes, total: Change) -> tuple[bool, float]:
    """Small for a dimension that tells much; one with a single value tells nothing but where the money is."""
    largest = max(changes.values(), key=lambda change: change.excess)
    before = float(largest.baseline / total.baseline) if total.baseline > 0 else 0.0
    return len(changes) == 1, -round(min(1.0, float(largest.excess / total.excess)) - min(1.0, before), 1)


@dataclass(slots=True)
class _Lens:
    """The two sides of a comparison, to be looked at through one dimension after the other."""

    monitor: Monitor
    views: Mapping[str, Views]
    compared: Compared
    fx: Sequence[Fx]
    sides: Sides = field(init=False)

    def changes(self, per: tuple[str, ...]) -> dict[Values, Change] | None:
        """The change of each value that has any money; None where a side has no period that is known."""
        found = self._cut(per)
        known = found.axis[found.periods.any]
        before, after = (
            np.intersect1d(known, numbers_of(names, found.grain))
            for names in (self.compared.baseline or (), self.compared.anomalous)
        )
        self.sides = Sides(found.grain, before, after)
        if not len(after) or not (len(before) or self.compared.baseline is None):
            return None
        sides = np.where(np.isin(found.axis, before), 0, np.where(np.isin(found.axis, after), 1, -1))
        counts = max(1, len(before)), len(after)
        return {values: _change(old, new, *counts) for values, (old, new) in self._totals(found, sides).items()}

    def _cut(self, per: tuple[str, ...]) -> Cut:
        names = (*self.compared.anomalous, *(self.compared.baseline or ()))
        days = [at.astimezone(UTC).date() for at in names]
        # An hour may lie in the day before or after, in the zone of its source.
        margin = timedelta(days=1)
        start, end = (min(days) - margin, max(days) + 2 * margin) if days else (date.min, date.min)
        monitor = replace(self.monitor, per=per)
        images = pick(self.views, monitor.sources, monitor.need)
        return cut(monitor, images, start=start, end=end, fx=self.fx)

    def _totals(self, found: Cut, sides: Ints) -> dict[Values, tuple[Decimal, Decimal]]:
        sums, cost = found.run_rate, self.monitor.run_rate_cost
        rows = (sums.usage | self.compared.everything) & (sides[sums.place] >= 0)
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


def _rank(name: str, changes: Changes, whole: Decimal, labels: Mapping[str | None, str]) -> list[Driver]:
    ordered = sorted(changes.items(), key=lambda item: (-item[1].excess, item[0] or ""))
    known = labels if name == _ACCOUNT else {}
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
    pair = {column_of(_ACCOUNT), column_of(_NAME)}
    for image in (view for views in sources for view in views if pair <= set(view.table.column_names)):
        codes, values = fan_out(image, (_ACCOUNT, _NAME), np.arange(image.table.num_rows))
        days = image.days[last_rows(codes, len(values))].tolist() if values else []
        named += [(day, account, name) for day, (account, name) in zip(days, values, strict=True) if name is not None]
    return {account: name for _, account, name in sorted(named, key=lambda row: row[0])}


def _labels_by_money(found: Mapping[str, Changes]) -> dict[str | None, str]:
    """The name of each account where accounts and names are told apart only: whose money moved alike is the same."""
    names = {change: name for name, change in found.get(_NAME, {}).items() if name is not None}
    accounts = found.get(_ACCOUNT, {})
    alone = len(names) == len(found.get(_NAME, {})) and len(set(accounts.values())) == len(accounts)
    return {account: names[change] for account, change in accounts.items() if change in names} if alone else {}
