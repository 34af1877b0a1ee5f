"""What happened and is to be told: before it becomes a payload, and before it becomes a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cloudcircuit.model.monitor import Monitor
from cloudcircuit.model.state import BreakerState, SourceState
from cloudcircuit.model.words import AlertKind, Grain, Reason, Severity

BACK_TO_NORMAL = "back_to_normal"
NEW_LEVEL = "new_level"
ACKNOWLEDGED = "acknowledged"
CLEARED = "cleared"
NEW_PERIOD = "new_period"
BELOW_BUDGET = "below_budget"
"""Why something is resolved."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a step of the breaker found worth telling.

    `since` is when it began, `excess` the money above the expected since then (a float: it is an estimate, in the
    monitor's currency), `periods` the number of judged periods behind it, `resolution` why a `resolved` is one.
    """

    kind: AlertKind
    severity: Severity
    reasons: tuple[Reason, ...]
    since: datetime | None = None
    excess: float = 0.0
    periods: int = 0
    resolution: str | None = None


@dataclass(frozen=True, slots=True)
class Driver:
    """A value of a dimension that carries a share of some money. `label` is a name that people know it by.

    Of an excess over the baseline, `excess` is the money a period, else that of the whole budget period.
    """

    dimension: str
    value: str | None
    excess: Decimal
    share: float
    label: str | None = None


EXCESS = "excess"
GROWTH = "growth"
SPEND = "spend"
"""What drivers have a share of: the excess over the baseline, what a budget period costs more than the same days of
the period before, or all that it costs."""


@dataclass(frozen=True, slots=True)
class Point:
    """One charge period of a circuit's recent past: what it cost, what was expected, whether it is part of a finding.

    `value` is None where nothing is known, `expected` where nobody has judged.
    """

    at: datetime
    value: float | None
    expected: float | None = None
    found: bool = False


@dataclass(frozen=True, slots=True)
class CircuitAlert:
    """A change of one circuit, with all that its reader needs.

    `state` is the state after the step: its `latest` verdict, `budget` view and `decision` hold the numbers.
    `drivers` have shares of `drivers_of`. `members` are other circuits whose excess is mostly the same money. `cause`
    is usage, price, commitment or credit, where it shows. `grain` is that of the periods that were judged, `points`
    are the newest of them, oldest first.
    """

    change: Change
    at: datetime
    monitor: Monitor
    state: BreakerState
    sources: tuple[SourceState, ...]
    drivers: tuple[Driver, ...] = ()
    cause: str | None = None
    members: tuple[str, ...] = ()
    owner: str | None = None
    channels: tuple[str, ...] = ()
    grain: Grain = Grain.DAY
    drivers_of: str = EXCESS
    points: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceAlert:
    """Something about a source, the configuration or the daemon: no circuit's money moved.

    `subject` is the source's name, or `configuration`, or `daemon`; `text` says what happened and what to do.
    """

    kind: AlertKind
    severity: Severity
    at: datetime
    subject: str
    text: str
    monitors: tuple[str, ...] = ()
    source: SourceState | None = None
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """What a channel wants to hear, and who hears it in its place when it is dead."""

    name: str
    min_severity: Severity = Severity.INFO
    fallback: str | None = None
