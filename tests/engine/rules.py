"""The rules of judgement once more, written from the design and not from the engine: slow, plain, and only here.

No counters: rows, runs and successes are worked out each time from all that was ever said of a day. Days are
numbered from 0 at `START`. Where the design leaves a choice, the stricter sensible reading is taken, marked "Reading:".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from cloudcircuit.model import Act, Action, Condition, Mode, Monitor, Phase, WhenStale
from tests.engine.world import DAY, HOUR, START

WEEK = 7
ORDER = [Action.ALLOW, Action.THROTTLE, Action.BLOCK]


class Fact(NamedTuple):
    """What is known of a day."""

    value: float
    settled: bool


@dataclass(frozen=True)
class Cycle:
    """One cycle: when (hours since `START`), by which settings, and what was read; nothing when the source failed."""

    hour: int
    monitor: Monitor
    limit: Decimal
    acts: tuple[Act, ...]
    watermark: int
    days: dict[int, Fact] | None
    whole: bool
    blocks_left: int | None


@dataclass(frozen=True)
class Ack:
    hour: int


@dataclass(frozen=True)
class Clear:
    hour: int


Event = Cycle | Ack | Clear


class Saying(NamedTuple):
    """What was said of a day when it was judged; `failing` is None when its history was too short."""

    failing: bool | None
    value: float
    limit: float
    announced: bool


class Rules:
    """What the rules say after the events so far; everything follows from what was said of each day."""

    def __init__(self) -> None:
        self.settled: dict[int, Saying] = {}
        self.alarms: dict[int, Saying] = {}
        self.in_row: set[int] = set()  # days that counted as a failure when they were judged
        self.anomalous: set[int] = set()
        self.admitted: set[int] = set()
        self.cleared_through = -1
        self.run: tuple[int, float] | None = None
        self.phase, self.trips, self.until, self.opened_through = Phase.CLOSED, 0, 0, -1
        self.week, self.breached, self.after = -1, False, False
        self.spend, self.breach_limit, self.breached_by = Decimal(0), Decimal(0), -1
        self.action, self.would = Action.ALLOW, Action.ALLOW

    def take(self, event: Event) -> None:
        if isinstance(event, Ack):
            self.admitted |= {d for d in self.anomalous | {*self.alarms} if d * 24 <= event.hour}
        elif isinstance(event, Clear):
            self.clear()
        else:
            if self.phase is Phase.OPEN and event.hour >= self.until:
                self.phase = Phase.HALF_OPEN  # time passes in a failing cycle too
            if event.days is not None:
                self.judge_days(event, event.days)
                self.judge_budget(event, event.days)
            self.decide(event)
            self.end_run(event.monitor)

    def clear(self) -> None:
        """By hand: closed, nothing counted, nothing held; what was seen so far is no evidence again."""
        self.admitted |= self.anomalous | {*self.alarms}
        self.cleared_through = max([self.cleared_through, *self.settled, *self.alarms])
        self.phase, self.trips, self.run = Phase.CLOSED, 0, None
        self.would = self.action = Action.ALLOW

    # --- the breaker ------------------------------------------------------------------------------------

    def judge_days(self, event: Cycle, days: dict[int, Fact]) -> None:
        known_settled = [d for d in sorted(days) if days[d].settled]
        if self.settled:
            first = min(self.settled)
            new = [d for d in known_settled if d not in self.settled and d > first]
        else:
            new = known_settled[-1:]
        for d in new:
            saying = self.judge(event, days, d)
            self.alarms.pop(d, None)
            self.settled[d] = saying
            if saying.failing:
                self.anomalous.add(d)
                self.fail(event, d, saying)
            elif saying.failing is False:
                self.anomalous.discard(d)
                self.succeed(d)
        for d in sorted(days):
            if self.settled and d > min(self.settled) and d not in self.settled and d not in self.alarms:
                saying = self.judge(event, days, d)
                if saying.failing:
                    self.alarms[d] = saying
                    self.fail(event, d, saying)

    def judge(self, event: Cycle, days: dict[int, Fact], d: int) -> Saying:
        policy = event.monitor.anomaly
        assert policy is not None
        extra = announced(event, d)
        is_level = self.run is not None and d - self.run[0] >= policy.new_level_after
        out = {a for a in self.anomalous - self.admitted if not is_level and d - a < policy.new_level_after}
        before = [e for e in sorted(days) if e < d and days[e].settled and e not in out and not announced(event, e)]
        base = [max(0.0, days[e].value) for e in before][-policy.lookback :]
        value = max(0.0, days[d].value)
        if len(base) < policy.min_days:
            return Saying(None, value, 0.0, extra > 0)
        mean = sum(base) / len(base)
        usual = max(0.0, value - extra)
        failing = usual > mean * policy.spike_multiplier and value - extra - mean >= event.monitor.min_impact
        return Saying(failing, value, mean * policy.spike_multiplier + extra, extra > 0)

    def last_success(self) -> int:
        return max([self.cleared_through, *(d for d, s in self.settled.items() if s.failing is False)])

    def row(self) -> list[int]:
        """The failures in a row up to now. Reading: a day that is missing or cannot be judged breaks no row."""
        failing = {d for d, s in self.settled.items() if s.failing} | {*self.alarms}
        return sorted(d for d in failing if d > self.last_success())

    def fail(self, event: Cycle, d: int, saying: Saying) -> None:
        if d > self.last_success():
            self.in_row.add(d)
            self.run = (min(d, self.run[0]), self.run[1]) if self.run else (d, saying.limit)
        # Reading: any failing day after the opening opens a half-open breaker again, even before a later success.
        is_due = len(self.row()) >= event.monitor.breaker.failure_threshold
        if (self.phase is Phase.HALF_OPEN and d > self.opened_through) or (self.phase is Phase.CLOSED and is_due):
            policy = event.monitor.breaker
            hours = min(policy.cooldown * 2**self.trips, policy.cooldown_max) // HOUR
            self.phase, self.until, self.trips = Phase.OPEN, event.hour + hours, self.trips + 1
            self.opened_through = max(d, *self.row()) if self.row() else d

    def succeed(self, d: int) -> None:
        """Reading: only a day that settles while half-open decides, and not before a later settled failure."""
        fails_later = any(s.failing for e, s in self.settled.items() if e > d and e > self.cleared_through)
        if self.phase is Phase.HALF_OPEN and d > self.opened_through and not fails_later:
            self.phase, self.trips = Phase.CLOSED, 0

    def end_run(self, monitor: Monitor) -> None:
        """Reading: a run of anomalies ends when as many good days in a row have settled as bad ones open it."""
        if self.run is None or self.phase is not Phase.CLOSED or self.row():
            return
        newest_bad = max(self.in_row)
        good = [d for d, s in self.settled.items() if s.failing is False and d >= newest_bad]
        if len(good) < monitor.breaker.failure_threshold:
            return
        policy = monitor.anomaly
        assert policy is not None
        d = max(self.settled)
        latest = self.settled[d]
        is_new_level = latest.value > self.run[1] and not latest.announced
        if is_new_level or d - self.run[0] >= policy.new_level_after:
            self.admitted |= self.anomalous
        self.run = None

    # --- the budget -------------------------------------------------------------------------------------

    def judge_budget(self, event: Cycle, days: dict[int, Fact]) -> None:
        today = event.hour // 24
        week = today // WEEK
        mine = {d: fact for d, fact in days.items() if d // WEEK == week}
        settled = sum((Decimal(fact.value) for fact in mine.values() if fact.settled), Decimal(0))
        spend = max(Decimal(0), settled, sum((Decimal(fact.value) for fact in mine.values()), Decimal(0)))
        if week != self.week:
            self.after, self.breached = self.breached, False
            self.week, self.spend, self.breached_by = week, Decimal(0), -1
        self.spend = spend if event.whole else max(spend, self.spend)
        newest_settled = max((d for d, fact in mine.items() if fact.settled), default=-1)
        if self.spend >= event.limit:
            self.breached, self.breach_limit = True, event.limit
            self.breached_by = max([self.breached_by, *mine])
        elif self.breached and event.limit > self.breach_limit:
            self.breached = False
        elif self.breached and event.whole and newest_settled >= self.breached_by:
            # Reading: "complete data lie below it" when every day that was known at the breach has settled.
            self.breached = False
        if not self.breached:
            self.breached_by = -1
        if newest_settled >= 0:
            self.after = False

    # --- the decision -----------------------------------------------------------------------------------

    def decide(self, event: Cycle) -> None:
        monitor, last = event.monitor, self.would
        would = strictest(*self.conditions(event))
        if event.hour >= event.watermark + monitor.stale_after // HOUR:
            held = last if monitor.when_stale is WhenStale.HOLD else last if last is Action.BLOCK else Action.ALLOW
            if monitor.when_stale is WhenStale.ALLOW and would is Action.THROTTLE:
                would = Action.ALLOW
            rule = Action.ALLOW if monitor.when_stale is WhenStale.HOLD else Action(monitor.when_stale.value)
            would = strictest(would, held, rule)
        action = would if monitor.mode is Mode.ENFORCE else Action.ALLOW
        if action is Action.BLOCK and self.action is not Action.BLOCK and event.blocks_left == 0:
            action = self.action
        now = START + event.hour * HOUR
        overrides = [a for a in event.acts if a.kind == "override" and a.at <= now and now < ends(a)]
        if overrides:
            # Reading: what a person says explicitly is served, observing too.
            newest = max(overrides, key=lambda a: a.at).action
            assert newest is not None
            action = newest
        self.action, self.would = action, would

    def conditions(self, event: Cycle) -> list[Action]:
        enforced = event.monitor.enforce
        said = self.settled | self.alarms
        newest = max(said, default=None)
        is_acute = newest is not None and bool(said[newest].failing) and newest in self.row()
        is_warned = self.week >= 0 and float(self.spend / event.limit) >= 0.9
        table = [
            (Condition.BUDGET, self.breached, Action.BLOCK),
            (Condition.BREAKER, self.phase is Phase.OPEN, Action.BLOCK),
            (Condition.BREAKER, self.phase is Phase.HALF_OPEN, Action.THROTTLE),
            (Condition.BUDGET, self.after, Action.THROTTLE),
            (Condition.ANOMALY, is_acute, Action.THROTTLE),
            (Condition.WARNING, is_warned, Action.THROTTLE),
        ]
        return [action for condition, holds, action in table if holds and condition in enforced]


def announced(event: Cycle, d: int) -> float:
    """The planned spend of a day: every expectation that covers any of it."""
    start = START + d * DAY
    plans = [a for a in event.acts if a.kind == "expect" and a.at < start + DAY and start < ends(a)]
    return sum(float(a.amount or 0) for a in plans)


def ends(act: Act) -> datetime:
    return min(t for t in (act.until, act.ended_at, START + timedelta(days=9999)) if t is not None)


def strictest(*actions: Action) -> Action:
    return max((Action.ALLOW, *actions), key=ORDER.index)
