"""What the run-rate checks of the library say of one charge period of one circuit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cloudcircuit.engine.seasonal import Surprise
from cloudcircuit.engine.series import Series
from cloudcircuit.model import (
    SEASONAL,
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
    check_anomaly_robust,
    check_anomaly_spike,
    check_burn_rate,
)


@dataclass(frozen=True, slots=True)
class Case:
    """One period of one circuit before its judge. `planned` are the expectations that speak of the circuit.

    `surprise` is what the detector says of the period, where the monitor's method is the seasonal one; None while
    there is too little to learn from.
    """

    monitor: Monitor
    state: BreakerState
    series: Series
    index: int
    planned: Sequence[Act] = ()
    surprise: Surprise | None = None

    @property
    def at(self) -> datetime:
        return self.series.starts[self.index]

    @property
    def is_seasonal(self) -> bool:
        return self.monitor.anomaly is not None and self.monitor.anomaly.method == SEASONAL


@dataclass(frozen=True, slots=True)
class _Finding:
    """What one check says, in money and without what was announced: what was expected, above what it finds."""

    reason: Reason
    found: bool
    expected: float
    limit: float


def judge(case: Case) -> Verdict:
    """Judge a period against the settled ones before it.

    The baseline leaves out periods that were judged anomalous (see `stays_out`) and those with announced spend,
    which raises what is expected of the periods that it covers. A period of refunds counts as 0 for the simple checks.
    """
    extra = announced(case.planned, case.at, case.series.grain)
    reasons = [Reason.EXPECTED_SPEND] if extra else []
    value = float(case.series.values[case.index])
    if value < 0 and not case.is_seasonal:
        value, reasons = 0.0, [*reasons, Reason.NEGATIVE_DAY]
    findings = [one for one in (_anomaly(case, value - extra), _burn(case, max(0.0, value - extra))) if one]
    if not findings and (case.monitor.anomaly or case.monitor.burn_rate):
        reasons.append(Reason.SHORT_HISTORY)
    found = tuple(one.reason for one in findings if one.found)
    expected = findings[0].expected if findings else None
    excess = 0.0 if expected is None else max(0.0, value - extra - expected)
    failure = bool(found) and excess >= float(case.monitor.min_impact)
    if found and not failure:
        reasons.append(Reason.BELOW_MIN_IMPACT)
    if case.surprise is not None and case.surprise.lingers:
        reasons.append(Reason.LINGERING)
    limit = min((one.limit for one in findings), default=None)
    return replace(
        _seasonal(case.surprise, extra) if case.is_seasonal else _NOTHING,
        at=case.at,
        value=value,
        expected=None if expected is None else expected + extra,
        limit=None if limit is None else limit + extra,
        excess=excess,
        failure=failure,
        provisional=not case.series.settled[case.index],
        reasons=(*(found if failure else ()), *reasons),
    )


_NOTHING = Verdict(datetime.min.replace(tzinfo=UTC), 0.0, None, None, 0.0, failure=False, provisional=False)


def _seasonal(surprise: Surprise | None, extra: float) -> Verdict:
    """What the seasonal method says beyond the other checks."""
    if surprise is None:
        return _NOTHING
    return replace(
        _NOTHING,
        low=surprise.low + extra,
        high=surprise.high + extra,
        score=surprise.score,
        window=surprise.window,
        window_excess=surprise.window_excess,
    )


def _anomaly(case: Case, value: float) -> _Finding | None:
    policy = case.monitor.anomaly
    if policy is None:
        return None
    if case.is_seasonal:
        seen = case.surprise
        return None if seen is None else _Finding(Reason.ANOMALY, seen.found, seen.expected, seen.limit)
    history = baseline(case, policy.lookback)
    if len(history) < policy.min_days:
        return None
    result = _simple(policy, [*history, max(0.0, value)])
    return _Finding(Reason.ANOMALY, result.is_spike, result.baseline_mean, result.threshold)


def _simple(policy: AnomalyPolicy, points: list[float]) -> AnomalyCheckResult:
    """The library's own checks: the newest of the points against the others."""
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


def _burn(case: Case, value: float) -> _Finding | None:
    policy = case.monitor.burn_rate
    history = [] if policy is None else baseline(case, policy.lookback)
    if policy is None or len(history) < policy.min_days:
        return None
    result = check_burn_rate([*history, value], policy.hot_multiplier)
    return _Finding(Reason.BURN_RATE, result.is_hot, result.average_spend, result.average_spend * policy.hot_multiplier)


def baseline(case: Case, lookback: int) -> list[float]:
    """The last `lookback` settled periods that may speak for what is normal, oldest first; refunds count as 0.

    An hour is compared with the same hour of the days before: a day's rhythm is no anomaly.
    """
    return [max(0.0, float(case.series.values[i])) for i in baseline_periods(case, lookback)]


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
        if series.settled[i] and start not in out and not announced(case.planned, start, series.grain):
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


def announced(acts: Sequence[Act], start: datetime, grain: Grain) -> float:
    """The announced spend of one period: the amounts a day of the expectations that cover any of it."""
    if not acts:
        return 0.0
    length = timedelta(hours=1) if grain is Grain.HOUR else timedelta(days=1)
    total = sum(float(act.amount) for act in acts if act.amount is not None and _covers(act, start, start + length))
    return total / 24 if grain is Grain.HOUR else total


def _covers(act: Act, start: datetime, end: datetime) -> bool:
    """An expectation speaks of the time from its beginning until it runs out or is ended by hand."""
    return act.at < end and all(limit is None or start < limit for limit in (act.until, act.ended_at))
