"""All there is to know of one circuit at one time, and the lines that tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.text import Text

from cloudcircuit.cli.show import COLOURS, gauge, spark, text
from cloudcircuit.engine.assess import Case, baseline_periods, stays_out
from cloudcircuit.engine.decide import SENTENCES, covers
from cloudcircuit.engine.series import Series
from cloudcircuit.engine.text import count, day, duration, moment, money, share, shown, span
from cloudcircuit.errors import AdapterError, ConfigError
from cloudcircuit.model import (
    SEASONAL,
    Act,
    Action,
    AnomalyPolicy,
    BreakerState,
    Decision,
    Grain,
    Mode,
    Monitor,
    Phase,
    SourceState,
)
from cloudcircuit.service.serve import damaged_state

if TYPE_CHECKING:
    from cloudcircuit.service.house import House
    from cloudcircuit.service.step import Evidence

Line = tuple[str, Text | str]
"""A label, empty where the line goes on, and what it says."""

_SHOWN_DAYS = 30


@dataclass(frozen=True, slots=True)
class Story:
    """`monitor` is None when it is gone from the configuration, `series` when nothing can be cut from the ledger.

    `scopes` say of each source, by its name, what its figures leave out or mean; `obstacle` why it is not judged.
    """

    now: datetime
    decision: Decision
    state: BreakerState
    monitor: Monitor | None
    series: Series | None
    sources: tuple[SourceState, ...]
    acts: tuple[Act, ...]
    scopes: Mapping[str, tuple[str, ...]]
    obstacle: str | None = None

    def money(self, amount: Decimal | float | None) -> str:
        return money(amount, self.decision.currency)

    def period(self, at: datetime) -> str:
        hourly = self.series is not None and self.series.grain is Grain.HOUR
        return moment(at, self.now.date()) if hourly else day(at.date(), self.now.date())

    def periods(self, found: Sequence[datetime], most: int = 6) -> str:
        more = f" and {len(found) - most} more" if len(found) > most else ""
        return ", ".join(self.period(at) for at in found[-most:]) + more

    def case(self) -> Case | None:
        """The period that was judged last, before its judge; None when the series does not reach it."""
        latest = self.state.latest
        if self.monitor is None or self.series is None or latest is None or latest.at not in self.series.starts:
            return None
        planned = [act for act in self.acts if act.kind == "expect"]
        return Case(self.monitor, self.state, self.series, list(self.series.starts).index(latest.at), planned)

    def baseline(self) -> list[datetime]:
        """The periods that the latest one is compared with."""
        case = self.case()
        policy = self.monitor and (self.monitor.anomaly or self.monitor.burn_rate)
        if case is None or not policy:
            return []
        return [case.series.starts[i] for i in baseline_periods(case, policy.lookback)]

    def left_out(self) -> list[datetime]:
        """The anomalous periods that are kept out of the baseline now."""
        case = self.case()
        if case is None:
            return []
        policy = case.monitor.anomaly or AnomalyPolicy()
        return [past.at for past in self.state.anomalies if stays_out(past, case.at, self.state, policy)]


def tell(house: House, decision: Decision, now: datetime) -> Story:
    """Gather a circuit's story from the state."""
    monitor, sources = house.monitor(decision.monitor), house.store.sources()
    evidence, obstacle = _evidence(house, monitor, decision, now) if monitor else (None, None)
    state = house.store.states(decision.monitor).get(decision.circuit)
    return Story(
        now=now,
        decision=decision,
        state=state or damaged_state(decision.monitor, decision.circuit, now),
        monitor=monitor,
        series=evidence.series(decision.circuit) if evidence and decision.circuit in evidence.place else None,
        sources=tuple(sources.get(name, SourceState(name)) for name in (monitor.sources if monitor else ())),
        acts=tuple(act for act in house.store.acts(now) if covers(act, decision.circuit)),
        obstacle=obstacle,
        scopes={name: house.sources[name].scope for name in (monitor.sources if monitor else ())},
    )


