"""An adapter for charges that a test holds in memory, with all that a real provider can do wrong.

It comes in two sorts. A wide one answers everything with one question, for nothing. A narrow one groups by two
dimensions, filters by exact values, is paid for each call, and gives marks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from threading import Event
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from cloudcircuit.charges import Charge, charge_table, day_start
from cloudcircuit.errors import AdapterError, ConfigError
from cloudcircuit.model import (
    Breakdown,
    CallCost,
    Cost,
    Grain,
    Match,
    PlanStep,
    Probe,
    ReportStatus,
    SpendQuery,
)
from cloudcircuit.ports import AdapterContext, AdapterPlugin, Deadline, SpendReport

PRICE = Decimal("0.01")


@dataclass
class World:
    """What lies behind a source: charges and their dimensions, and what is broken."""

    dimensions: tuple[str, ...]
    charges: Sequence[Charge] = ()
    key: str = ""
    calls: int = 0
    fault: str = ""
    retry_after: float = 0.0
    spoilt: Charge | None = None
    awake: Event = field(default_factory=Event)

    def answer(self, key: str, patience: float) -> Sequence[Charge]:
        """What the provider answers; Refused, TimeoutError or ValueError when it does not."""
        self.calls += 1
        if self.fault == "hang" and not self.awake.wait(patience):
            raise TimeoutError
        if self.fault in {"login", "throttle", "gone"} or key != self.key:
            raise Refused(self.fault or "login", f"{self.fault} of {key}", self.retry_after)
        if self.fault in {"truncate", "garble"}:
            raise ValueError(f"after {len(self.charges) // 2} charges")
        return self.charges


class Refused(Exception):
    """What the provider's own library raises. Its text holds the key, as such texts do."""

    def __init__(self, kind: str, text: str, retry_after: float) -> None:
        super().__init__(text)
        self.kind = kind
        self.retry_after = retry_after


WORLDS: dict[str, World] = {}


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    world: str
    key: str = "env:MEMORY_KEY"
    narrow: bool = False


