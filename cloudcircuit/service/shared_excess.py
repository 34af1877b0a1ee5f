"""Which circuits' excess is the same money: how much of one lies in charges that another watches too."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cloudcircuit.model import Circuit, Grain, Monitor
from cloudcircuit.service.axis import numbers_of
from cloudcircuit.service.cells import CATEGORY, CURRENCY, Bools, Ints, SourceImage, compress
from cloudcircuit.service.measure import fan_out, select
from cloudcircuit.service.series import grain_of


@dataclass(frozen=True, slots=True)
class Alerting:
    """A circuit that alerts, with its periods by name (`Cut.starts`): the anomalous ones, and its baseline.

    `images` are those that its monitor was cut from, by source.
    """

    monitor: Monitor
    circuit: Circuit
    anomalous: Collection[datetime]
    baseline: Collection[datetime]
    images: Mapping[str, SourceImage]


@dataclass(frozen=True, slots=True)
class _Part:
    """The charges of one source that the alerting circuits of one monitor count, and the excess of each charge."""

    alerting: Sequence[Alerting]
    image: SourceImage
    grain: Grain
    rows: Ints
    circuit: Ints
    excess: NDArray[np.float64]

    @property
    def names(self) -> list[str]:
        return [one.circuit.id for one in self.alerting]

    @property
    def totals(self) -> list[float]:
        """The whole excess of each circuit in this source."""
        found: list[float] = np.bincount(self.circuit, weights=self.excess, minlength=len(self.alerting)).tolist()
        return found


def shared_excess(alerting: Sequence[Alerting]) -> dict[tuple[str, str], float]:
    """How much of the excess of the first circuit lies in charges that the second counts as well, for every pair.

    Excess is what the anomalous periods cost above the mean of the baseline, summed over them. A circuit paired with
    itself has all of it. Money that an fx table converts is left out. The time taken grows with the charges.

    Where a source tells two monitors' money apart by different dimensions, the charges of both are nowhere side by
    side. Of two parts of one whole at least what they have beyond it is common: that much is said to be shared. The
    whole is all that rose, as far as the breakdowns show it.
    """
    monitors: dict[str, list[Alerting]] = {}
    for one in alerting:
        monitors.setdefault(one.monitor.name, []).append(one)
    found: dict[tuple[str, str], float] = {}
    for name in sorted({name for one in alerting for name in one.images}):
        parts = [_part(ones, name) for ones in monitors.values() if name in ones[0].images]
        for pair, money in (pair for first in parts for second in parts for pair in _pairs(first, second)):
            found[pair] = found.get(pair, 0.0) + money
    return found


def _pairs(first: _Part, second: _Part) -> Iterator[tuple[tuple[str, str], float]]:
    if first.image is not second.image:
        yield from _at_least(first, second)
        return
    place_of = np.full(first.image.table.num_rows, -1, dtype=np.int64)
    place_of[second.rows] = second.circuit
    yield from _in_common(first, second.names, place_of[first.rows])


def _at_least(first: _Part, second: _Part) -> Iterator[tuple[tuple[str, str], float]]:
    """What two circuits of different breakdowns must share: of all that rose, both can have only so much.

    It says nothing of circuits that are anomalous at different times, nor of money that is counted differently.
    """
    if not _is_alike(first, second):
        return
    places: dict[frozenset[datetime], list[int]] = {}
    for place, other in enumerate(second.alerting):
        places.setdefault(frozenset(other.anomalous), []).append(place)
    others = {periods: np.array(found) for periods, found in places.items()}
    asked = [one for one in first.alerting if frozenset(one.anomalous) in others]
    wholes, totals = _wholes(asked, first, second), np.array(second.totals)
    for one, own in zip(first.alerting, first.totals, strict=True):
        same = others.get(frozenset(one.anomalous))
        if same is not None:
            theirs = totals[same]
            shared = np.minimum(np.minimum(own, theirs), own + theirs - wholes[_periods_of(one)])
            for at in np.flatnonzero(shared > 0).tolist():
                yield (one.circuit.id, second.alerting[same[at]].circuit.id), float(shared[at])


def _is_alike(first: _Part, second: _Part) -> bool:
    """Whether two parts are of one whole, and of the same money."""
    one, other = first.alerting[0].monitor, second.alerting[0].monitor
    return (
        not (first.image.breakdown.where or second.image.breakdown.where)
        and first.grain is second.grain
        and (one.currency, one.run_rate_cost, set(one.run_rate_charges))
        == (other.currency, other.run_rate_cost, set(other.run_rate_charges))
    )


def _periods_of(one: Alerting) -> tuple[frozenset[datetime], frozenset[datetime]]:
    return frozenset(one.anomalous), frozenset(one.baseline)


def _wholes(asked: Sequence[Alerting], first: _Part, second: _Part) -> dict[object, float]:
    """All that rose in a source, by the periods that are compared: the more of what its two breakdowns show.

    What fell meanwhile is left out. It would hide that two circuits rose that have nothing to do with each other.
    """
    by_periods = {_periods_of(one): one for one in asked}
    found: dict[object, float] = dict.fromkeys(by_periods, 0.0)
    if by_periods:
        axis = _axis(by_periods.values(), first.grain)
        for part in (first, second):
            money = _by_value(part, axis)
            for periods, one in by_periods.items():
                excess = money @ _weights_of([one], axis, part.grain)[0]
                found[periods] = max(found[periods], float(excess[excess > 0].sum()))
    return found


def _by_value(part: _Part, axis: Ints) -> NDArray[np.float64]:
    """What each combination of the breakdown's values costs in each period, and last in all others together."""
    monitor, image = part.alerting[0].monitor, part.image
    rows = np.flatnonzero(_counted(monitor, image))
    codes, values = fan_out(image, image.breakdown.dimensions, rows)
    width = len(axis) + 1
    keys = codes * width + _column(image.periods(part.grain)[rows], axis)
    money = np.bincount(keys, weights=_money(monitor, image, rows), minlength=len(values) * width)
    return money.astype(np.float64).reshape(len(values), width)


