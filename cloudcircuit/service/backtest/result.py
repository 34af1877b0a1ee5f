"""What a backtest found: values for a table, for JSON and for charts.

Amounts named `spend`, `limit`, `projected`, `low` and `high` of a budget are exact money; those of a run rate are
floats, for they are statistics. All are in the circuit's currency, and sums over circuits are kept by currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from cloudcircuit.model import Action, AlertKind, CallCost, Grain, Phase, Severity

LEDGER, HINDSIGHT = "ledger", "hindsight"
"""How the history of a source was known: by its times of saying, or as it stands now, with its lag simulated."""


@dataclass(frozen=True, slots=True)
class SourceHistory:
    """Where the history of one source came from.

    `known` is LEDGER or HINDSIGHT; `since` is from when on a ledger holds times of saying: before it, its lag is
    simulated, too. `first` and `last` are the charge days that there are. `cost` is what reading it cost, `notes` what
    its adapter says about it.
    """

    name: str
    known: str
    first: date
    last: date
    lag_hours: float
    since: datetime | None = None
    cost: CallCost = field(default_factory=CallCost)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """What was said of one charge period (`at` its start: a day, or the newest judged hour of a day), when it was
    judged first as settled, or as provisional where it never settled.

    `expected` is the baseline, `low` to `high` holds 80 % of normal periods, `limit` is what the value had to exceed,
    `excess` what it cost above the expected; None is unknown. `failure` says that it counted. The `score` is
    -log10 of the false alerts that one would get a circuit and quarter by alerting on all that is at least as extreme,
    and looks at `window` periods up to this one.
    """

    at: datetime
    value: float
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    score: float | None = None
    excess: float = 0.0
    failure: bool = False
    provisional: bool = False
    window: int = 1


@dataclass(frozen=True, slots=True)
class BudgetPoint:
    """The budget of the running period as it was known at the moment `at`, and where it was heading.

    `start` and `end` are the period (half-open), `known_through` is the newest day in `spend`.
    """

    at: datetime
    start: date
    end: date
    spend: Decimal
    limit: Decimal
    known_through: date | None = None
    projected: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    p_breach: float | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Where a circuit stood from the moment `at` until the next Status: `action` is what it would have served.

    `is_standing` says that something told had not been resolved.
    """

    at: datetime
    phase: Phase
    action: Action
    is_standing: bool


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert that would have fired. `circuit` is None where a source or a monitor as a whole is spoken of.

    `excess` is the money above the expected since `since`, as it was known then; `members` are circuits of the same
    incident, named in it; `resolution` is why a `resolved` is one.
    """

    at: datetime
    subject: str
    circuit: str | None
    monitor: str | None
    kind: AlertKind
    severity: Severity
    title: str
    currency: str | None = None
    excess: float | None = None
    since: datetime | None = None
    members: tuple[str, ...] = ()
    resolution: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of unusual periods of a circuit, from the first to the last that failed.

    `alerted_at` is when it was told first (None: muted), `days_to_alert` how long after its beginning; `excess` is
    its money above the expected, and `avoidable` that of the periods that began after the alert: what acting at once
    would have avoided. `is_open` says that it had not ended when the backtest did. `told_by` is the circuit whose
    alert named this one as a member of its incident: its money is this one's money, too, and sums count it once.
    """

    circuit: str
    monitor: str
    currency: str
    since: datetime
    through: datetime
    periods: int
    excess: float
    alerted_at: datetime | None
    days_to_alert: float | None
    avoidable: float
    is_open: bool
    resolution: str | None = None
    told_by: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A time in which a circuit would have been blocked, and the run-rate spend of the periods that began in it.

    `end` is None where it lasted to the end of the backtest.
    """

    circuit: str
    monitor: str
    currency: str
    start: datetime
    end: datetime | None
    spend: float


@dataclass(frozen=True, slots=True)
class CircuitHistory:
    """One circuit over the reported span, oldest first. `budgets` is empty without a budget.

    `points` may begin before the span: what was judged before belongs to the chart.
    """

    circuit: str
    monitor: str
    currency: str
    grain: Grain
    points: tuple[Point, ...]
    budgets: tuple[BudgetPoint, ...]
    statuses: tuple[Status, ...]
    alerts: tuple[Alert, ...]
    runs: tuple[Run, ...]
    blocks: tuple[Block, ...]

    @property
    def is_never_quiet(self) -> bool:
        """Whether something stood on at least half of the moments that were looked at."""
        return 2 * sum(status.is_standing for status in self.statuses) >= max(1, len(self.statuses))


@dataclass(frozen=True, slots=True)
class Summary:
    """The answer in a few numbers. Alerts do not count what is resolved.

    `by_week` is keyed by the Monday of the week. `runs` are those that spoke for themselves, and so are their median
    `days_to_alert` and, by currency, their `excess` and what of it was `avoidable`. `blocked` is the run-rate spend in
    the blocks, by monitor: two monitors may look at the same money.
    """

    circuits: int
    days: int
    alerts: int
    resolved: int
    runs: int
    by_kind: Mapping[AlertKind, int]
    by_monitor: Mapping[str, int]
    by_week: Mapping[date, int]
    days_to_alert: float | None
    excess: Mapping[str, float]
    avoidable: Mapping[str, float]
    blocks: int
    blocked: Mapping[str, float]
    never_quiet: tuple[str, ...]

    @property
    def alerts_a_week(self) -> float:
        return 7 * self.alerts / max(1, self.days)


@dataclass(frozen=True, slots=True)
class Backtest:
    """A backtest as a whole: `config` is the file's name; `start` and `end` are the first and the last moment that is
    reported, one a day; `warm_up` is how many days were replayed before without being reported.

    `circuits` are the loudest first, `alerts` the oldest first. `hindsight` says that the figures of a source are
    those of now: restatements are not seen, and it was taken to be complete once its lag was over.
    """

    config: str
    start: datetime
    end: datetime
    warm_up: int
    sources: tuple[SourceHistory, ...]
    circuits: tuple[CircuitHistory, ...]
    alerts: tuple[Alert, ...]
    summary: Summary

    @property
    def hindsight(self) -> bool:
        return any(source.since is None or source.since > self.start for source in self.sources)


@dataclass(frozen=True, slots=True)
class Pair:
    """A run that both configurations told: the one of each, and how many days earlier `theirs` was told."""

    ours: Run
    theirs: Run
    days_earlier: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two configurations on the same history. `only_ours`, `only_theirs` and `both` are of runs that were told."""

    ours: Backtest
    theirs: Backtest
    only_ours: tuple[Run, ...]
    only_theirs: tuple[Run, ...]
    both: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A setting of one monitor that would keep the alert budget. `key` and `value` are TOML: `anomaly.false_alerts`.

    `runs_before` and `runs_after` are how many runs are told with the setting as it is, and as suggested.
    """

    monitor: str
    key: str
    before: str
    value: str
    runs_before: int
    runs_after: int


@dataclass(frozen=True, slots=True)
class Advice:
    """What `--suggest` says: the budget in alerts a week, what would be told under the suggestions, and what not.

    `noise_told` and `real_missed` are acknowledged runs that the suggestions get wrong all the same.
    """

    allowed_a_week: float
    before_a_week: float
    after_a_week: float
    suggestions: tuple[Suggestion, ...]
    quietened: tuple[Run, ...]
    noise_told: tuple[Run, ...]
    real_missed: tuple[Run, ...]
    noise_acknowledged: int
    real_acknowledged: int
