"""Judge the circuits of monitors: cut the series, step the breakers, decide, and owe the alerts.

One transaction holds the states of all monitors of a cycle, the history and the alerts that they owe: an incident
speaks for circuits of several monitors, and half of one must not be lost. It is conditional on the versions that
were read; losing that race is normal, and then everything is read and judged again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from cloudcircuit.engine.breaker import Look
from cloudcircuit.errors import AdapterError, ConfigError, Conflict
from cloudcircuit.model import SEASONAL, BreakerState, Monitor, Reason
from cloudcircuit.service.cells import SourceImage
from cloudcircuit.service.explain import Curiosity, explain
from cloudcircuit.service.house import House, watches
from cloudcircuit.service.reading import Views, pick
from cloudcircuit.service.record import record
from cloudcircuit.service.serve import damaged_state, lasting
from cloudcircuit.service.step import Evidence, Round, Stepped, evidence_of, foresee, step, watched
from cloudcircuit.service.survey import survey

log = structlog.get_logger("cloudcircuit.judge")

TRIES = 5
"""How often monitors are read and judged again after a lost race."""

_HOUR = timedelta(hours=1)

Images = Mapping[str, Views]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of the monitors of a cycle."""

    circuits: int
    transitions: int
    alerts: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A monitor that was stepped and is not written yet. `refusal` says why it could not be judged."""

    round: Round
    stepped: tuple[Stepped, ...]
    evidence: Evidence | None = None
    images: Mapping[str, SourceImage] = field(default_factory=dict)
    refusal: str | None = None


def judge_monitors(
    house: House,
    monitors: Sequence[Monitor],
    now: datetime,
    images_of: Callable[[], Images | None],
    *,
    read: str | None = None,
) -> Judged:
    """Judge monitors together, so that what is the same money is told once. Raises StoreError.

    `images_of` gives what the sources of these monitors have said, or None: then nothing is judged, and only time,
    staleness and people's acts have their effect. `read` is the source that is read with this.
    """
    curiosity = Curiosity(house, now)
    for _ in range(TRIES):
        drafts = draft(house, monitors, now, images_of)
        alerts = explain(drafts, curiosity)
        drafts = [replace(one, evidence=None, images={}) for one in drafts]  # much memory, and needed no more
        written = record(house, drafts, alerts, now, read)
        try:
            house.store.commit(written.commit)
        except Conflict:
            continue  # a command, or another source's cycle, wrote first
        return Judged(sum(len(one.stepped) for one in drafts), written.transitions, written.alerts)
    raise Conflict(f"the circuits of {', '.join(m.name for m in monitors)} are being written all the time; try again")


def draft(
    house: House, monitors: Sequence[Monitor], now: datetime, images_of: Callable[[], Images | None]
) -> list[Draft]:
    """Step every circuit of every monitor, and write nothing.

    States are read first: what a source says meanwhile is then judged with versions that are not too new.
    """
    states = _states(house, monitors, now)
    sources, acts = house.store.sources(), house.store.acts()
    left = house.max_blocks_per_hour - house.store.blocks_since(now - _HOUR)
    images, drafts = images_of(), []
    for monitor in monitors:
        round_ = Round(house, monitor, now, sources, acts, blocks_left=left, peers=_peers(house, monitor, states))
        drafts.append(_draft(round_, states[monitor.name], images))
        left = round_.blocks_left  # what one monitor blocks, the next one cannot
    return drafts


def _draft(round_: Round, states: Mapping[str, BreakerState], images: Images | None) -> Draft:
    monitor = round_.monitor
    try:
        own = {} if images is None else pick(images, monitor.sources, monitor.need)
        evidence = None if images is None else evidence_of(round_, own, tuple(states))
    except (AdapterError, ConfigError) as error:
        why = "; ".join(map(str, error.problems)) if isinstance(error, ConfigError) else str(error)
        log.error("monitor cannot be judged", monitor=monitor.name, why=why)  # noqa: TRY400 - says it all
        held = [_hold(round_, state, Reason.NOT_JUDGED) for state in states.values()]
        return Draft(round_, tuple(held), refusal=why)
    if evidence is None:
        return Draft(round_, tuple(step(round_, state, None, lasting(state)) for state in states.values()))
    evidence = foresee(round_, evidence)
    return Draft(round_, tuple(_step_all(round_, states, evidence)), evidence, own)


def _step_all(round_: Round, stored: Mapping[str, BreakerState], evidence: Evidence) -> Iterable[Stepped]:
    """Every circuit of a monitor, in the order of the cut; the detector is asked of all of them at once."""
    policy, circuits = round_.monitor.anomaly, evidence.cut.circuits
    states = [stored.get(one.id) or BreakerState(one.id, one.monitor, one.values) for one in circuits]
    if policy is None or policy.method != SEASONAL:
        return [_step_one(round_, state, evidence, None) for state in states]
    found = survey(watched(round_, evidence, states), held=evidence.cut.foreign)
    return [_step_one(round_, state, evidence, found.look(place)) for place, state in enumerate(states)]


def _step_one(round_: Round, state: BreakerState, evidence: Evidence, surprise: Look | None) -> Stepped:
    if state.circuit in evidence.cut.foreign:
        return _hold(round_, state, Reason.CURRENCY_MISMATCH)
    damage = (Reason.STATE_DAMAGED,) if Reason.STATE_DAMAGED in lasting(state) or _stands_in(state) else ()
    return step(round_, state, evidence, (*evidence.notes, *damage), surprise)


def _hold(round_: Round, state: BreakerState, why: Reason) -> Stepped:
    return step(round_, state, None, tuple(dict.fromkeys((*lasting(state), why))))


def _stands_in(state: BreakerState) -> bool:
    """Whether this is what `_states` put in the place of a damaged row."""
    return state.version == 0 and state.opened_at is not None


def _peers(house: House, monitor: Monitor, states: Mapping[str, Mapping[str, BreakerState]]) -> int:
    """How many circuits of other monitors share a channel with one whose false alerts are counted by the channel."""
    if monitor.anomaly is None or monitor.anomaly.false_alerts_a_week is None:
        return 0
    others = [
        other
        for other in house.monitors
        if other.name != monitor.name
        and other.anomaly is not None
        and other.anomaly.method == SEASONAL
        and other.anomaly.false_alerts_a_week is not None
        and not set(other.channels).isdisjoint(monitor.channels)
    ]
    return sum(len(states[o.name] if o.name in states else house.store.states(o.name)) for o in others)


def _states(house: House, monitors: Sequence[Monitor], now: datetime) -> dict[str, dict[str, BreakerState]]:
    """The stored states by monitor, of the circuits that it watches.

    A row that was damaged is taken for an open breaker whose cooldown begins now.
    """
    by_name = {monitor.name: monitor for monitor in monitors}
    found: dict[str, dict[str, BreakerState]] = {name: {} for name in by_name}
    stored, damaged = house.store.circuits()
    for circuit, state in stored.items():
        monitor = by_name.get(state.monitor)
        if monitor is not None and watches(monitor, state):
            found[monitor.name][circuit] = state
    for monitor in monitors if damaged else ():
        for circuit in house.store.damaged(monitor.name):
            state = replace(damaged_state(monitor.name, circuit, now), cooldown_until=now + monitor.breaker.cooldown)
            if watches(monitor, state):
                found[monitor.name][circuit] = state
    return found