def _counted(monitor: Monitor, image: SourceImage) -> Bools:
    """The charges of the run rate in the monitor's currency."""
    return image.column(CATEGORY).equals(*monitor.run_rate_charges) & image.column(CURRENCY).equals(monitor.currency)


def _money(monitor: Monitor, image: SourceImage, rows: Ints) -> NDArray[np.float64]:
    amounts = image.amounts(monitor.run_rate_cost)
    if amounts is None:
        return np.zeros(len(rows))
    found: NDArray[np.float64] = amounts.take(pa.array(rows)).cast(pa.float64()).to_numpy()
    return found


def _part(alerting: Sequence[Alerting], source: str) -> _Part:
    monitor, images = alerting[0].monitor, alerting[0].images
    image, grain = images[source], grain_of(list(images.values()))
    rows = np.flatnonzero(select(image, monitor.where) & _counted(monitor, image))
    codes, values = fan_out(image, monitor.per, rows)
    places = {one.circuit.values: place for place, one in enumerate(alerting)}
    circuit = np.array([places.get(value, -1) for value in values], dtype=np.int64)[codes]
    rows, circuit = rows[circuit >= 0], circuit[circuit >= 0]
    weights = _weights(alerting, image.periods(grain)[rows], circuit, grain)
    return _Part(alerting, image, grain, rows, circuit, _money(monitor, image, rows) * weights)


def _weights(alerting: Sequence[Alerting], periods: Ints, circuit: Ints, grain: Grain) -> NDArray[np.float64]:
    """What a charge counts for in its circuit's excess: 1 in an anomalous period, its part of the mean in the baseline.

    Without a baseline there is no excess.
    """
    axis = _axis(alerting, grain)
    return _weights_of(alerting, axis, grain)[circuit, _column(periods, axis)]


def _axis(alerting: Iterable[Alerting], grain: Grain) -> Ints:
    """The periods that any of some circuits are compared in, in order."""
    return np.unique(numbers_of((at for one in alerting for at in (*one.anomalous, *one.baseline)), grain))


def _weights_of(alerting: Sequence[Alerting], axis: Ints, grain: Grain) -> NDArray[np.float64]:
    """The weight of each period for each circuit; the last column is for all other periods."""
    weights = np.zeros((len(alerting), len(axis) + 1))
    for row, one in zip(weights, alerting, strict=True):
        if one.baseline:
            row[np.searchsorted(axis, numbers_of(one.baseline, grain))] = -len(one.anomalous) / len(one.baseline)
            row[np.searchsorted(axis, numbers_of(one.anomalous, grain))] = 1.0
    return weights


def _column(periods: Ints, axis: Ints) -> Ints:
    column = np.searchsorted(axis, periods)
    column[~np.isin(periods, axis)] = len(axis)
    return column


def _in_common(first: _Part, seconds: Sequence[str], place_of: Ints) -> Iterator[tuple[tuple[str, str], float]]:
    """The excess of each circuit of the first by the circuit of the second that counts its charges, -1 for none."""
    both = place_of >= 0
    pairs, places = compress(first.circuit[both] * len(seconds) + place_of[both], len(first.names) * len(seconds))
    money = np.bincount(places, weights=first.excess[both], minlength=len(pairs))
    for pair, excess in zip(pairs.tolist(), money.tolist(), strict=True):
        yield (first.names[pair // len(seconds)], seconds[pair % len(seconds)]), excess
