"""Which thresholds keep an alert budget: the largest money first, and what people acknowledged as they meant it.

What was acknowledged as noise must not fire under the advice, and what was acknowledged otherwise must still.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from math import log

from cloudcircuit.engine.decide import covers
from cloudcircuit.model import Act, Monitor
from cloudcircuit.service.absent import names_source
from cloudcircuit.service.backtest.result import Advice, Backtest, Run, Suggestion
from cloudcircuit.service.backtest.thresholds import Fired, Grid, Setting

QUARTER = 90
"""Days: the unit of `false_alerts`, as in the seasonal method."""

SPOKEN_OF = timedelta(days=30)
"""How long after its end a run is still what an acknowledgement speaks of."""


@dataclass(frozen=True, slots=True)
class _Label:
    """A run that somebody acknowledged."""

    run: Run
    is_noise: bool


@dataclass(frozen=True, slots=True)
class _Option:
    """One setting of one monitor: what it would tell, how many alerts that is, and what it gets wrong."""

    setting: Setting
    fired: tuple[Fired, ...]
    alerts: int
    money: float
    wrong: tuple[Run, ...]
    distance: float


def allowed_a_week(accepted: float, circuits: int) -> float:
    """Alerts a week of so many circuits, from those accepted per circuit and quarter."""
    return accepted * circuits * 7 / QUARTER


def advise(result: Backtest, monitors: Sequence[Monitor], acts: Sequence[Act], allowed: float) -> Advice:
    """Settings for each monitor under which all of them together tell at most `allowed` runs a week.

    What must stay quiet or be told comes before the budget: where both cannot be had, the advice says so.
    """
    labels = _labels(result, acts)
    grids = _grids(result, monitors)
    options = {name: _options(grid, result, labels) for name, grid in grids.items()}
    weeks = max(1, result.summary.days) / 7
    chosen = _choose(options, allowed * weeks)
    fired = [one for option in chosen.values() for one in option.fired]
    told = [run for circuit in result.circuits for run in circuit.runs if run.alerted_at and run.told_by is None]
    return Advice(
        allowed_a_week=allowed,
        before_a_week=len(told) / weeks,
        after_a_week=sum(option.alerts for option in chosen.values()) / weeks,
        suggestions=tuple(line for name, grid in grids.items() for line in _lines(grid, chosen[name], told)),
        quietened=tuple(run for run in told if not _is_told(run, fired)),
        noise_told=tuple(label.run for label in labels if label.is_noise and _is_told(label.run, fired)),
        real_missed=tuple(label.run for label in labels if not label.is_noise and not _is_told(label.run, fired)),
        noise_acknowledged=sum(label.is_noise for label in labels),
        real_acknowledged=sum(not label.is_noise for label in labels),
    )


def _grids(result: Backtest, monitors: Sequence[Monitor]) -> dict[str, Grid]:
    grids = {one.name: Grid(one, result.start) for one in monitors if one.anomaly is not None}
    for circuit in result.circuits:
        if circuit.monitor in grids:
            grids[circuit.monitor].add(circuit)
    return grids


# --- what people said -------------------------------------------------------------------------------------


def _labels(result: Backtest, acts: Sequence[Act]) -> list[_Label]:
    """The runs that acknowledgements speak of; the last word on a run counts."""
    spoken = sorted((act for act in acts if act.kind == "ack" and not names_source(act.match)), key=lambda act: act.at)
    found: dict[int, _Label] = {}
    for act in spoken:
        for circuit in result.circuits:
            run = _spoken_of(act, circuit.runs) if covers(act, circuit.circuit) else None
            if run is not None:
                found[id(run)] = _Label(run, act.noise)
    return list(found.values())


def _spoken_of(act: Act, runs: Iterable[Run]) -> Run | None:
    """The newest run that had been told when somebody acknowledged it."""
    told = [run for run in runs if run.alerted_at is not None and run.alerted_at <= act.at <= run.through + SPOKEN_OF]
    return max(told, key=lambda run: run.since, default=None)


# --- what each setting would do -----------------------------------------------------------------------------


def _options(grid: Grid, result: Backtest, labels: Sequence[_Label]) -> list[_Option]:
    """The settings that get the least wrong of what people said."""
    folded = [run for circuit in result.circuits for run in circuit.runs if run.told_by is not None]
    own = [label for label in labels if label.run.monitor == grid.monitor.name]
    options = [_option(grid, setting, own, _by_circuit(folded)) for setting in grid.settings()]
    least = min(len(option.wrong) for option in options)
    return [option for option in options if len(option.wrong) == least]


def _option(grid: Grid, setting: Setting, labels: Sequence[_Label], folded: Mapping[str, list[Run]]) -> _Option:
    fired = tuple(grid.runs(setting))
    own = [one for one in fired if not any(_overlap(one, run) for run in folded.get(one.circuit, ()))]
    return _Option(
        setting=setting,
        fired=fired,
        alerts=len(own),
        money=sum(one.excess for one in own),
        wrong=tuple(label.run for label in labels if _is_told(label.run, fired) is label.is_noise),
        distance=_distance(setting, grid.own),
    )


def _by_circuit(runs: Iterable[Run]) -> dict[str, list[Run]]:
    ordered = sorted(runs, key=lambda run: run.circuit)
    return {circuit: list(found) for circuit, found in groupby(ordered, key=lambda run: run.circuit)}


def _distance(setting: Setting, own: Setting) -> float:
    """How far a setting lies from the present one, in orders of magnitude: of equals the nearest is taken."""
    level = abs(log((setting.false_alerts or 1.0) / (own.false_alerts or 1.0)))
    return level + abs(log((setting.min_impact or 1.0) / (own.min_impact or 1.0)))


def _is_told(run: Run, fired: Iterable[Fired]) -> bool:
    return any(one.circuit == run.circuit and _overlap(one, run) for one in fired)


def _overlap(fired: Fired, run: Run) -> bool:
    return fired.since <= run.through and run.since <= fired.through


# --- the choice -------------------------------------------------------------------------------------------


def _choose(options: Mapping[str, Sequence[_Option]], alerts: float) -> dict[str, _Option]:
    """From all that each monitor could tell, give up what costs the least money an alert until the budget holds."""
    chosen = {
        name: min(found, key=lambda one: (-one.money, one.alerts, one.distance)) for name, found in options.items()
    }
    while sum(option.alerts for option in chosen.values()) > alerts:
        steps = [
            (_price(chosen[name], option), option.distance, name, option)
            for name, found in options.items()
            for option in found
            if option.alerts < chosen[name].alerts
        ]
        if not steps:
            break
        _, _, name, option = min(steps, key=lambda step: step[:3])
        chosen[name] = option
    return chosen


def _price(now: _Option, option: _Option) -> float:
    return (now.money - option.money) / (now.alerts - option.alerts)


def _lines(grid: Grid, option: _Option, told: Sequence[Run]) -> list[Suggestion]:
    """What is to be written into the configuration, if anything is to change."""
    own, setting, monitor = grid.own, option.setting, grid.monitor
    before = sum(run.monitor == monitor.name for run in told)
    found = []
    policy = monitor.anomaly
    if setting.false_alerts is not None and setting.false_alerts != own.false_alerts:
        week = policy.false_alerts_a_week if policy else None
        now = f"{own.false_alerts:g}" if week is None else f'"{week:g}/week"'
        found.append(("anomaly.false_alerts", now, f"{setting.false_alerts:g}"))
    if setting.min_impact != own.min_impact:
        found.append(("min_impact", f"{own.min_impact:g}", _plain(setting.min_impact)))
    return [Suggestion(monitor.name, key, now, value, before, option.alerts) for key, now, value in found]


def _plain(amount: float) -> str:
    """An amount as TOML has it, never with an exponent."""
    return f"{amount:.2f}".rstrip("0").rstrip(".")
