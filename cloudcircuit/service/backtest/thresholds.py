"""What other thresholds would have told, from the scores that a backtest has already computed.

A circuit's run begins with the first period that fires and ends as in the breaker: after `failure_threshold` good
ones in a row. The scores are those of the replay: that other thresholds keep other days out of the baseline is left
aside, so that a grid of settings costs no replay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import inf, log10

from cloudcircuit.model import SEASONAL, Monitor
from cloudcircuit.service.backtest.result import CircuitHistory, Point

_STEPS = (1.0, 0.7, 0.5, 0.3, 0.2, 0.15)
FALSE_ALERTS = (*(round(step / 10**decade, 8) for decade in range(4) for step in _STEPS), 0.0001)
"""The sensitivities that are tried, in false alerts per circuit and quarter; the schema allows no others beyond."""

IMPACTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""What the monitor's `min_impact` is multiplied by."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What one monitor could be set to. `false_alerts` is None for a method that has no such thing."""

    false_alerts: float | None
    min_impact: float


@dataclass(frozen=True, slots=True)
class Fired:
    """A run as a setting would tell it: its circuit, its first and last period, and its excess."""

    circuit: str
    since: datetime
    through: datetime
    excess: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A period that may fire: its place among the judged ones, and what it takes."""

    place: int
    at: datetime
    score: float
    excess: float


@dataclass(slots=True)
class Grid:
    """The periods of one monitor's circuits that may fire, from the beginning of the reported span on."""

    monitor: Monitor
    start: datetime
    _candidates: dict[str, list[_Candidate]] = field(default_factory=dict)

    @property
    def own(self) -> Setting:
        """How the monitor is set; one that shares an allowance with its channel is near to what it ships with."""
        policy = self.monitor.anomaly
        level = policy.false_alerts if policy and policy.method == SEASONAL else None
        return Setting(level, float(self.monitor.min_impact))

    def add(self, circuit: CircuitHistory) -> None:
        found = [
            _Candidate(place, point.at, _score(self.monitor, point), point.excess)
            for place, point in enumerate(circuit.points)
            if _may_fire(self.monitor, point)
        ]
        if found:
            self._candidates[circuit.circuit] = found

    def settings(self) -> list[Setting]:
        """The monitor's own setting and all that are tried beside it."""
        own, impact = self.own, float(self.monitor.min_impact)
        levels = {own.false_alerts} | (set(FALSE_ALERTS) if own.false_alerts is not None else set())
        impacts = [impact * times for times in IMPACTS] if impact else [0.0, *map(float, IMPACTS)]
        return [Setting(level, least) for level in levels for least in impacts]

    def runs(self, setting: Setting) -> list[Fired]:
        """What the setting would have told, in order."""
        least = -log10(setting.false_alerts or 1.0)
        found: list[Fired] = []
        for circuit, candidates in self._candidates.items():
            firing = [one for one in candidates if one.score > least and one.excess >= setting.min_impact]
            found += (_fired(circuit, run) for run in _split(firing, self.monitor.breaker.failure_threshold))
        return sorted((run for run in found if run.since >= self.start), key=lambda run: (run.since, run.circuit))


def _may_fire(monitor: Monitor, point: Point) -> bool:
    """Whether any setting could make a period fire."""
    if _is_seasonal(monitor):
        return point.failure or (
            point.score is not None
            and point.score > -log10(FALSE_ALERTS[0])
            and (point.window == 1 or (point.high is not None and point.value > point.high))
        )
    return point.failure or (point.limit is not None and point.value > point.limit)


def _score(monitor: Monitor, point: Point) -> float:
    """What is compared with the threshold: the simple methods have none to set, and what they find fires."""
    return point.score if _is_seasonal(monitor) and point.score is not None else inf


def _is_seasonal(monitor: Monitor) -> bool:
    return monitor.anomaly is not None and monitor.anomaly.method == SEASONAL


def _split(firing: Sequence[_Candidate], threshold: int) -> Iterable[list[_Candidate]]:
    """Runs: so many good periods in a row end one."""
    run: list[_Candidate] = []
    for one in firing:
        if run and one.place - run[-1].place > threshold:
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _fired(circuit: str, run: Sequence[_Candidate]) -> Fired:
    return Fired(circuit, run[0].at, run[-1].at, sum(one.excess for one in run))
