"""From what the sources said to the series of every circuit of a monitor."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cloudcircuit.errors import ConfigError, Problem
from cloudcircuit.model import NONE_VALUE, Circuit, Cost, Fx, Grain, Monitor, circuit_id, circuit_parts
from cloudcircuit.service.axis import Axis, Span, know, lay_out, names_of
from cloudcircuit.service.cells import AMOUNT, COSTS, Bools, Ints, SourceImage, check_sums, last_rows, sum_by
from cloudcircuit.service.measure import Currencies, Measured, Values, measure

_COUNTED = {"circuit": pa.int64(), "day": pa.int64(), "period": pa.int64(), "usage": pa.bool_()}


@dataclass(frozen=True, slots=True)
class Sums:
    """Exact sums of what a monitor counts, one row for each circuit, place on the axis and kind of charge.

    Rows are sorted by circuit, then place, other charges before usage. `amounts` are decimal128(38, 18) by cost.
    """

    circuit: Ints
    place: Ints
    usage: Bools
    amounts: Mapping[Cost, Any]


@dataclass(frozen=True, slots=True)
class Cut:
    """The series of every circuit of a monitor over contiguous charge periods.

    circuits   sorted by name: those with a row, those that existed before, and the monitor itself without `per`
    axis       each period as a number: the ordinal of a day, the hours since 1970
    starts     what each period is called: the instant of an hour; of a charge day midnight UTC of its date
    usage      float64 [circuits x periods], the run rate; 0 where a circuit has no row, NaN where no source has any
    periods    what is known of the periods; `days` the same of the charge days in `span`
    sums       exact sums by charge day, for budgets (`budget_sums`); `run_rate` the same by period
    foreign    circuits with money in currencies that are not counted; `converted` those that fx converted
    stood_in   sources whose BilledCost stands in for an EffectiveCost that they do not have
    """

    monitor: Monitor
    grain: Grain
    span: Span
    circuits: tuple[Circuit, ...]
    axis: Ints
    starts: tuple[datetime, ...]
    usage: NDArray[np.float64]
    periods: Axis
    days: Axis
    sums: Sums
    run_rate: Sums
    foreign: Mapping[str, frozenset[str]]
    converted: Mapping[str, frozenset[str]]
    stood_in: frozenset[str]

    @property
    def known(self) -> Bools:
        return self.periods.known

    @property
    def settled(self) -> Bools:
        return self.periods.settled


def cut(
    monitor: Monitor,
    images: Mapping[str, SourceImage],
    *,
    start: date,
    end: date,
    existing: Iterable[str] = (),
    fx: Sequence[Fx] = (),
) -> Cut:
    """Cut the circuits of a monitor out of the charge days [start, end) of its sources.

    `existing` names circuits that have a state: one that has stopped spending keeps its place. A source of the
    monitor that is not in `images` has said nothing: no period is known or settled. The grain is the hour where every
    source reports hours, else the day. Raises AdapterError when sums would not be exact or the run rate's cost is
    one that a source cannot tell.
    """
    span = Span(start, end)
    present = {name: images[name] for name in monitor.sources if name in images}
    complete = len(present) == len(set(monitor.sources))
    grain = grain_of(present.values())
    parts = [measure(monitor, name, image, span, grain, fx) for name, image in present.items()]
    check_sums(sum(part.magnitude for part in parts), " + ".join(present))
    circuits = _circuits(monitor, parts, existing)
    charges = _gather(parts, circuits)
    periods, sources = lay_out(span, present.values(), grain), present.values()
    count, known = len(circuits), know(periods, grain, sources, complete)
    sums = _sum(charges, "day", span.ordinals(), count)
    run_rate = sums if grain is Grain.DAY else _sum(charges, "period", periods, count)
    require_cost(monitor, monitor.run_rate_cost, sums.amounts, "run rate")
    return Cut(
        monitor=monitor,
        grain=grain,
        span=span,
        circuits=circuits,
        axis=periods,
        starts=names_of(periods, grain),
        usage=_matrix(run_rate, monitor.run_rate_cost, count, known),
        periods=known,
        days=known if grain is Grain.DAY else know(span.ordinals(), Grain.DAY, sources, complete),
        sums=sums,
        run_rate=run_rate,
        foreign=_by_name(monitor, (part.foreign for part in parts)),
        converted=_by_name(monitor, (part.converted for part in parts)),
        stood_in=frozenset(name for name, image in present.items() if not image.has(Cost.EFFECTIVE)),
    )


def grain_of(images: Collection[SourceImage]) -> Grain:
    """The hour where every source reports hours, else the day."""
    return Grain.HOUR if images and all(image.grain is Grain.HOUR for image in images) else Grain.DAY


def overlap(images: Mapping[str, SourceImage]) -> dict[str, tuple[str, ...]]:
    """The billing accounts that more than one of these sources bring, each with the names of the sources."""
    holders: dict[str, list[str]] = {}
    for name, image in sorted(images.items()):
        for account in sorted(image.accounts):
            holders.setdefault(account, []).append(name)
    return {account: tuple(names) for account, names in sorted(holders.items()) if len(names) > 1}


def require_cost(monitor: Monitor, cost: Cost, available: Iterable[Cost], purpose: str) -> None:
    """Refuse a cost that the sources cannot tell. Raises ConfigError."""
    if cost not in available:
        problem = f'its {purpose} is in {cost.value} cost, which a source of it does not have; set cost = "effective"'
        raise ConfigError((Problem(f"monitors.{monitor.name}", problem),))


def _circuits(monitor: Monitor, parts: Iterable[Measured], existing: Iterable[str]) -> tuple[Circuit, ...]:
    found = {values for part in parts for values in part.values}
    found.update(values for name in existing if (values := _values_of(monitor, name)) is not None)
    if not monitor.per:
        found.add(())
    circuits = (Circuit(circuit_id(monitor.name, values), monitor.name, values) for values in found)
    return tuple(sorted(circuits, key=lambda circuit: circuit.id))


def _values_of(monitor: Monitor, circuit: str) -> Values | None:
    """The values in a circuit's name; None when the monitor, as it is configured now, does not cut such a circuit."""
    owner, *parts = circuit_parts(circuit)
    if owner != monitor.name or len(parts) != len(monitor.per):
        return None
    values = tuple(None if part == NONE_VALUE else part for part in parts)
    by_dimension = dict(zip(monitor.per, values, strict=True))
    fits = all(m.accepts(by_dimension[m.dimension]) for m in monitor.where if m.dimension in by_dimension)
    return values if fits else None


