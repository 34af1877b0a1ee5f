"""What the operator configures, as the engine sees it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from cloudcircuit.model.spend import Breakdown, Where
from cloudcircuit.model.words import Condition, Cost, Mode, Period, WhenStale

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,199}|file:[^\0]{1,4096}")


def check_secret_reference(text: str) -> str:
    """The reference itself, `env:NAME` or `file:PATH`. Raises ValueError, without the text: it may be the secret."""
    if _REFERENCE.fullmatch(text) is None:
        raise ValueError(
            'a secret does not stand in this file: put it in the environment or in a file, and write "env:NAME" or'
            ' "file:PATH" here'
        )
    return text


class Secret:
    """A value that prints as `<secret>` and is read at use, from `env:NAME` or `file:PATH`."""

    __slots__ = ("_read", "reference")

    def __init__(self, reference: str, read: Callable[[], str]) -> None:
        self.reference = reference
        self._read = read

    def reveal(self) -> str:
        """The secret itself. Raises ConfigError when it is not there."""
        return self._read()

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit for one period. `cost` is the one basis for spend, forecast and breach alike."""

    amount: Decimal
    currency: str
    period: Period = Period.MONTH
    cost: Cost = Cost.BILLED
    warning_ratio: float = 0.9


@dataclass(frozen=True, slots=True)
class BookRow:
    """One line of an owners table: who owns a circuit and what it may spend, from a day on."""

    values: tuple[str | None, ...]
    amount: Decimal | None
    currency: str | None
    owner: str | None
    channel: str | None
    since: date


@dataclass(frozen=True, slots=True)
class BudgetBook:
    """An owners table (`budgets = "owners.csv"`), keyed by the values of `per`; rows sorted by `since`."""

    file: str
    rows: Mapping[tuple[str | None, ...], tuple[BookRow, ...]]

    def find(self, values: tuple[str | None, ...], on: date) -> BookRow | None:
        """The row that holds on a day: the newest that has begun."""
        begun = [row for row in self.rows.get(values, ()) if row.since <= on]
        return begun[-1] if begun else None


SEASONAL = "seasonal"

SEASONAL_LOOKBACK = 120
"""Days of history that the seasonal method looks at: the same days of three months, and of the quarter before."""

SIMPLE_LOOKBACK = 14
"""Days of history that the simple methods look at, unless the operator says otherwise."""


@dataclass(frozen=True, slots=True)
class AnomalyPolicy:
    """How a day is told from the days before.

    `seasonal` is the batch detector: `false_alerts` are accepted per circuit and quarter, or `false_alerts_a_week` for
    all circuits of a channel together. The other methods are the library's checks, with their parameters.
    """

    method: str = SEASONAL
    false_alerts: float = 0.1
    false_alerts_a_week: float | None = None
    lookback: int = SEASONAL_LOOKBACK
    min_days: int = 7
    spike_multiplier: float = 1.5
    z_threshold: float = 3.5
    min_mad: float = 0.0
    percentile: float = 0.95
    min_baseline: float = 0.0
    new_level_after: int = 14


@dataclass(frozen=True, slots=True)
class BurnRatePolicy:
    hot_multiplier: float = 1.4
    lookback: int = 14
    min_days: int = 7


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens and for how long. The cooldown doubles with each trip in a row, up to its cap."""

    failure_threshold: int = 2
    cooldown: timedelta = timedelta(hours=48)
    cooldown_max: timedelta = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Monitor:
    """A named question about spend, with what follows from the answer."""

    name: str
    sources: tuple[str, ...]
    currency: str
    where: Where = ()
    per: tuple[str, ...] = ()
    environment: str = "production"
    mode: Mode = Mode.OBSERVE
    enforce: frozenset[Condition] = frozenset({Condition.BUDGET, Condition.BREAKER})
    budget: Budget | None = None
    book: BudgetBook | None = None
    anomaly: AnomalyPolicy | None = field(default_factory=AnomalyPolicy)
    burn_rate: BurnRatePolicy | None = None
    forecast: bool = True
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    run_rate_cost: Cost = Cost.EFFECTIVE
    run_rate_charges: tuple[str, ...] = ("Usage",)
    min_impact: Decimal = Decimal(10)
    stale_after: timedelta = timedelta(hours=72)
    when_stale: WhenStale = WhenStale.HOLD
    channels: tuple[str, ...] = ()
    owner: str | None = None
    remind_every: timedelta | None = timedelta(days=7)

    @property
    def need(self) -> Breakdown:
        """What its sources must be able to tell."""
        return Breakdown(self.per, self.where)

    def dimensions(self) -> tuple[str, ...]:
        """What its sources must group by: the keys of `per` and of `where`, each once."""
        return tuple(dict.fromkeys([*self.per, *(match.dimension for match in self.where)]))


@dataclass(frozen=True, slots=True)
class Fx:
    """One line of a dated conversion table: one unit of `currency` is worth `rate` of `into` from a day on."""

    currency: str
    into: str
    rate: Decimal
    since: date
