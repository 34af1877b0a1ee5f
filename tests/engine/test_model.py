"""The engine against the rules: whatever happens, in whatever order, both serve the same.

`rules.py` holds the rules, written a second time. A world of days is read, late, missing, broken, restated, stale
and failing; people override, acknowledge, expect and clear; the clock moves on. After each cycle the served action
is that of the rules: no allow where they block or throttle, no block where they do not.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from cloudcircuit.engine import breaker, budget
from cloudcircuit.engine.budget import PeriodSums
from cloudcircuit.engine.decide import Situation, decide
from cloudcircuit.engine.series import Series
from cloudcircuit.engine.tell import tell
from cloudcircuit.model import Act, Action, BudgetView, Condition, Mode, WhenStale
from tests.engine import rules
from tests.engine.world import DAY, HOUR, MONITOR, START, STATE, watching

ENFORCED = [
    frozenset({Condition.BUDGET, Condition.BREAKER}),
    frozenset({Condition.BREAKER, Condition.ANOMALY}),
    frozenset(Condition),
]


@dataclass
class Day:
    value: float
    broken: bool = False


class Circuits(RuleBasedStateMachine):
    """One circuit, stepped by the engine and by the rules alike."""

    def __init__(self) -> None:
        super().__init__()
        self.days: dict[int, Day] = {}
        self.acts: list[Act] = []
        self.law = rules.Rules()
        self.state = STATE
        self.watermark: int | None = None

    @initialize(
        base=st.sampled_from([100.0, 4.0]),
        lag=st.sampled_from([24, 36, 48]),
        threshold=st.integers(1, 3),
        cooldown=st.sampled_from([0, 48]),
        cap=st.sampled_from([3, 14]),
        lookback=st.sampled_from([3, 14]),
        level=st.sampled_from([4, 14]),
        past=st.sampled_from([1, 3, 8]),
        enforced=st.sampled_from(ENFORCED),
        when_stale=st.sampled_from(WhenStale),
    )
    def begin(
        self,
        base: float,
        lag: int,
        threshold: int,
        cooldown: int,
        cap: int,
        lookback: int,
        level: int,
        past: int,
        enforced: frozenset[Condition],
        when_stale: WhenStale,
    ) -> None:
        self.base, self.lag = base, lag
        self.limit = Decimal(base) * 12
        self.monitor = watching(
            MONITOR,
            failure_threshold=threshold,
            cooldown=timedelta(hours=max(lag, cooldown)),
            cooldown_max=timedelta(days=cap),
            lookback=lookback,
            min_days=2,
            new_level_after=level,
            enforce=enforced,
            when_stale=when_stale,
        )
        self.days = {d: Day(base) for d in range(past)}
        self.hour = past * 24
        self.cycle()

    # --- what happens to spend --------------------------------------------------------------------------

    @rule(times=st.sampled_from([0.96, 1.0, 1.4, 2.0, 3.0, 20.0, 0.0, -1.0]), broken=st.booleans())
    def a_day_passes(self, times: float, broken: bool) -> None:
        self.hour += 24
        self.days[self.hour // 24 - 1] = Day(self.base * times, broken and times > 1)
        self.cycle()

    @rule(days=st.lists(st.sampled_from([1.0, 1.0, 3.0, 3.0, 20.0]), min_size=2, max_size=6))
    def days_pass(self, days: list[float]) -> None:
        for times in days:
            self.a_day_passes(times, False)

    @rule(times=st.sampled_from([3.0, 20.0]), lull=st.sampled_from([1, 2, 4]))
    def spend_runs_away_and_comes_back(self, times: float, lull: int) -> None:
        for _ in range(3):
            self.a_day_passes(times, False)
        for _ in range(lull):
            self.a_day_passes(1.0, False)

    @rule()
    def a_day_is_missing(self) -> None:
        self.hour += 24
        self.cycle()

    @rule(which=st.integers(0, 5), times=st.sampled_from([1.0, 3.0]))
    def a_missing_day_arrives(self, which: int, times: float) -> None:
        missing = [d for d in range(self.hour // 24) if d not in self.days]
        if which < len(missing):
            self.days[missing[-1 - which]] = Day(self.base * times)
            self.cycle()

    @rule(which=st.integers(0, 5), times=st.sampled_from([0.2, 1.0, 3.0]))
    def a_broken_day_is_repaired(self, which: int, times: float) -> None:
        broken = [d for d in sorted(self.days) if self.days[d].broken]
        if which < len(broken):
            self.days[broken[-1 - which]] = Day(self.base * times)
            self.cycle()

    @rule(back=st.integers(1, 6))
    def a_day_breaks_anew(self, back: int) -> None:
        if (d := self.hour // 24 - back) in self.days:
            self.days[d] = replace(self.days[d], broken=True)
            self.cycle()

    @rule(back=st.integers(1, 8), times=st.sampled_from([0.0, 0.5, 1.0, 4.0]))
    def a_day_is_restated(self, back: int, times: float) -> None:
        if (d := self.hour // 24 - back) in self.days:
            self.days[d] = replace(self.days[d], value=self.base * times)
            self.cycle()

    # --- what happens to time and to the source ---------------------------------------------------------

    @rule(hours=st.sampled_from([1, 12, 12, 30, 30, 96, 170]), ok=st.booleans())
    def time_passes_without_data(self, hours: int, ok: bool) -> None:
        self.hour += hours
        self.cycle(ok=ok)

    @rule()
    def the_source_fails(self) -> None:
        self.hour += 6
        self.cycle(ok=False)

    @rule(hours=st.sampled_from([1, 24]))
    def the_source_answers_in_part(self, hours: int) -> None:
        self.hour += hours
        self.cycle(whole=False)

    # --- what people do ---------------------------------------------------------------------------------

    @rule(times=st.sampled_from([4, 8, 12, 30]))
    def the_limit_moves(self, times: int) -> None:
        self.limit = Decimal(self.base) * times
        self.cycle()

    @rule(mode=st.sampled_from(Mode))
    def the_mode_moves(self, mode: Mode) -> None:
        self.monitor = watching(self.monitor, mode=mode)
        self.cycle()

    @rule(action=st.sampled_from(Action), hours=st.sampled_from([2, 30, 90]), ok=st.booleans())
    def an_override(self, action: Action, hours: int, ok: bool) -> None:
        self.acts.append(self.made("override", until=self.now + hours * HOUR, action=action))
        self.cycle(ok=ok)

    @rule(times=st.sampled_from([1.0, 2.0, 30.0]), days=st.integers(1, 6))
    def an_expectation(self, times: float, days: int) -> None:
        amount = Decimal(self.base * times)
        self.acts.append(self.made("expect", until=self.now + days * DAY, amount=amount))
        self.cycle()

    @precondition(lambda self: self.acts)
    @rule()
    def an_act_is_ended(self) -> None:
        self.acts[-1] = replace(self.acts[-1], ended_at=self.now)
        self.hour += 1
        self.cycle()

    @rule()
    def somebody_acknowledges(self) -> None:
        self.law.take(rules.Ack(self.hour))
        self.state = breaker.acknowledge(self.state, self.now)
        self.cycle()

    @rule()
    def somebody_clears(self) -> None:
        self.law.take(rules.Clear(self.hour))
        self.state = breaker.reset(self.state)
        self.cycle()

    @rule(left=st.sampled_from([0, 1]), times=st.sampled_from([3.0, 20.0]))
    def days_pass_in_a_storm(self, left: int, times: float) -> None:
        for _ in range(2):
            self.hour += 24
            self.days[self.hour // 24 - 1] = Day(self.base * times)
            self.cycle(blocks_left=left)

    # --- one cycle, by both -----------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return START + self.hour * HOUR

    def made(self, kind: str, until: datetime, action: Action | None = None, amount: Decimal | None = None) -> Act:
        return Act(str(len(self.acts)), kind, "m", self.now, "ann", "why", until=until, action=action, amount=amount)

    def cycle(self, *, ok: bool = True, whole: bool = True, blocks_left: int | None = None) -> None:
        assert not (self.watermark is None and not ok)
        if ok:
            self.watermark = min(24 * max(self.days), self.hour - self.lag)
        mark = self.watermark or 0
        seen = rules.Cycle(
            hour=self.hour,
            monitor=self.monitor,
            limit=self.limit,
            acts=tuple(self.acts),
            watermark=mark,
            days=self.facts(mark) if ok else None,
            whole=whole and self.is_whole(mark),
            blocks_left=blocks_left,
        )
        self.law.take(seen)
        self.step(seen)
        self.compare()

    def facts(self, mark: int) -> dict[int, rules.Fact]:
        return {
            d: rules.Fact(day.value, settled=not day.broken and (d + 1) * 24 <= mark)
            for d, day in sorted(self.days.items())
        }

    def is_whole(self, mark: int) -> bool:
        """Whether every day of the present week before the watermark is there and can be read, and that is lately."""
        if self.hour >= mark + self.monitor.stale_after // HOUR:
            return False
        week = range(self.hour // 24 // 7 * 7, self.hour // 24)
        return all(d in self.days and not self.days[d].broken for d in week if (d + 1) * 24 <= mark)

    def step(self, seen: rules.Cycle) -> None:
        """The engine's step; reading the same data twice must change nothing."""
        before = after = self.state
        if seen.days is not None:
            plans = [a for a in self.acts if a.kind == "expect"]
            cut, views = self.series(seen.days), (self.week(seen, 0), self.week(seen, 1))
            after = budget.step(breaker.observe(self.monitor, after, cut, plans, self.now), *views)
            again = budget.step(breaker.observe(self.monitor, after, cut, plans, self.now), *views)
            assert again == after
        else:
            after = breaker.pass_time(after, self.monitor.breaker, self.now)
        mark = START + seen.watermark * HOUR
        at = Situation(self.now, mark, HOUR, self.acts, blocks_left=seen.blocks_left)
        after = replace(after, decision=decide(self.monitor, after, at))
        self.state, _ = tell(self.monitor, before, after, self.now)

    def series(self, facts: dict[int, rules.Fact]) -> Series:
        days = range(self.hour // 24 + 1)
        nothing = rules.Fact(0.0, settled=False)
        return Series.of(
            starts=[START + d * DAY for d in days],
            values=[facts.get(d, nothing).value for d in days],
            known=[d in facts for d in days],
            settled=[facts.get(d, nothing).settled for d in days],
        )

    def week(self, seen: rules.Cycle, ago: int) -> BudgetView:
        first = (self.hour // 24 // 7 - ago) * 7
        mine = {d: fact for d, fact in (seen.days or {}).items() if first <= d < first + 7}
        settled = [d for d in mine if mine[d].settled]
        total = sum((Decimal(mine[d].value) for d in settled), Decimal(0))
        sums = PeriodSums(
            start=(START + first * DAY).date(),
            end=(START + (first + 7) * DAY).date(),
            settled=total,
            known=sum((Decimal(fact.value) for fact in mine.values()), Decimal(0)),
            usage=total,
            settled_days=len(settled),
            settled_through=(START + max(settled) * DAY).date() if settled else None,
            known_through=(START + max(mine) * DAY).date() if mine else None,
            complete=seen.whole,
        )
        return budget.view(sums, self.limit, 0.9)

    def compare(self) -> None:
        state, law, decision = self.state, self.law, self.state.decision
        assert decision is not None
        expected = (law.action, law.would, law.phase, law.breached, law.run is not None)
        is_on = state.anomaly_since is not None
        assert (decision.action, decision.would, state.phase, state.budget_breached, is_on) == expected


TestCircuits = Circuits.TestCase
TestCircuits.settings = settings(
    max_examples=int(os.environ.get("CLOUDCIRCUIT_MODEL_EXAMPLES", "80")),
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