class MemorySource:
    """One open source."""

    def __init__(self, options: Options, context: AdapterContext) -> None:
        self.options = options
        self.context = context
        self.world = WORLDS[options.world]

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        charges = self.call(deadline)
        seen = [each for each in charges if query.visible_until is None or each.start < query.visible_until]
        rows = list(self.rows(seen, query))
        told, unchanged, marks = self.memory(seen, query)
        found = [row for row in rows if local_day(row.start, query.zone) not in unchanged]
        broken = self.broken(query.zone)
        return SpendReport(
            table=charge_table(found, query.dimensions, tuple(Cost)),
            watermark=self.watermark(seen),
            status=ReportStatus.COMPLETE if seen else ReportStatus.SUSPICIOUS,
            broken=broken,
            accounts=frozenset({"memory"}),
            cost=self.cost,
            told=told,
            unchanged=unchanged,
            marks=marks,
        )

    @property
    def cost(self) -> CallCost:
        return CallCost(1, PRICE) if self.options.narrow else CallCost(1)

    def call(self, deadline: Deadline) -> Sequence[Charge]:
        """Ask the provider: the one place where its errors become ours."""
        if deadline.expired:
            raise AdapterError("there was no time left to ask the provider")
        key = self.secret()
        self.context.meter.take(self.cost)
        try:
            return self.world.answer(key, deadline.left())
        except TimeoutError as error:
            raise AdapterError("the provider did not answer in time") from error
        except ValueError as error:
            raise AdapterError("the provider's answer cannot be read") from error
        except Refused as error:
            wait = error.retry_after if error.kind == "throttle" else None
            raise AdapterError(
                f"the provider refused: {error.kind}", permanent=error.kind == "login", retry_after=wait
            ) from error

    def secret(self) -> str:
        try:
            return self.context.secret(self.options.key).reveal()
        except ConfigError as error:
            raise AdapterError(str(error), permanent=True) from error

    def rows(self, charges: Iterable[Charge], query: SpendQuery) -> Iterable[Charge]:
        """The charges of a query, each with the values that are asked for."""
        for each in charges:
            values = dict(zip(self.world.dimensions, each.values, strict=True)) | {"charge_category": each.category}
            start = period_start(each.start, query)
            if each is self.world.spoilt or not query.start <= start < query.end:
                continue
            if all(self.accepts(match, values[match.dimension]) for match in query.where):
                asked = tuple(values[name] for name in query.dimensions)
                yield Charge(start, each.currency, each.category, asked, each.billed, each.effective)

    def accepts(self, match: Match, value: str | None) -> bool:
        return match.accepts(value)

    def watermark(self, charges: Sequence[Charge]) -> datetime | None:
        now = self.context.clock.now() - self.context.lag
        return min(now, max(each.start for each in charges)) if charges else None

    def broken(self, zone: str) -> Mapping[date, int]:
        spoilt = self.world.spoilt
        return {local_day(spoilt.start, zone): 1} if spoilt else {}

    def memory(
        self, charges: Sequence[Charge], query: SpendQuery
    ) -> tuple[frozenset[date], frozenset[date], dict[date, str]]:
        """Told and unchanged days, and the marks of both."""
        if not self.options.narrow:
            return frozenset(), frozenset(), {}
        days: dict[date, list[Charge]] = {}
        for each in charges:
            if query.start <= each.start < query.end:
                days.setdefault(local_day(each.start, query.zone), []).append(each)
        marks = {day: self.mark(each) for day, each in days.items()}
        unchanged = frozenset(day for day, mark in marks.items() if query.marks.get(day) == mark)
        return frozenset(days) - unchanged, unchanged, marks

    def mark(self, charges: Sequence[Charge]) -> str:
        return hashlib.sha256(repr(charges).encode()).hexdigest()[:12]

    def probe(self, deadline: Deadline) -> Probe:
        charges = self.call(deadline)
        starts = [each.start for each in charges]
        currencies = tuple(sorted({each.currency for each in charges}))
        return Probe(("memory",), currencies, min(starts, default=None), max(starts, default=None))

    def plan(self, queries: Sequence[SpendQuery], sizes: Mapping[str, int], deadline: Deadline) -> Sequence[PlanStep]:
        return [PlanStep("one call for each question", self.cost * len(queries))]

    def close(self) -> None:
        """Nothing is held."""


def local_day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def period_start(at: datetime, query: SpendQuery) -> datetime:
    if query.grain is Grain.HOUR:
        return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return day_start(local_day(at, query.zone), query.zone)


def asked_for(need: Breakdown) -> Breakdown:
    """What a narrow source is asked for: it filters by exact values and groups by the rest."""
    pushed = tuple(match for match in need.where if match.exact and not match.negate)
    left = (match.dimension for match in need.where if match not in pushed)
    return Breakdown(tuple(dict.fromkeys((*need.dimensions, *left))), pushed)


def unsupported(options: Options, need: Breakdown, grain: Grain) -> tuple[str, ...]:
    if grain is Grain.HOUR and options.narrow:
        return ("a narrow source has no hours: leave grain out, or make it wide",)
    names = asked_for(need).dimensions
    if len(names) > 2 and options.narrow:
        return (f"a narrow source cannot group by {', '.join(names)} at once: two at most, or make it wide",)
    return ()


def split(options: Options, needs: Sequence[Breakdown], grain: Grain) -> tuple[Breakdown, ...]:
    if options.narrow:
        return tuple(dict.fromkeys(asked_for(need) for need in needs))
    return AdapterPlugin("x", Options, MemorySource).split(options, needs, grain)


def scope(options: Options) -> tuple[str, ...]:
    return ("only what a test has loaded is in it",)


def make(source: Any = MemorySource, **parts: Any) -> AdapterPlugin:
    """The plugin, whole or with some of its parts exchanged."""
    return AdapterPlugin(
        **{
            "name": "memory",
            "options": Options,
            "open": source,
            "unsupported": unsupported,
            "split": split,
            "scope": scope,
            **parts,
        }
    )


plugin = make()
