"""What several tables must agree on. Each check is a generator of problems over values that are right by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel

from cloudcircuit.config.schema import ConsoleTable, DefaultsTable, MonitorTable
from cloudcircuit.config.text import path_of, quoted
from cloudcircuit.config.units import format_duration
from cloudcircuit.config.values import SourceConfig
from cloudcircuit.errors import Problem
from cloudcircuit.model import (
    SEASONAL,
    AnomalyPolicy,
    Breakdown,
    BurnRatePolicy,
    Condition,
    Fx,
    Grain,
    Mode,
    Monitor,
    Period,
)

Sources = Mapping[str, SourceConfig]

_SOURCE = "source:"
"""What an act says before the name of a source, where circuits have their names."""

_LENGTH = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 31, Period.QUARTER: 92, Period.YEAR: 366}
_STEP = {Grain.DAY: timedelta(days=1), Grain.HOUR: timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class Written:
    """Where a monitor's words stand: in its own table, or in [defaults]."""

    name: str
    own: MonitorTable
    defaults: DefaultsTable

    def problem(self, message: str, *words: str) -> Problem:
        """A problem at the key that the operator has written, or would have to write."""
        shared = not _says(self.own, words) and _says(self.defaults, words)
        return Problem(path_of((*(("defaults",) if shared else ("monitors", self.name)), *words)), message)


def _says(table: BaseModel, words: tuple[str, ...]) -> bool:
    value: object = table
    for word in words:
        if not isinstance(value, BaseModel) or word not in value.model_fields_set:
            return False
        value = getattr(value, word)
    return bool(words)


def check_monitor(monitor: Monitor, written: Written, sources: Sources, fx: tuple[Fx, ...]) -> Iterator[Problem]:
    """One monitor against itself, its sources and the conversion table."""
    yield from _baselines(monitor, written)
    if monitor.name.startswith(_SOURCE):
        yield written.problem(f"begins with {quoted(_SOURCE)}, which `cloudcircuit ack` takes for a source; rename it")
    if not (monitor.anomaly or monitor.burn_rate or _has_budget(monitor)):
        yield written.problem("judges nothing; give it a budget, or switch on anomaly or burn_rate")
    if _says(written.own, ("enforce",)):  # what [defaults] enforces is for many, and need not fit them all
        yield from _enforced(monitor, written)
    yield from _lags(monitor, written, [sources[name] for name in monitor.sources if name in sources])
    if monitor.mode is Mode.ENFORCE and any(line.into == monitor.currency for line in fx):
        text = f"cannot be enforce: [[fx]] converts into {monitor.currency}, and converted money only observes"
        yield written.problem(text, "mode")


def _baselines(monitor: Monitor, written: Written) -> Iterator[Problem]:
    checks: list[tuple[str, AnomalyPolicy | BurnRatePolicy | None]] = [
        ("anomaly", monitor.anomaly),
        ("burn_rate", monitor.burn_rate),
    ]
    for word, check in checks:
        if check and check.min_days > check.lookback:
            text = f"min_days ({check.min_days}) is more than lookback ({check.lookback})"
            yield written.problem(text, word, "min_days")
    if monitor.anomaly:
        yield from _other_methods(monitor.anomaly, written)


_SIMPLE = ("spike_multiplier", "z_threshold", "min_mad", "percentile", "min_baseline")


def _other_methods(policy: AnomalyPolicy, written: Written) -> Iterator[Problem]:
    """What a monitor says of a method that is not its own would be passed over without a word."""
    is_seasonal = policy.method == SEASONAL
    for name in _SIMPLE if is_seasonal else ("false_alerts",):
        if _says(written.own, ("anomaly", name)):
            ours = "spike, mad or percentile" if is_seasonal else "seasonal"
            text = f'has no meaning for method = "{policy.method}"; it is for {ours}: say which you want'
            yield written.problem(text, "anomaly", name)


def _has_budget(monitor: Monitor) -> bool:
    return monitor.budget is not None or monitor.book is not None


def _enforced(monitor: Monitor, written: Written) -> Iterator[Problem]:
    """What is enforced must be able to happen."""
    no_budget = "" if _has_budget(monitor) else "there is no budget; write budget = { amount = … }"
    reasons = {
        Condition.BUDGET: no_budget,
        Condition.WARNING: no_budget,
        Condition.FORECAST: no_budget or ("" if monitor.forecast else "forecast is off"),
        Condition.ANOMALY: "" if monitor.anomaly else "anomaly is off",
        Condition.BURN_RATE: "" if monitor.burn_rate else "burn_rate is off; write burn_rate = true",
        Condition.BREAKER: "" if monitor.anomaly or monitor.burn_rate else "anomaly and burn_rate are both off",
    }
    for condition in sorted(monitor.enforce):
        if reasons[condition]:
            yield written.problem(f"{quoted(condition)} can never hold: {reasons[condition]}", "enforce")


