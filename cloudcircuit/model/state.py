"""What is known of a circuit: verdicts, the budget's view, the breaker's state, the decision, what is owed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from cloudcircuit.model.growing import Growing
from cloudcircuit.model.words import (
    Action,
    Grain,
    Mode,
    Phase,
    Reason,
    ReportStatus,
    Severity,
    WhenStale,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the run-rate checks say of one charge period (a day, or an hour of an hourly source).

    Amounts are in the monitor's currency. `expected` is the baseline, `limit` what the value had to exceed;
    `excess` is what the period cost above the expected, never below zero. `failure` says whether it counts.
    The seasonal method says more: `low` and `high` hold 80 % of normal periods; `score` is -log10 of the false alerts
    that one would get a circuit and quarter by alerting on all that is at least as extreme; the finding looks at
    `window` periods up to this one, which cost `window_excess` more than expected.
    """

    at: datetime
    value: float
    expected: float | None
    limit: float | None
    excess: float
    failure: bool
    provisional: bool
    reasons: tuple[Reason, ...] = ()
    low: float | None = None
    high: float | None = None
    score: float | None = None
    window: int = 1
    window_excess: float | None = None


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A budget against what is known of its period (charge days from `start` to before `end`).

    `spend` is the larger of what is settled and all that is known, floored at zero: a provisional credit lowers
    nothing. `complete` says that every day before the watermark is in, from sources that answered whole.
    `projected` is the median of the spend at the period's end, None while it is too early to say; `low` and `high`
    are its 10 % and 90 % quantiles, `p_breach` is the probability that the limit is exceeded by then, and `breach_on`
    the day on which the median path exceeds it.
    """

    start: date
    end: date
    limit: Decimal
    spend: Decimal
    settled_days: int
    settled_through: date | None
    known_through: date | None
    complete: bool
    warning_ratio: float
    projected: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    p_breach: float | None = None
    breach_on: date | None = None

    @property
    def breached(self) -> bool:
        return self.spend >= self.limit

    @property
    def warned(self) -> bool:
        return float(self.spend / self.limit) >= self.warning_ratio

    @property
    def forecast_breach(self) -> bool:
        return self.projected is not None and self.projected >= self.limit


@dataclass(frozen=True, slots=True)
class AnomalousPeriod:
    """A period that was judged anomalous: kept out of the baseline until acknowledged or old enough."""

    at: datetime
    excess: float
    admitted: bool = False


@dataclass(frozen=True, slots=True)
class BreakerState:
    """Everything that one circuit remembers, one row of the store; `version` counts its writes.

    judged_through   the newest settled period that has been judged (its start)
    skipped          periods before it that were not settled then: judged when they settle
    failing          settled periods that failed, in a row up to now
    provisional      unsettled periods that have already raised their alarm; those after `last_success` count
    last_success     the newest settled period that passed, or up to which a person cleared
    last_failure     the newest period that counted as a failure; `successes` counts the settled successes since
    trips            openings in a row, which lengthen the cooldown
    opened_through   the newest of the periods that opened it: a later one decides when half-open
    anomalies        failed periods that are still remembered for the baseline
    anomaly_since    where the present run of anomalies began; `anomaly_limit` is the limit there
    budget_start     the period that the budget last saw; `budget_breached`, `budget_limit`, `breached_by` (the newest
                     day known when it was breached) speak of it
    after_breach     this period follows a breached one and no day of it has settled
    closed_start     the period before it: `closed_breached` and `closed_limit` as it closed; `closed_over` and
                     `closed_spend` by data that came in since
    alerted          what has been told and is not resolved: kind -> when first told
    """

    circuit: str
    monitor: str
    values: tuple[str | None, ...] = ()
    version: int = 0
    phase: Phase = Phase.CLOSED
    judged_through: datetime | None = None
    skipped: tuple[datetime, ...] = ()
    failing: tuple[datetime, ...] = ()
    provisional: tuple[datetime, ...] = ()
    last_success: datetime | None = None
    last_failure: datetime | None = None
    successes: int = 0
    trips: int = 0
    opened_at: datetime | None = None
    opened_through: datetime | None = None
    cooldown_until: datetime | None = None
    anomalies: tuple[AnomalousPeriod, ...] = ()
    anomaly_since: datetime | None = None
    anomaly_limit: float | None = None
    budget_start: date | None = None
    budget_breached: bool = False
    budget_limit: Decimal | None = None
    breached_by: date | None = None
    after_breach: bool = False
    closed_start: date | None = None
    closed_breached: bool = False
    closed_limit: Decimal | None = None
    closed_over: bool = False
    closed_spend: Decimal | None = None
    alerted: Mapping[str, datetime] = field(default_factory=dict)
    reminded_at: datetime | None = None
    acked_at: datetime | None = None
    latest: Verdict | None = None
    budget: BudgetView | None = None
    decision: Decision | None = None

    @property
    def row(self) -> tuple[datetime, ...]:
        """The periods that failed in a row up to now, settled or not, oldest first; each counts once."""
        after = self.last_success
        return tuple(at for at in sorted({*self.failing, *self.provisional}) if after is None or at > after)

    @property
    def failures(self) -> int:
        """How many failures there are in a row."""
        return len(self.row)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is served to whoever asks.

    `action` is served; `would` is what the conditions say, whatever the mode. `data_as_of` is the watermark behind
    it, `stale_at` when `when_stale` begins to rule, `valid_until` when a reader should look again. `id` stays the
    same as long as action, would and reasons do.
    """

    circuit: str
    monitor: str
    id: str
    version: int
    at: datetime
    since: datetime
    action: Action
    would: Action
    mode: Mode
    severity: Severity
    reasons: tuple[Reason, ...]
    text: str
    phase: Phase
    data_as_of: datetime | None
    stale: bool
    stale_at: datetime | None
    when_stale: WhenStale
    valid_until: datetime
    currency: str
    spend: Decimal | None = None
    budget: Decimal | None = None
    projected: Decimal | None = None
    owner: str | None = None
    override: str | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """What one source last said, and how it fares; `version` counts its writes.

    `dimensions` are those that it can be asked for when drivers are named. `marks` are what its adapter tells days
    by that have moved, for each breakdown by its name in the ledger and each day by its date. `absent` are accounts
    that have vanished from its past and that nobody has acknowledged, with the time when that was noticed. `growing` is
    what its lateness is learned from; `whole_until` holds days back that lie before the watermark and usually still
    grow.
    """

    source: str
    version: int = 0
    watermark: datetime | None = None
    newest: datetime | None = None
    status: ReportStatus | None = None
    last_attempt: datetime | None = None
    last_success: datetime | None = None
    failures: int = 0
    error: str | None = None
    permanent: bool = False
    blind_since: datetime | None = None
    broken: tuple[date, ...] = ()
    accounts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    has_effective: bool = True
    has_billed: bool = True
    dimensions: tuple[str, ...] = ()
    marks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    absent: Mapping[str, datetime] = field(default_factory=dict)
    growing: Growing | None = None
    whole_until: datetime | None = None

    @property
    def settled_until(self) -> datetime | None:
        """Up to where periods settle: the watermark, or what experience says where that is earlier."""
        if self.watermark is None or self.whole_until is None:
            return self.watermark
        return min(self.watermark, self.whole_until)


