"""The seams: what the use cases need of the world, as protocols, and the values that cross them.

Adapters import this module, `model` and `errors`, and nothing else of CloudCircuit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cloudcircuit.model import (
    Act,
    Breakdown,
    BreakerState,
    CallCost,
    Commit,
    Decision,
    Delivery,
    Entry,
    Grain,
    PlanStep,
    Probe,
    ReportStatus,
    Secret,
    SourceState,
    SpendQuery,
    Statement,
)

if TYPE_CHECKING:
    import pyarrow as pa


class Clock(Protocol):
    """Where time comes from; `clock.SystemClock` and `clock.FixedClock` are the two there are."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...


class Deadline(Protocol):
    """A total time limit; see `clock.Deadline`."""

    def left(self) -> float: ...

    @property
    def expired(self) -> bool: ...


# --- sources --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpendReport:
    """What a source answered.

    `table` is one Arrow table with these columns, one row for each combination of the rest:

    - `ChargePeriodStart` timestamp[us, UTC]: the start of the charge day in the query's zone (or of the hour);
    - `BillingCurrency`, `ChargeCategory` string;
    - one string column for each dimension asked for, named by `model.column_of`, null where it is missing;
    - `BilledCost` and/or `EffectiveCost` decimal128(38, 18), never null: a column that the source does not have
      is left out.

    A query with `quantities`, which asks who drives an excess, may be answered with two more columns by a source that
    knows them: `PricingUnit` string, null where it is not known, and `PricingQuantity` float64, how many of them (a
    quantity is no money). Rows of different units are then different rows.

    `watermark` is the instant up to which all charges are in, None when there is no data at all. `broken` counts
    the rows of a charge day that could not be read: such a day stays provisional. `notes` are for the operator.
    `accounts` are the billing accounts that the charges belong to. `dimensions` are those that the source could be
    asked for beside the ones of the query, when drivers are named; `cost` is what the call cost.

    A day is known by its rows. `told` are days that are known whether they have rows or not: where a filter was
    pushed down, a day without a row cost nothing. `unchanged` are days of the query's `marks` that have no rows here
    because they still are what was told before. `marks` are what tells a day's next reading from this one, for each
    day that is told or unchanged; an adapter that reads everything each time gives none.
    """

    table: pa.Table
    watermark: datetime | None
    status: ReportStatus = ReportStatus.COMPLETE
    broken: Mapping[date, int] = field(default_factory=dict)
    accounts: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    cost: CallCost = field(default_factory=CallCost)
    dimensions: tuple[str, ...] = ()
    told: frozenset[date] = frozenset()
    unchanged: frozenset[date] = frozenset()
    marks: Mapping[date, str] = field(default_factory=dict)


class Meter(Protocol):
    """Counts, durably, what a source's calls cost on a day (UTC, of the real clock)."""

    def take(self, cost: CallCost, cap: Decimal | None = None) -> None:
        """Count a call before it is made. Raises AdapterError when the day's dollars would go beyond `cap`.

        A crash can then never make a source cost more than its cap; a call that fails stays counted.
        """
        ...


@dataclass(frozen=True, slots=True)
class AdapterContext:
    """What an adapter gets from the house.

    Its name, time, the operator's lag, where relative paths begin, where its calls are counted, and how a reference
    (`env:NAME`, `file:PATH`; see `model.check_secret_reference`) becomes a secret that is read at use.
    """

    source: str
    clock: Clock
    lag: timedelta
    root: Path
    meter: Meter
    secret: Callable[[str], Secret]


class CostAdapter(Protocol):
    """One open source, for the length of one cycle. Every method raises AdapterError and nothing else, and keeps to
    its deadline.
    """

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        """The charges of one breakdown. A cycle asks for each breakdown once, one after the other."""
        ...

    def probe(self, deadline: Deadline) -> Probe: ...

    def plan(self, queries: Sequence[SpendQuery], sizes: Mapping[str, int], deadline: Deadline) -> Sequence[PlanStep]:
        """What one usual cycle with these queries will cost, without paying for it.

        `sizes` says how many values dimensions have, as far as it is known or assumed.
        """
        ...

    def close(self) -> None: ...


def one_for_all(_options: Any, needs: Sequence[Breakdown], _grain: Grain) -> tuple[Breakdown, ...]:
    """A single breakdown, by all dimensions of all needs."""
    names = {name for need in needs for name in (*need.dimensions, *(match.dimension for match in need.where))}
    return (Breakdown(tuple(sorted(names))),)


def _answers_all(_options: Any, _need: Breakdown, _grain: Grain) -> tuple[str, ...]:
    return ()