def _evidence(house: House, monitor: Monitor, decision: Decision, now: datetime) -> tuple[Evidence | None, str | None]:
    """What is known of the circuits of a monitor, and what stands in the way of judging this one."""
    from cloudcircuit.service.trend import read_evidence

    try:
        evidence = read_evidence(house, monitor, now, decision.circuit)
    except ConfigError as error:
        return None, "; ".join(map(str, error.problems))
    except AdapterError as error:
        return None, str(error)
    foreign = sorted(evidence.cut.foreign.get(decision.circuit, ()))
    return evidence, f"it has charges in {', '.join(map(shown, foreign))}" if foreign else None


# --- the lines --------------------------------------------------------------------------------------------


def lines(story: Story) -> Iterator[Line]:
    """The whole story, the answer first."""
    for chapter in (_decision, _breaker, _latest, _baseline, _budget, _days, _acts):
        yield from chapter(story)


def _decision(story: Story) -> Iterator[Line]:
    d = story.decision
    since = moment(d.since, story.now.date())
    yield (
        "decision",
        Text.assemble(served_in_full(d), f"  since {since}, {duration((story.now - d.since).total_seconds())} ago"),
    )
    for place, reason in enumerate(d.reasons):
        yield "" if place else "because", f"{SENTENCES[reason]} ({reason.value})"
    if story.obstacle is not None:
        yield "", Text(story.obstacle, style="yellow")
    if d.mode is Mode.OBSERVE and d.would is not Action.ALLOW:
        yield "", f'its monitor only observes; with mode = "enforce" it would serve {d.would.value}'
    if story.monitor is None:
        yield "", Text("its monitor is gone from the configuration: `cloudcircuit clear` forgets it", style="yellow")
    elif story.monitor.enforce:
        yield "enforces", ", ".join(sorted(condition.value for condition in story.monitor.enforce))
    yield "data", _data(story)
    if d.owner:
        yield "owner", text(d.owner)


def served_in_full(d: Decision) -> Text:
    action = Text(d.action.value, style=COLOURS[d.action])
    would = Text(f"would {d.would.value}", style=COLOURS[d.would])
    return action if d.would is d.action else Text.assemble(action, " (", would, ")")


def _data(story: Story) -> str:
    d = story.decision
    if d.data_as_of is None or d.stale_at is None:
        return "nothing is known yet"
    age = duration((story.now - d.data_as_of).total_seconds())
    state = "stale since" if d.stale else "stale from"
    return (
        f"until {moment(d.data_as_of, story.now.date())}, {age} old; "
        f"{state} {moment(d.stale_at, story.now.date())} on (when_stale = {d.when_stale.value})"
    )


def _breaker(story: Story) -> Iterator[Line]:
    state, policy = story.state, story.monitor.breaker if story.monitor else None
    threshold = f" of {policy.failure_threshold} that open it" if policy else ""
    unit = "hour" if story.series and story.series.grain is Grain.HOUR else "day"
    counted = f"{count(state.failures, f'failing {unit}')} in a row{threshold}"
    colour = {Phase.CLOSED: "green", Phase.HALF_OPEN: "yellow", Phase.OPEN: "bold red"}[state.phase]
    yield "breaker", Text.assemble((state.phase.value.replace("_", "-"), colour), f"; {counted}")
    failing = sorted({*state.failing, *state.provisional})
    if failing:
        provisional = f" (provisional: {story.periods(state.provisional)})" if state.provisional else ""
        yield "", f"failing: {story.periods(failing)}{provisional}"
    if state.phase is not Phase.CLOSED:
        yield "", _what_closes_it(story, unit)


def _what_closes_it(story: Story, unit: str) -> str:
    state, today = story.state, story.now.date()
    after = f"after {story.period(state.opened_through)} " if state.opened_through else ""
    decides = f"one {unit} {after}that settles decides: closed if it passes, open again for longer if it fails"
    if state.phase is Phase.OPEN and state.cooldown_until is not None:
        return f"half-open from {moment(state.cooldown_until, today)} on; then {decides}"
    return decides