def _lags(monitor: Monitor, written: Written, sources: list[SourceConfig]) -> Iterator[Problem]:
    """Nothing may run out before new data can be there."""
    cooldown, longest = monitor.breaker.cooldown, monitor.breaker.cooldown_max
    if longest < cooldown:
        text = f"{format_duration(longest)} is shorter than the cooldown ({format_duration(cooldown)})"
        yield written.problem(text, "breaker", "cooldown_max")
    for source in sorted(sources, key=lambda source: source.lag, reverse=True)[:1]:
        behind = f"source {quoted(source.name)} is {format_duration(source.lag)} behind"
        if cooldown < source.lag:
            text = f"{format_duration(cooldown)} ends before anything new can be seen: {behind}"
            yield written.problem(text, "breaker", "cooldown")
        oldest = max(source.lag + _STEP[source.grain] for source in sources)
        if monitor.stale_after < oldest:
            given = format_duration(monitor.stale_after)
            text = f"healthy data are {given} old ({behind}): write at least {format_duration(oldest)}"
            yield written.problem(text, "stale_after")
    if len({source.grain for source in sources}) > 1:
        grains = ", ".join(f"{source.name} by {source.grain}" for source in sources)
        yield written.problem(f"must all have the same grain ({grains}): make two monitors", "sources")


def check_keep(keep: timedelta, monitor: Monitor, sources: Sources) -> Iterator[Problem]:
    """A budget is summed over charges that are still there, a baseline over days that are."""
    lags = [sources[name].lag for name in monitor.sources if name in sources]
    period = _LENGTH[monitor.budget.period if monitor.budget else Period.MONTH] if _has_budget(monitor) else 0
    baseline = max((check.lookback for check in (monitor.anomaly, monitor.burn_rate) if check), default=0)
    needed = timedelta(days=max(period, baseline)) + max(lags, default=timedelta(0))
    if keep < needed:
        text = f"monitor {quoted(monitor.name)} looks back {format_duration(needed)}; keep at least as much"
        yield Problem("daemon.keep", text)


def check_fx(fx: tuple[Fx, ...]) -> Iterator[Problem]:
    seen: dict[tuple[str, str, object], int] = {}
    for at, line in enumerate(fx):
        if line.currency == line.into:
            yield Problem(f"fx[{at}]", f"converts {line.currency} into itself")
        first = seen.setdefault((line.currency, line.into, line.since), at)
        if first != at:
            yield Problem(f"fx[{at}]", f"the same currencies from the same day as fx[{first}]")


def check_fallbacks(notifiers: Mapping[str, ConsoleTable | None]) -> Iterator[Problem]:
    """A message must come to an end: no channel is its own fallback, by whatever way around."""
    for name in notifiers:
        way = {name: None}  # a set that keeps its order
        last = name
        while (table := notifiers.get(last)) and table.fallback and table.fallback not in way:
            last = table.fallback
            way[last] = None
        if table and table.fallback == name:
            text = f"goes round in a circle: {' > '.join([*way, name])}"
            yield Problem(path_of(("notifiers", name, "fallback")), text)


def check_support(source: SourceConfig, monitors: list[Monitor]) -> Iterator[Problem]:
    """Ask the adapter whether this source can answer what each monitor will ask, and with which breakdowns."""
    askers: dict[Breakdown, list[str]] = {}
    for monitor in monitors:
        if source.name in monitor.sources:
            askers.setdefault(monitor.need, []).append(monitor.name)
    path = path_of(("sources", source.name))
    try:
        answers = {need: source.plugin.unsupported(source.options, need, source.grain) for need in askers}
        able = [need for need in askers if not answers[need]]
        found = source.plugin.split(source.options, able, source.grain) if able else ()
        source.plugin.scope(source.options)  # asked for later, where nobody could say what is wrong
        lost = [need for need in able if not any(breakdown.answers(need) for breakdown in found)]
    except Exception as error:  # noqa: BLE001 - a third party's code; whatever it is, the other problems matter, too
        text = f"the adapter {source.adapter} is broken: asked what it supports, it raised {type(error).__name__}"
        yield Problem(path, text)
        return
    for need, refusals in answers.items():
        asked = ", ".join(quoted(name) for name in sorted(askers[need])[:5])
        yield from (Problem(path, f"{refusal} (asked by {asked})") for refusal in refusals)
    for need in lost:
        name = quoted(min(askers[need]))
        yield Problem(path, f"the adapter {source.adapter} is broken: it has no breakdown that answers {name}")