@dataclass(frozen=True, slots=True)
class Statement:
    """What changed in a source's word on one charge day, and when it was said.

    `body` is an Arrow IPC stream: the cells that changed, with their new amounts (a cell that vanished says 0).
    The word on a day at a time is the newest cell of each key among the statements said until then.
    """

    source: str
    grain: Grain
    day: date
    said_at: datetime
    rows: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the append-only history: a transition, a decision, an operator's act, a source's event."""

    at: datetime
    kind: str
    subject: str
    version: int
    detail: Mapping[str, Any]
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message owed to one channel. `id` is the webhook-id: it stays the same over retries and restarts.

    `owed_at` is judgement time; `next_try` and `sent_at` are real time, for sockets live there.
    """

    id: str
    channel: str
    monitor: str
    owed_at: datetime
    severity: Severity
    envelope: Mapping[str, Any]
    attempts: int = 0
    next_try: datetime | None = None
    state: str = "owed"
    error: str | None = None
    sent_at: datetime | None = None
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person did: override, expect, silence, ack or clear.

    `match` is a circuit's name or a glob over names. For an override `action` is served until `until`; for an
    expectation `amount` is the planned spend a day in the monitor's currency; an ack may be `noise`.
    """

    id: str
    kind: str
    match: str
    at: datetime
    owner: str
    reason: str
    until: datetime | None = None
    action: Action | None = None
    amount: Decimal | None = None
    noise: bool = False
    ended_at: datetime | None = None

    def live(self, now: datetime) -> bool:
        """Begun, not ended, not expired."""
        ended = self.ended_at is not None and self.ended_at <= now
        return self.at <= now and not ended and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction: all of it, or nothing.

    States and sources carry the version they are to have; each is written only if the stored one is one less.
    Otherwise the store raises Conflict.
    """

    statements: tuple[Statement, ...] = ()
    sources: tuple[SourceState, ...] = ()
    states: tuple[BreakerState, ...] = ()
    history: tuple[Entry, ...] = ()
    deliveries: tuple[Delivery, ...] = ()


def strictest(actions: list[Action]) -> Action:
    """The strictest of some actions; allow where there are none."""
    return max(actions, key=lambda action: action.rank, default=Action.ALLOW)
