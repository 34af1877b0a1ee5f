"""Asking a source: what for, and within which limits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import sha256
from traceback import format_tb

import pyarrow as pa
import structlog

from cloudcircuit.engine.periods import window
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Breakdown, ReportStatus, SpendQuery, is_dimension
from cloudcircuit.ports import SpendReport
from cloudcircuit.service.cells import dictionary
from cloudcircuit.service.house import House, Source

log = structlog.get_logger("cloudcircuit.ask")


@dataclass(frozen=True, slots=True)
class Ask:
    """One breakdown that a source is asked for in a cycle. The ledger keeps what it says under `name`."""

    name: str
    query: SpendQuery
    digest: str = ""

    @property
    def breakdown(self) -> Breakdown:
        return Breakdown(self.query.dimensions, self.query.where)

    @property
    def marked(self) -> str:
        """What the marks of its days are kept under.

        By hours or in another zone, the same date is another day; with other options it may mean something else.
        """
        return f"{self.name}, by {self.query.grain.value} in {self.query.zone}, {self.digest}"


def asks_for(house: House, spec: Source, now: datetime) -> tuple[Ask, ...]:
    """What a source is asked: the breakdowns that answer all its monitors, over the longest window that they need.

    Raises AdapterError when the adapter does not know how.
    """
    monitors = house.fed_by(spec.name)
    others = {house.sources[name].zone for monitor in monitors for name in monitor.sources}
    start, end = window(now, spec.zone, monitors, others)
    whole = SpendQuery(start, end, spec.zone.key, spec.grain, visible_until=now)
    needs = tuple(dict.fromkeys(monitor.need for monitor in monitors)) or (Breakdown(),)
    return tuple(
        Ask(ledger_name(spec, one), replace(whole, dimensions=one.dimensions, where=one.where), spec.digest)
        for one in _breakdowns(spec, needs)
    )


def closer_queries(spec: Source, whole: SpendQuery, dimensions: Sequence[str]) -> tuple[SpendQuery, ...]:
    """What a source is asked of the charges that pass a filter, by each of some dimensions. Raises AdapterError."""
    if spec.split is None:
        return (replace(whole, dimensions=tuple(sorted({*dimensions, *(match.dimension for match in whole.where)}))),)
    fixed = {match.dimension for match in whole.where if match.exact}
    needs = [
        need for name in dimensions if name not in fixed and _is_able(spec, need := Breakdown((name,), whole.where))
    ]
    found = _breakdowns(spec, needs or [Breakdown((), whole.where)])
    return tuple(replace(whole, dimensions=one.dimensions, where=one.where) for one in found)


def _is_able(spec: Source, need: Breakdown) -> bool:
    try:
        return spec.can_answer(need)
    except Exception as error:
        raise _fault(spec, error) from error


def ledger_name(spec: Source, breakdown: Breakdown) -> str:
    """Where the ledger keeps a breakdown. A source that answers all with one has its own name, whatever is asked.

    No source is called like a breakdown of another: no configured name begins with a space.
    """
    if spec.split is None:
        return spec.name
    by = " + ".join(sorted(breakdown.dimensions)) or "total"
    filters = sorted(repr(match) for match in breakdown.where)
    return f" {spec.name} by {by}" + (f" where {sha256(repr(filters).encode()).hexdigest()[:16]}" if filters else "")


def _breakdowns(spec: Source, needs: Sequence[Breakdown]) -> tuple[Breakdown, ...]:
    try:
        found = spec.breakdowns(needs)
        is_sound = _is_sound(spec, found) and all(any(one.answers(need) for one in found) for need in needs)
    except Exception as error:
        raise _fault(spec, error) from error
    if not is_sound:
        text = "its adapter cannot split its spend as its monitors need it; this is a fault of the adapter"
        raise AdapterError(text, permanent=True)
    return found


def _is_sound(spec: Source, found: Sequence[Breakdown]) -> bool:
    """Whether each breakdown is by dimensions that there are, and the ledger can tell it from the others."""
    names = {ledger_name(spec, one) for one in found}
    return 0 < len(found) == len(names) and all(is_dimension(name) for one in found for name in one.dimensions)


def fetch(
    house: House, spec: Source, queries: Sequence[SpendQuery], seconds: float | None = None
) -> tuple[SpendReport, ...]:
    """Ask a source, opened once, within its total time limit, or `seconds` if that is less.

    Raises AdapterError, whatever the adapter raised.
    """
    deadline = house.deadline(spec.timeout if seconds is None else min(seconds, spec.timeout))
    try:
        with closing(spec.open()) as adapter:
            return tuple(_coded(_checked(adapter.fetch(query, deadline))) for query in queries)
    except AdapterError:
        raise
    except Exception as error:
        raise _fault(spec, error) from error


def _coded(report: SpendReport) -> SpendReport:
    """A report whose text is dictionary-encoded: a name that comes on every day is held once."""
    table = report.table
    for at, name in enumerate(table.column_names):
        if pa.types.is_string(table[name].type):
            table = table.set_column(at, name, dictionary(table[name]))
    return replace(report, table=table.combine_chunks())


def _fault(spec: Source, error: Exception) -> AdapterError:
    """The one place where a plugin's own faults become ours.

    Their text may hold a secret: only type and place are logged.
    """
    kind = type(error).__name__
    log.error("adapter broke", source=spec.name, error=kind, where="".join(format_tb(error.__traceback__)))
    return AdapterError(f"its adapter broke with {kind}; this is a fault of the adapter")


def _checked(report: SpendReport) -> SpendReport:
    """What is relied on before the ledger looks closer. Raises AdapterError."""
    mark = report.watermark
    if mark is not None and mark.utcoffset() is None:
        raise AdapterError("its adapter gave a watermark without a zone; this is a fault of the adapter")
    if not isinstance(report.table, pa.Table) or len(set(report.table.column_names)) < report.table.num_columns:
        raise AdapterError("its adapter gave no table with one column of each name; this is a fault of the adapter")
    days = {*report.told, *report.unchanged, *report.marks, *report.broken}
    texts = {*report.marks.values(), *report.accounts, *report.notes, *report.dimensions}
    if not all(type(day) is date for day in days) or not all(isinstance(text, str) for text in texts):
        raise AdapterError("its adapter gave days that are no dates, or texts that are none; this is a fault of it")
    if not isinstance(report.status, ReportStatus):
        raise AdapterError("its adapter gave a status that is none; this is a fault of the adapter")
    return report
