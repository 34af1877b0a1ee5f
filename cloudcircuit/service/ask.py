"""Asking a source: what for, and within which limits."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime

import structlog

from cloudcircuit.engine.periods import window
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import SpendQuery
from cloudcircuit.ports import SpendReport
from cloudcircuit.service.house import House, Source

log = structlog.get_logger("cloudcircuit.ask")


def query_for(house: House, spec: Source, now: datetime) -> SpendQuery:
    """What a source is asked: the dimensions and the window that all its monitors need together."""
    monitors = house.fed_by(spec.name)
    others = {house.sources[name].zone for monitor in monitors for name in monitor.sources}
    start, end = window(now, spec.zone, monitors, others)
    dimensions = sorted({name for monitor in monitors for name in monitor.dimensions()})
    return SpendQuery(
        start=start,
        end=end,
        zone=spec.zone.key,
        grain=spec.grain,
        dimensions=tuple(dimensions),
        visible_until=now,
    )


def fetch(house: House, spec: Source, query: SpendQuery) -> SpendReport:
    """Ask a source within its total time limit. Raises AdapterError, whatever the adapter raised."""
    try:
        with closing(spec.open()) as adapter:
            return adapter.fetch(query, house.deadline(spec.timeout))
    except AdapterError:
        raise
    except Exception as error:
        # The one place where a plugin's own faults become ours: its text may hold anything, its type may not.
        log.exception("adapter broke", source=spec.name)
        raise AdapterError(f"its adapter broke with {type(error).__name__}; this is a fault of the adapter") from error
