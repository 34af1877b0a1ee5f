"""What is noted of each circuit after each moment of a backtest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cloudcircuit.model import Action, AlertKind, BreakerState, BudgetView, Grain, Monitor, Verdict
from cloudcircuit.service.backtest.result import Alert, Block, BudgetPoint, CircuitHistory, Point, Run, Status

RUN_RATE = frozenset({AlertKind.ANOMALY, AlertKind.TRIPPED, AlertKind.ESCALATED})
"""Kinds that tell a run of unusual periods."""


@dataclass(frozen=True, slots=True)
class News:
    """What was told of one circuit at one moment: by alerts of its own, or by that of another circuit (`told_by`)."""

    told: Set[AlertKind] = frozenset()
    alerts: tuple[Alert, ...] = ()
    told_by: str | None = None


_NO_NEWS = News()


@dataclass(slots=True)
class _OpenRun:
    """A run of unusual periods that has not ended: their excess by period, and when it was told first."""

    since: datetime
    excess: dict[datetime, float] = field(default_factory=dict)
    alerted_at: datetime | None = None
    told_by: str | None = None


@dataclass(slots=True)
class Track:
    """One circuit: what was said of its periods, where it stood at each moment, and its runs."""

    circuit: str
    monitor: Monitor
    grain: Grain
    points: dict[datetime, Point] = field(default_factory=dict)
    budgets: list[BudgetPoint] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    _run: _OpenRun | None = None

    def note(self, at: datetime, state: BreakerState, news: News, *, reported: bool) -> None:
        """What came of a moment. Before the reported span only periods and runs are kept."""
        if state.latest is not None:
            self._note_point(state.latest)
        self._note_run(at, state, news)
        if not reported:
            return
        self.alerts += news.alerts
        self.statuses.append(_status(at, state))
        if state.budget is not None:
            self.budgets.append(_budget(at, state.budget))

    def finish(self, start: datetime) -> CircuitHistory:
        """All of it, with the runs that reach into the span that begins at `start`."""
        runs = [*self.runs, *([self._closed(self._run, is_open=True)] if self._run else [])]
        points = tuple(self.points[at] for at in sorted(self.points))
        return CircuitHistory(
            circuit=self.circuit,
            monitor=self.monitor.name,
            currency=self.monitor.currency,
            grain=self.grain,
            points=points,
            budgets=tuple(self.budgets),
            statuses=tuple(self.statuses),
            alerts=tuple(self.alerts),
            runs=tuple(run for run in runs if (run.alerted_at or run.through) >= start),
            blocks=tuple(_blocks(self.circuit, self.monitor, self.statuses, points)),
        )

    def _note_point(self, latest: Verdict) -> None:
        known = self.points.get(latest.at)
        if known is None or (known.provisional and not latest.provisional):
            self.points[latest.at] = _point(latest)

    # --- runs -----------------------------------------------------------------------------------------------

    def _note_run(self, at: datetime, state: BreakerState, news: News) -> None:
        since = state.anomaly_since
        if self._run is not None and (since is None or since > self._run.since):
            resolution = next((alert.resolution for alert in news.alerts if alert.kind is AlertKind.RESOLVED), None)
            self.runs.append(self._closed(self._run, resolution=resolution))
            self._run = None
        elif self._run is None and since is None:
            self.runs += [self._found_late(alert) for alert in news.alerts if alert.kind is AlertKind.ANOMALY]
        if since is not None:
            run = self._run = self._run or _OpenRun(since)
            run.since = min(run.since, since)
            run.excess |= _unusual(state, since)
            if run.alerted_at is None and RUN_RATE & news.told:
                run.alerted_at, run.told_by = at, news.told_by

    def _closed(self, run: _OpenRun, *, is_open: bool = False, resolution: str | None = None) -> Run:
        told = run.alerted_at
        return Run(
            circuit=self.circuit,
            monitor=self.monitor.name,
            currency=self.monitor.currency,
            since=run.since,
            through=max(run.excess, default=run.since),
            periods=len(run.excess),
            excess=sum(run.excess.values()),
            alerted_at=told,
            days_to_alert=None if told is None else (told - run.since) / timedelta(days=1),
            avoidable=sum(excess for start, excess in run.excess.items() if told is not None and start >= told),
            is_open=is_open,
            resolution=resolution,
            told_by=run.told_by,
        )

    def _found_late(self, alert: Alert) -> Run:
        """Periods that were found unusual only when they were over."""
        run = _OpenRun(alert.since or alert.at, alerted_at=alert.at)
        return replace(self._closed(run), excess=alert.excess or 0.0, periods=1)


def _unusual(state: BreakerState, since: datetime) -> dict[datetime, float]:
    """The periods of the present run that failed, with what they cost above the expected."""
    found = {past.at: past.excess for past in state.anomalies if past.at >= since}
    latest = state.latest
    if latest is not None and latest.failure and latest.at >= since:
        found[latest.at] = latest.excess
    return found


# --- values -----------------------------------------------------------------------------------------------


def _point(verdict: Verdict) -> Point:
    return Point(
        at=verdict.at,
        value=verdict.value,
        expected=verdict.expected,
        low=verdict.low,
        high=verdict.high,
        limit=verdict.limit,
        score=verdict.score,
        excess=verdict.excess,
        failure=verdict.failure,
        provisional=verdict.provisional,
        window=verdict.window,
    )


def _budget(at: datetime, view: BudgetView) -> BudgetPoint:
    return BudgetPoint(
        at=at,
        start=view.start,
        end=view.end,
        spend=view.spend,
        limit=view.limit,
        known_through=view.known_through,
        projected=view.projected,
        low=view.low,
        high=view.high,
        p_breach=view.p_breach,
    )


def _status(at: datetime, state: BreakerState) -> Status:
    action = state.decision.would if state.decision else Action.ALLOW
    return Status(at, state.phase, action, is_standing=bool(state.alerted))


def _blocks(circuit: str, monitor: Monitor, statuses: list[Status], points: Iterable[Point]) -> Iterable[Block]:
    """The times in a row in which the circuit would have been blocked."""
    begun: datetime | None = None
    spans: list[tuple[datetime, datetime | None]] = []
    for status in statuses:
        if status.action is Action.BLOCK and begun is None:
            begun = status.at
        elif status.action is not Action.BLOCK and begun is not None:
            spans.append((begun, status.at))
            begun = None
    if begun is not None:
        spans.append((begun, None))
    for start, end in spans:
        spend = sum(point.value for point in points if point.at >= start and (end is None or point.at < end))
        yield Block(circuit, monitor.name, monitor.currency, start, end, spend)


@dataclass(slots=True)
class Recorder:
    """What is noted of all circuits."""

    monitors: Mapping[str, Monitor]
    hourly: frozenset[str]
    tracks: dict[str, Track] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)

    def note(
        self,
        at: datetime,
        states: Mapping[str, BreakerState],
        told: Mapping[str, Set[AlertKind]],
        alerts: Sequence[Alert],
        *,
        reported: bool,
    ) -> None:
        news = _sort(told, alerts)
        for name, state in states.items():
            track = self.tracks.get(name) or self._begin(name, state)
            track.note(at, state, news.get(name, _NO_NEWS), reported=reported)
        if reported:
            self.alerts += alerts

    def _begin(self, name: str, state: BreakerState) -> Track:
        grain = Grain.HOUR if state.monitor in self.hourly else Grain.DAY
        track = self.tracks[name] = Track(name, self.monitors[state.monitor], grain)
        return track


def _sort(told: Mapping[str, Set[AlertKind]], alerts: Sequence[Alert]) -> dict[str, News]:
    """What was told, by circuit."""
    own: dict[str, list[Alert]] = {}
    for alert in alerts:
        if alert.circuit is not None:
            own.setdefault(alert.circuit, []).append(alert)
    speakers = {member: alert.circuit for alert in alerts for member in alert.members}
    return {
        name: News(told.get(name, frozenset()), tuple(own.get(name, ())), None if name in own else speakers.get(name))
        for name in told.keys() | own.keys()
    }
