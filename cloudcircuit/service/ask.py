"""Asking a source: what for, and within which limits."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from traceback import format_tb

import pyarrow as pa
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


def fetch(house: House, spec: Source, query: SpendQuery, seconds: float | None = None) -> SpendReport:
    """Ask a source within its total time limit, or `seconds` if that is less.

    Raises AdapterError, whatever the adapter raised.
    """
    limit = spec.timeout if seconds is None else min(seconds, spec.timeout)
    try:
        with closing(spec.open()) as adapter:
            return _checked(adapter.fetch(query, house.deadline(limit)))
    except AdapterError:
        raise
    except Exception as error:
        # The one place where a plugin's own faults become ours. Its text may hold a secret: only type and place are
        # logged.
        kind = type(error).__name__
        log.error("adapter broke", source=spec.name, error=kind, where="".join(format_tb(error.__traceback__)))  # noqa: TRY400
        raise AdapterError(f"its adapter broke with {kind}; this is a fault of the adapter") from error


def _checked(report: SpendReport) -> SpendReport:
    """What is relied on before the ledger looks closer. Raises AdapterError."""
    mark = report.watermark
    if mark is not None and mark.utcoffset() is None:
        raise AdapterError("its adapter gave a watermark without a zone; this is a fault of the adapter")
    if not isinstance(report.table, pa.Table) or len(set(report.table.column_names)) < report.table.num_columns:
        raise AdapterError("its adapter gave no table with one column of each name; this is a fault of the adapter")
    return report