def _nothing_to_say(_options: Any) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class AdapterPlugin:
    """An adapter as a value, found through the entry-point group `cloudcircuit.adapters`.

    options      a pydantic model: the keys that stand beside `adapter` in the source's table
    open         gives an open source; makes no call yet
    unsupported  what a source with these options cannot answer of one monitor's need, each with the way out
    split        the breakdowns that answer all these needs, as few and as cheap as can be: by default a single one, by
                 all dimensions; the needs are supported ones
    scope        what the figures of such a source leave out or mean, for spend that is compared across clouds
    timezone     whose midnights cut the provider's own days, unless the operator says otherwise
    cuts_days    whether it can tell no other days than those: then the operator may not say otherwise
    requires     modules that it needs once it is opened: whether they are there is looked up when a source names it,
                 but nothing of them is loaded

    None of these makes a call. Conditions with `exact` are the filter of one circuit, asked for once: `split` pushes
    them down wherever it can.
    """

    name: str
    options: type[Any]
    open: Callable[[Any, AdapterContext], CostAdapter]
    unsupported: Callable[[Any, Breakdown, Grain], tuple[str, ...]] = _answers_all
    split: Callable[[Any, Sequence[Breakdown], Grain], tuple[Breakdown, ...]] = one_for_all
    scope: Callable[[Any], tuple[str, ...]] = _nothing_to_say
    timezone: str = "UTC"
    cuts_days: bool = False
    requires: tuple[str, ...] = ()


# --- channels -------------------------------------------------------------------------------------------


class Notifier(Protocol):
    """One channel. `send` returns when the receiver has taken the message, or raises NotifyError.

    A channel that has to be spared says so with an attribute `gap`: the least seconds between two messages.
    """

    def send(self, delivery: Delivery, deadline: Deadline) -> None: ...

    def check(self, deadline: Deadline) -> str:
        """One line for `check --live`: that it can be reached, without bothering anybody where possible."""
        ...


# --- state ----------------------------------------------------------------------------------------------


class Store(Protocol):
    """The state. Every method raises StoreError (or one below it) and nothing else.

    Readers see what was committed. `commit` is one transaction, conditional on versions (see `model.Commit`).
    """

    @property
    def epoch(self) -> str:
        """What names this state: another one, begun anew or restored from elsewhere, has another."""
        ...

    def acquire(self, holder: str) -> None:
        """Become the one daemon on this state, or raise StateLocked within two seconds."""
        ...

    def close(self) -> None: ...

    def commit(self, commit: Commit) -> None: ...

    def statements(
        self, source: str, grain: Grain, start: date, end: date, said_until: datetime | None = None
    ) -> list[Statement]:
        """The statements on the charge days of a half-open range, oldest word first."""
        ...

    def sources(self) -> dict[str, SourceState]: ...

    def states(self, monitor: str | None = None) -> dict[str, BreakerState]:
        """The states by circuit. A row that does not carry its checksum is left out: see `damaged`."""
        ...

    def damaged(self, monitor: str | None = None) -> tuple[str, ...]:
        """The circuits whose row does not carry its checksum."""
        ...

    def circuits(self) -> tuple[Mapping[str, BreakerState], tuple[str, ...]]:
        """What `states` and `damaged` say of all circuits, from one look."""
        ...

    def history(self, subject: str | None = None, since: datetime | None = None, limit: int = 100) -> list[Entry]:
        """The newest entries, oldest first."""
        ...

    def blocks_since(self, since: datetime) -> int:
        """How many decisions became a served block after an instant (history entries of kind `blocked`)."""
        ...

    def newest(self) -> datetime | None:
        """The latest judgement time in the state, to refuse going back before it."""
        ...

    def due(self, now: datetime, limit: int = 100) -> list[Delivery]:
        """Deliveries that are owed and whose next try has come, oldest first."""
        ...

    def deliveries(self, state: str | None = None, limit: int = 100) -> list[Delivery]: ...

    def record_try(self, delivery: Delivery) -> None:
        """Write what became of a delivery: state, attempts, next_try, error, sent_at, plain, channel."""
        ...

    def add_act(self, act: Act) -> None: ...

    def end_act(self, act_id: str, at: datetime) -> None: ...

    def acts(self, live_at: datetime | None = None) -> list[Act]: ...

    def acts_version(self) -> int:
        """Grows with every act added or ended, by whatever process."""
        ...

    def take(self, source: str, day: date, cost: CallCost, cap: Decimal | None) -> bool:
        """Count a call of a source in one transaction, durable when this returns. False, and nothing is written, when
        the call costs dollars and those of the day would exceed `cap`.
        """
        ...

    def meter(self, since: date) -> Mapping[str, Mapping[date, CallCost]]:
        """What the calls of each source cost on each day from `since` on."""
        ...

    def forget(self, circuits: Iterable[str]) -> None:
        """Remove the states of circuits that were cleared by name; their history stays."""
        ...

    def prune(self, before: datetime) -> int:
        """Remove, in batches, statements, history, settled deliveries and costs older than an instant."""
        ...

    def backup(self, target: Path) -> None: ...


class Publisher(Protocol):
    """Where decisions are put for readers in other processes."""

    def publish(self, decisions: Sequence[Decision], at: datetime) -> None: ...
