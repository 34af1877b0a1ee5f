"""Which circuits' excess is the same money: how much of one lies in charges that another watches too."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cloudcircuit.model import Circuit, Grain, Monitor
from cloudcircuit.service.axis import numbers_of
from cloudcircuit.service.cells import CATEGORY, CURRENCY, Ints, SourceImage, compress
from cloudcircuit.service.measure import fan_out, select
from cloudcircuit.service.series import grain_of


@dataclass(frozen=True, slots=True)
class Alerting:
    """A circuit that alerts, with its periods by name (`Cut.starts`): the anomalous ones, and its baseline."""

    monitor: Monitor
    circuit: Circuit
    anomalous: Collection[datetime]
    baseline: Collection[datetime]


@dataclass(frozen=True, slots=True)
class _Part:
    """The charges of one source that the alerting circuits of one monitor count, and the excess of each charge."""

    names: Sequence[str]
    rows: Ints
    circuit: Ints
    excess: NDArray[np.float64]


def shared_excess(alerting: Sequence[Alerting], images: Mapping[str, SourceImage]) -> dict[tuple[str, str], float]:
    """How much of the excess of the first circuit lies in charges that the second counts as well, for every pair.

    Excess is what the anomalous periods cost above the mean of the baseline, summed over them. A circuit paired with
    itself has all of it. Money that an fx table converts is left out. The time taken grows with the charges.
    """
    monitors: dict[str, list[Alerting]] = {}
    for one in alerting:
        monitors.setdefault(one.monitor.name, []).append(one)
    found: dict[tuple[str, str], float] = {}
    for name, image in sorted(images.items()):
        fed = [ones for ones in monitors.values() if name in ones[0].monitor.sources]
        parts = [_part(ones, image, _grain(ones[0].monitor, images)) for ones in fed]
        place_of = np.full(image.table.num_rows, -1, dtype=np.int64)
        for second in parts:
            place_of[second.rows] = second.circuit
            for first in parts:
                for pair, money in _in_common(first, second.names, place_of[first.rows]):
                    found[pair] = found.get(pair, 0.0) + money
            place_of[second.rows] = -1
    return found


def _grain(monitor: Monitor, images: Mapping[str, SourceImage]) -> Grain:
    return grain_of([images[name] for name in monitor.sources if name in images])


def _part(alerting: Sequence[Alerting], image: SourceImage, grain: Grain) -> _Part:
    monitor = alerting[0].monitor
    own = image.column(CURRENCY).equals(monitor.currency)
    rows = np.flatnonzero(select(image, monitor.where) & image.column(CATEGORY).equals(*monitor.run_rate_charges) & own)
    codes, values = fan_out(image, monitor.per, rows)
    places = {one.circuit.values: place for place, one in enumerate(alerting)}
    circuit = np.array([places.get(value, -1) for value in values], dtype=np.int64)[codes]
    rows, circuit = rows[circuit >= 0], circuit[circuit >= 0]
    weights = _weights(alerting, image.periods(grain)[rows], circuit, grain)
    amounts = image.amounts(monitor.run_rate_cost)
    money = amounts.take(pa.array(rows)).cast(pa.float64()).to_numpy() if amounts is not None else np.zeros(len(rows))
    return _Part([one.circuit.id for one in alerting], rows, circuit, money * weights)


def _weights(alerting: Sequence[Alerting], periods: Ints, circuit: Ints, grain: Grain) -> NDArray[np.float64]:
    """What a charge counts for in its circuit's excess: 1 in an anomalous period, its part of the mean in the baseline.

    Without a baseline there is no excess.
    """
    axis = np.unique(numbers_of((at for one in alerting for at in (*one.anomalous, *one.baseline)), grain))
    weights = np.zeros((len(alerting), len(axis) + 1))
    for row, one in zip(weights, alerting, strict=True):
        if one.baseline:
            row[np.searchsorted(axis, numbers_of(one.baseline, grain))] = -len(one.anomalous) / len(one.baseline)
            row[np.searchsorted(axis, numbers_of(one.anomalous, grain))] = 1.0
    column = np.searchsorted(axis, periods)
    column[~np.isin(periods, axis)] = len(axis)
    return weights[circuit, column]


def _in_common(first: _Part, seconds: Sequence[str], place_of: Ints) -> Iterator[tuple[tuple[str, str], float]]:
    """The excess of each circuit of the first by the circuit of the second that counts its charges, -1 for none."""
    both = place_of >= 0
    pairs, places = compress(first.circuit[both] * len(seconds) + place_of[both], len(first.names) * len(seconds))
    money = np.bincount(places, weights=first.excess[both], minlength=len(pairs))
    for pair, excess in zip(pairs.tolist(), money.tolist(), strict=True):
        yield (first.names[pair // len(seconds)], seconds[pair % len(seconds)]), excess