def _latest(story: Story) -> Iterator[Line]:
    latest = story.state.latest
    if latest is None:
        yield "latest", "no period has been judged yet"
        return
    verdict = "failure" if latest.failure else "no failure"
    settled = "provisional" if latest.provisional else "settled"
    yield "latest", f"{story.period(latest.at)} cost {story.money(latest.value)} ({settled}): {verdict}"
    if latest.expected is not None:
        limit = "" if latest.limit is None else f"; found unusual above {story.money(latest.limit)}"
        least = f", counts from {story.money(story.monitor.min_impact)} on" if story.monitor else ""
        usual = "" if latest.low is None else f" ({story.money(latest.low)} to {story.money(latest.high)})"
        yield "", f"expected {story.money(latest.expected)}{usual}{limit}; excess {story.money(latest.excess)}{least}"
        if latest.window > 1 and latest.failure:
            unit = "hours" if story.series and story.series.grain is Grain.HOUR else "days"
            more = story.money(latest.window_excess)
            yield "", f"the last {latest.window} {unit} together cost {more} more than expected"
    for reason in latest.reasons:
        yield "", f"{SENTENCES[reason]} ({reason.value})"


def _baseline(story: Story) -> Iterator[Line]:
    used, out = story.baseline(), story.left_out()
    if story.monitor is None or not (story.monitor.anomaly or story.monitor.burn_rate):
        return
    if used:
        first, last = story.period(used[0]), story.period(used[-1])
        yield "baseline", f"{count(len(used), 'settled period')} from {first} to {last}; {_rule(story.monitor)}"
    else:
        yield "baseline", f"no settled period to compare with; {_rule(story.monitor)}"
    if out:
        yield "", f"kept out as anomalous until acknowledged or old enough: {story.periods(out)}"


def _rule(monitor: Monitor) -> str:
    rules = []
    if monitor.anomaly:
        rules.append(_method(monitor.anomaly))
    if monitor.burn_rate:
        rules.append(f"burn rate: hot from {monitor.burn_rate.hot_multiplier:g} times the mean on")
    return "; ".join(rules)


def _method(policy: AnomalyPolicy) -> str:
    if policy.method == SEASONAL:
        week = policy.false_alerts_a_week
        whole = f"{week:g} a week for all circuits of a channel" if week else f"{policy.false_alerts:g} a quarter"
        return f"seasonal: above its own range; false alerts accepted: {whole}"
    if policy.method == "mad":
        return f"mad: above the median by {policy.z_threshold:g} deviations"
    if policy.method == "percentile":
        return f"percentile: above the {policy.percentile:.0%} mark"
    return f"spike: above {policy.spike_multiplier:g} times the mean"


def _budget(story: Story) -> Iterator[Line]:
    view = story.state.budget
    if view is None:
        return
    ratio = float(view.spend / view.limit)
    period = span(view.start, view.end, story.now.date())
    yield (
        "budget",
        Text.assemble(
            gauge(ratio), f" {share(ratio)}: {story.money(view.spend)} of {story.money(view.limit)} for {period}"
        ),
    )
    through = "" if view.settled_through is None else f", through {day(view.settled_through, story.now.date())}"
    whole = "" if view.complete else "; the data are not complete, so nothing is relaxed on them"
    yield "", f"{count(view.settled_days, 'settled day')}{through}; warns from {view.warning_ratio:.0%} on{whole}"
    yield "", "too early for a forecast" if view.projected is None else f"heading for {story.money(view.projected)}"
    if story.state.budget_breached:
        yield "", "blocks until the period ends, the limit is raised, or complete data lie below it again"


def _days(story: Story) -> Iterator[Line]:
    series = story.series
    if series is None:
        return
    known = [i for i, is_known in enumerate(series.known) if is_known][-_SHOWN_DAYS:]
    if known:
        out = {past.at for past in story.state.anomalies}
        values = [series.values[i] if series.known[i] else None for i in range(known[0], known[-1] + 1)]
        marked = [i - known[0] for i in known if series.starts[i] in out]
        first, last = story.period(series.starts[known[0]]), story.period(series.starts[known[-1]])
        yield "run rate", Text.assemble(spark(values, marked), (f"  {first} to {last}", "dim"))


def _acts(story: Story) -> Iterator[Line]:
    for place, act in enumerate(story.acts):
        what = act.action.value if act.action else f"{act.amount} a day" if act.amount is not None else ""
        end = f" until {moment(act.until, story.now.date())}" if act.until else ""
        yield (
            "" if place else "acts",
            text(f"{act.kind} {what}{end} by {act.owner}: {act.reason}".replace("  ", " "), limit=300),
        )