def _gather(parts: Sequence[Measured], circuits: Sequence[Circuit]) -> Any:
    """The charges of all sources in one table, circuits numbered alike, with the costs that every source can tell."""
    places = {circuit.values: place for place, circuit in enumerate(circuits)}
    costs = [name for name in COSTS if all(name in part.charges.column_names for part in parts)]
    schema = pa.schema({**_COUNTED, **dict.fromkeys(costs, AMOUNT)})
    tables = [schema.empty_table()]
    for part in parts:
        renumber = np.array([places[values] for values in part.values], dtype=np.int64)
        column = pa.array(renumber[part.charges["circuit"].to_numpy()])
        tables.append(part.charges.set_column(0, "circuit", column).select(schema.names))
    return pa.concat_tables(tables)


def _sum(charges: Any, place: str, axis: Ints, circuits: int) -> Sums:
    """Exact sums over one axis of periods, sources added up."""
    width = max(1, len(axis))
    circuit, usage = charges["circuit"].to_numpy(), charges["usage"].to_numpy()
    places = charges[place].to_numpy() - (axis[0] if len(axis) else 0)
    keys = (circuit * width + places) * 2 + usage
    amounts = {cost: charges[cost.column] for cost in Cost if cost.column in charges.column_names}
    rows = last_rows(keys, circuits * width * 2)
    order = rows[rows >= 0]
    if len(order) == len(keys):  # one charge each, as where one dimension is all that is asked for: nothing to add up
        ordered = {cost: column.take(pa.array(order)) for cost, column in amounts.items()}
        return Sums(circuit[order], places[order], usage[order], ordered)
    distinct, sums = sum_by(keys, {cost.column: column for cost, column in amounts.items()})
    return Sums(
        distinct // 2 // width, distinct // 2 % width, distinct % 2 == 1, {cost: sums[cost.column] for cost in amounts}
    )


def _matrix(sums: Sums, cost: Cost, circuits: int, axis: Axis) -> NDArray[np.float64]:
    usage = np.zeros((circuits, len(axis.any)))
    amounts = sums.amounts[cost].cast(pa.float64()).to_numpy()
    usage[sums.circuit[sums.usage], sums.place[sums.usage]] = amounts[sums.usage]
    usage[:, ~axis.any] = np.nan
    return usage


def _by_name(monitor: Monitor, parts: Iterable[Currencies]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for values, currencies in (item for part in parts for item in part.items()):
        name = circuit_id(monitor.name, values)
        found[name] = found.get(name, frozenset()) | currencies
    return dict(sorted(found.items()))
