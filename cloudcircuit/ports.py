"""The seams: what the use cases need of the world, as protocols, and the values that cross them.

Adapters import this module, `model` and `errors`, and nothing else of CloudCircuit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cloudcircuit.model import (
    Act,
    BreakerState,
    CallCost,
    Commit,
    Decision,
    Delivery,
    Entry,
    Grain,
    Probe,
    ReportStatus,
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

    `watermark` is the instant up to which all charges are in, None when there is no data at all. `broken` counts
    the rows of a charge day that could not be read: such a day stays provisional. `notes` are for the operator.
    `dimensions` are those that the source could be asked for beside the ones of the query, when drivers are named.
    """

    table: pa.Table
    watermark: datetime | None
    status: ReportStatus = ReportStatus.COMPLETE
    broken: Mapping[date, int] = field(default_factory=dict)
    accounts: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    cost: CallCost = field(default_factory=CallCost)
    dimensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdapterContext:
    """What an adapter gets from the house: its name, time, the operator's lag, and where relative paths begin."""

    source: str
    clock: Clock
    lag: timedelta
    root: Path


class CostAdapter(Protocol):
    """One open source. Every method raises AdapterError and nothing else, and keeps to its deadline."""

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport: ...

    def probe(self, deadline: Deadline) -> Probe: ...

    def close(self) -> None: ...


def _supports_all(_options: Any, _query: SpendQuery) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class AdapterPlugin:
    """An adapter as a value, found through the entry-point group `cloudcircuit.adapters`.

    `options` is a pydantic model: the keys that stand beside `adapter` in the source's table. `unsupported` names
    what a source with these options cannot answer, each with the way out; it makes no call.
    """

    name: str
    options: type[Any]
    open: Callable[[Any, AdapterContext], CostAdapter]
    unsupported: Callable[[Any, SpendQuery], tuple[str, ...]] = _supports_all


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

    def forget(self, circuits: Iterable[str]) -> None:
        """Remove the states of circuits that were cleared by name; their history stays."""
        ...

    def prune(self, before: datetime) -> int:
        """Remove, in batches, statements, history and settled deliveries older than an instant."""
        ...

    def backup(self, target: Path) -> None: ...


class Publisher(Protocol):
    """Where decisions are put for readers in other processes."""

    def publish(self, decisions: Sequence[Decision], at: datetime) -> None: ...
