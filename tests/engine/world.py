"""A small world for the engine's tests: days of spend as they become known, one cycle after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from cloudcircuit.engine import breaker, budget
from cloudcircuit.engine.decide import Situation, decide
from cloudcircuit.engine.series import Series
from cloudcircuit.engine.tell import tell
from cloudcircuit.model import (
    Act,
    Action,
    AlertKind,
    AnomalyPolicy,
    BreakerPolicy,
    BreakerState,
    BudgetView,
    Change,
    Grain,
    Mode,
    Monitor,
)

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
START = datetime(2027, 3, 1, tzinfo=UTC)
SPIKE = AnomalyPolicy(method="spike", lookback=14)
MONITOR = Monitor(name="m", sources=("s",), currency="USD", mode=Mode.ENFORCE, anomaly=SPIKE)
STATE = BreakerState(circuit="m", monitor="m")

Days = Sequence[float | None]
"""Spend, day after day; None is a day of which nothing is known."""


def day(n: int) -> datetime:
    """The n-th day of the test's calendar; day 0 is the first of a month."""
    return START + n * DAY


def series(
    values: Days,
    *,
    provisional: Iterable[int] = (),
    start: datetime = START,
    grain: Grain = Grain.DAY,
) -> Series:
    """One period after the other. None is a period of which nothing is known; the rest settled, but for some."""
    open_ones = set(provisional)
    step = HOUR if grain is Grain.HOUR else DAY
    return Series.of(
        starts=[start + i * step for i in range(len(values))],
        values=[0.0 if value is None else value for value in values],
        known=[value is not None for value in values],
        settled=[value is not None and i not in open_ones for i, value in enumerate(values)],
        grain=grain,
    )


def watching(monitor: Monitor = MONITOR, /, **changes: Any) -> Monitor:
    """The monitor with some of its settings changed; those of its breaker and its anomaly check by their names."""
    for name, policy in (("breaker", BreakerPolicy()), ("anomaly", SPIKE)):
        mine = {key: changes.pop(key) for key in list(changes) if key in type(policy).__dataclass_fields__}
        if mine:
            changes[name] = replace(getattr(monitor, name) or policy, **mine)
    return replace(monitor, **changes)


def after(
    values: Days,
    monitor: Monitor = MONITOR,
    state: BreakerState = STATE,
    *,
    provisional: Iterable[int] = (),
    planned: Sequence[Act] = (),
    now: datetime | None = None,
) -> BreakerState:
    """The state after one reading of these days, at the end of the newest one unless told otherwise."""
    seen = series(values, provisional=provisional)
    return breaker.observe(monitor, state, seen, planned, now or day(len(values)))


def act(kind: str, match: str = "m", **more: Any) -> Act:
    made = Act(id=kind, kind=kind, match=match, at=START, owner="ann", reason="planned")
    return replace(made, **more)


@dataclass
class Run:
    """One circuit stepped through cycles, with all that it told."""

    monitor: Monitor = MONITOR
    state: BreakerState = STATE
    acts: list[Act] = field(default_factory=list)
    told: list[tuple[datetime, Change]] = field(default_factory=list)

    def cycle(
        self,
        now: datetime,
        seen: Series | None = None,
        views: tuple[BudgetView | None, BudgetView | None] = (None, None),
        *,
        watermark: datetime | None = None,
        blocks_left: int | None = None,
    ) -> list[Change]:
        """One step; without a series the source has failed."""
        state = self.state
        if seen is None:
            state = breaker.pass_time(state, self.monitor.breaker, now)
        else:
            planned = [one for one in self.acts if one.kind == "expect"]
            state = breaker.observe(self.monitor, state, seen, planned, now)
            state = budget.step(state, *views)
        situation = Situation(now=now, watermark=watermark, ttl=HOUR, acts=self.acts, blocks_left=blocks_left)
        state = replace(state, decision=decide(self.monitor, state, situation))
        self.state, changes = tell(self.monitor, self.state, state, now)
        self.told += [(now, change) for change in changes]
        return changes

    def daily(self, values: Sequence[float], first: int, *, lag: int = 1, start: datetime = START) -> None:
        """A cycle at each midnight: what is `lag` days old has settled, the day after it is provisional."""
        for i in range(first, len(values) + 1):
            seen = series(values[:i], provisional=range(i - lag, i), start=start)
            self.cycle(start + i * DAY, seen, watermark=start + (i - lag) * DAY)

    @property
    def action(self) -> Action:
        assert self.state.decision is not None
        return self.state.decision.action

    @property
    def kinds(self) -> list[AlertKind]:
        return [change.kind for _, change in self.told]


def decided(
    monitor: Monitor, state: BreakerState, now: datetime, *, watermark: datetime | None = None, acts: Sequence[Act] = ()
) -> Action:
    """What is served, with data that are as fresh as can be unless told otherwise."""
    return decide(monitor, state, Situation(now, watermark or now, HOUR, acts)).action


def view(
    spend: str,
    limit: str = "100",
    *,
    month: int = 3,
    settled: int | None = 5,
    known: int | None = 6,
    complete: bool = True,
    projected: str | None = None,
) -> BudgetView:
    """A budget's view: so much of so much; `settled` and `known` are the days through which it is so."""
    start = date(2027, month, 1)
    return BudgetView(
        start=start,
        end=date(2027, month + 1, 1),
        limit=Decimal(limit),
        spend=Decimal(spend),
        settled_days=settled or 0,
        settled_through=start + timedelta(days=settled - 1) if settled else None,
        known_through=start + timedelta(days=known - 1) if known else None,
        complete=complete,
        warning_ratio=0.9,
        projected=None if projected is None else Decimal(projected),
    )
