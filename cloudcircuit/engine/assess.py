"""What the run-rate checks of the library say of one charge period of one circuit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite

from cloudcircuit.model import (
    Act,
    AnomalousPeriod,
    AnomalyPolicy,
    BreakerState,
    Grain,
    Monitor,
    Reason,
    Verdict,
)
from cloudcircuit.safeguards import (
    AnomalyCheckResult,
    BurnRateResult,
    check_anomaly_robust,
    check_anomaly_spike,
    check_burn_rate,
)


@dataclass(frozen=True, slots=True)
class Series:
    """One circuit's run rate over contiguous charge periods, oldest first.

    `values` are in the monitor's currency; what is not `known` has no meaning (it is not zero). A period that is
    `settled` is known and will not be judged again. Raises ValueError when a known value is not finite, when a
    settled period is not known, and when the lengths differ: a NaN compared with a limit would read as "below".
    """

    starts: Sequence[datetime]
    values: Sequence[float]
    known: Sequence[bool]
    settled: Sequence[bool]
    grain: Grain = Grain.DAY

    def __post_init__(self) -> None:
        for start, value, known, settled in zip(self.starts, self.values, self.known, self.settled, strict=True):
            if known and not isfinite(value):
                raise ValueError(f"the spend of {start.isoformat()} is not a finite number")
            if settled and not known:
                raise ValueError(f"{start.isoformat()} cannot be settled: nothing is known of it")


@dataclass(frozen=True, slots=True)
class Case:
    """One period of one circuit before its judge. `planned` are the expectations that speak of the circuit."""

    monitor: Monitor
    state: BreakerState
    series: Series
    index: int
    planned: Sequence[Act] = ()

    @property
    def at(self) -> datetime:
        return self.series.starts[self.index]


def judge(case: Case) -> Verdict:
    """Judge a period against the settled ones before it.

    The baseline leaves out periods that were judged anomalous (see `stays_out`) and those with announced spend,
    which raises what is expected of the periods that it covers. A period of refunds counts as 0.
    """
    extra = _announced(case.planned, case.at, case.series.grain)
    reasons = [Reason.EXPECTED_SPEND] if extra else []
    value = case.series.values[case.index]
    if value < 0:
        value, reasons = 0.0, [*reasons, Reason.NEGATIVE_DAY]
    anomaly = _anomaly(case, max(0.0, value - extra))
    burn = _burn(case, max(0.0, value - extra))
    if anomaly is None and burn is None and (case.monitor.anomaly or case.monitor.burn_rate):
        reasons.append(Reason.SHORT_HISTORY)
    found = _found(anomaly, burn)
    expected = anomaly.baseline_mean if anomaly else burn.average_spend if burn else None
    excess = 0.0 if expected is None else max(0.0, value - extra - expected)
    failure = bool(found) and excess >= float(case.monitor.min_impact)
    if found and not failure:
        reasons.append(Reason.BELOW_MIN_IMPACT)
    limit = _limit(case, anomaly, burn)
    return Verdict(
        at=case.at,
        value=value,
        expected=None if expected is None else expected + extra,
        limit=None if limit is None else limit + extra,
        excess=excess,
        failure=failure,
        provisional=not case.series.settled[case.index],
        reasons=(*(found if failure else ()), *reasons),
    )


def _found(anomaly: AnomalyCheckResult | None, burn: BurnRateResult | None) -> tuple[Reason, ...]:
    spikes = (Reason.ANOMALY,) if anomaly is not None and anomaly.is_spike else ()
    return (*spikes, Reason.BURN_RATE) if burn is not None and burn.is_hot else spikes


def _limit(case: Case, anomaly: AnomalyCheckResult | None, burn: BurnRateResult | None) -> float | None:
    """What the value had to exceed to be found: the lower of the two limits."""
    limits = [] if anomaly is None else [anomaly.threshold]
    if burn is not None and case.monitor.burn_rate is not None:
        limits.append(burn.average_spend * case.monitor.burn_rate.hot_multiplier)
    return min(limits, default=None)


def _anomaly(case: Case, value: float) -> AnomalyCheckResult | None:
    policy = case.monitor.anomaly
    history = [] if policy is None else baseline(case, policy.lookback)
    if policy is None or len(history) < policy.min_days:
        return None
    points = [*history, value]
    if policy.method == "spike":
        return check_anomaly_spike(points, policy.spike_multiplier, policy.min_baseline)
    return check_anomaly_robust(
        points,
        method="percentile" if policy.method == "percentile" else "mad",
        z_threshold=policy.z_threshold,
        min_mad=policy.min_mad,
        percentile=policy.percentile,
        min_baseline=policy.min_baseline,
    )


def _burn(case: Case, value: float) -> BurnRateResult | None:
    policy = case.monitor.burn_rate
    history = [] if policy is None else baseline(case, policy.lookback)
    if policy is None or len(history) < policy.min_days:
        return None
    return check_burn_rate([*history, value], policy.hot_multiplier)


def baseline(case: Case, lookback: int) -> list[float]:
    """The last `lookback` settled periods that may speak for what is normal, oldest first; refunds count as 0.

    An hour is compared with the same hour of the days before: a day's rhythm is no anomaly.
    """
    return [max(0.0, case.series.values[i]) for i in baseline_periods(case, lookback)]


def baseline_periods(case: Case, lookback: int) -> list[int]:
    """The indexes of the baseline, oldest first."""
    series, state = case.series, case.state
    policy = case.monitor.anomaly or AnomalyPolicy()
    out = {past.at for past in state.anomalies if stays_out(past, case.at, state, policy)}
    step = 24 if series.grain is Grain.HOUR else 1
    found: list[int] = []
    for i in range(case.index - step, -1, -step):
        if len(found) == lookback:
            break
        start = series.starts[i]
        if series.settled[i] and start not in out and not _announced(case.planned, start, series.grain):
            found.append(i)
    return found[::-1]


def stays_out(past: AnomalousPeriod, at: datetime, state: BreakerState, policy: AnomalyPolicy) -> bool:
    """Whether an anomalous period is kept out of the baseline of the period at `at`.

    It is, until somebody acknowledges it, until it is `new_level_after` days old, or until the present run of
    anomalies has lasted that long: then the run is the new level, and all of it comes in at once.
    """
    if past.admitted:
        return False
    return not is_level(state, at, policy) and at - past.at < timedelta(days=policy.new_level_after)


def is_level(state: BreakerState, at: datetime, policy: AnomalyPolicy | None) -> bool:
    """Whether the present run of anomalies has lasted so long by the period at `at` that it is the new level."""
    patience = timedelta(days=(policy or AnomalyPolicy()).new_level_after)
    return state.anomaly_since is not None and at - state.anomaly_since >= patience


def _announced(acts: Sequence[Act], start: datetime, grain: Grain) -> float:
    """The announced spend of one period: the amounts a day of the expectations that cover any of it."""
    length = timedelta(hours=1) if grain is Grain.HOUR else timedelta(days=1)
    total = sum(float(act.amount) for act in acts if act.amount is not None and _covers(act, start, start + length))
    return total / 24 if grain is Grain.HOUR else total


def _covers(act: Act, start: datetime, end: datetime) -> bool:
    """An expectation speaks of the time from its beginning until it runs out or is ended by hand."""
    return act.at < end and all(limit is None or start < limit for limit in (act.until, act.ended_at))
