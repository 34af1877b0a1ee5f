"""The run rate of the last days, for people to look at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from cloudcircuit.errors import AdapterError, ConfigError
from cloudcircuit.model import Grain, Monitor
from cloudcircuit.service.cycle import images_for
from cloudcircuit.service.house import House
from cloudcircuit.service.step import Evidence, Round, evidence_of


@dataclass(frozen=True, slots=True)
class Trend:
    """One amount for each day, oldest first, and the days by their labels (midnight UTC of their date).

    None where nothing is known.
    """

    days: tuple[datetime, ...] = ()
    values: tuple[float | None, ...] = ()


def trends(house: House, monitor: Monitor, now: datetime, days: int = 30) -> Mapping[str, Trend]:
    """The last days of every circuit of a monitor, up to the newest that is known. Empty when it cannot be cut."""
    evidence = evidence_at(house, monitor, now)
    if evidence is None:
        return {}
    starts, usage = evidence.starts, evidence.cut.usage
    if evidence.cut.grain is Grain.HOUR:
        beyond = len(starts) % 24
        starts, usage = starts[beyond::24], usage[:, beyond:].reshape(len(usage), -1, 24).sum(axis=2)
    known = np.flatnonzero(~np.isnan(usage).all(axis=0))
    last = int(known[-1]) + 1 if len(known) else 0
    shown = slice(max(0, last - days), last)
    names = [circuit.id for circuit in evidence.cut.circuits]
    rows = usage[:, shown].tolist()
    return {name: Trend(tuple(starts[shown]), _known(row)) for name, row in zip(names, rows, strict=True)}


def _known(row: Iterable[float]) -> tuple[float | None, ...]:
    return tuple(None if math.isnan(value) else value for value in row)


def evidence_at(house: House, monitor: Monitor, now: datetime, *existing: str) -> Evidence | None:
    """What the ledger says of a monitor, as of the last reading of its sources. None when nothing can be cut."""
    try:
        return read_evidence(house, monitor, now, *existing)
    except (AdapterError, ConfigError):
        return None


def read_evidence(house: House, monitor: Monitor, now: datetime, *existing: str) -> Evidence:
    """The same. Raises AdapterError or ConfigError, saying why nothing can be cut."""
    sources = house.store.sources()
    read = [at for name in monitor.sources if name in sources and (at := sources[name].last_success) is not None]
    at = min(now, max(read, default=now))
    round_ = Round(house, monitor, at, sources, house.store.acts(at), blocks_left=0)
    return evidence_of(round_, images_for(house, monitor, at), existing)
