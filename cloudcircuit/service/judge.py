"""Judge the circuits of monitors: cut the series, step the breakers, decide, and owe the alerts.

One transaction for each monitor holds its states, the history and the alerts that they owe. It is conditional on the
versions that were read; losing that race is normal, and then the monitor is read and judged again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from cloudcircuit.engine.alerts import envelopes
from cloudcircuit.engine.decide import covers
from cloudcircuit.errors import AdapterError, ConfigError, Conflict
from cloudcircuit.model import (
    Action,
    AlertKind,
    BreakerState,
    Circuit,
    CircuitAlert,
    Commit,
    Entry,
    Monitor,
    Phase,
    Reason,
    Severity,
    SourceAlert,
)
from cloudcircuit.service.cells import SourceImage
from cloudcircuit.service.explain import explain, plain
from cloudcircuit.service.house import House
from cloudcircuit.service.serve import LASTING, damaged_state
from cloudcircuit.service.step import Evidence, Round, Stepped, evidence_of, step

log = structlog.get_logger("cloudcircuit.judge")

TRIES = 5
"""How often a monitor is read and judged again after a lost race."""

Images = Mapping[str, SourceImage]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one monitor in a cycle."""

    monitor: str
    circuits: int
    transitions: int
    alerts: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A monitor that was stepped and is not written yet."""

    round: Round
    stepped: tuple[Stepped, ...]
    evidence: Evidence | None = None
    images: Images = field(default_factory=dict)
    events: tuple[SourceAlert, ...] = ()


def judge_monitors(
    house: House, monitors: Sequence[Monitor], now: datetime, images_of: Callable[[Monitor], Images | None]
) -> list[Judged]:
    """Judge monitors together, so that what is the same money is told once. Raises StoreError.

    `images_of` gives what the sources of a monitor have said, or None: then nothing is judged, and only time,
    staleness and people's acts have their effect.
    """
    drafts = [draft(house, monitor, now, images_of(monitor)) for monitor in monitors]
    alerts = explain(house, drafts, now)
    judged = []
    for one in drafts:
        name = one.round.monitor.name
        try:
            judged.append(_write(house, one, [a for a in alerts if a.monitor.name == name], now))
        except Conflict:
            judged.append(_again(house, one.round.monitor, now, images_of))
    return judged


def _again(house: House, monitor: Monitor, now: datetime, images_of: Callable[[Monitor], Images | None]) -> Judged:
    """Somebody wrote first (a command, another source's cycle): read anew and judge alone."""
    for _ in range(TRIES):
        one = draft(house, monitor, now, images_of(monitor))
        try:
            return _write(house, one, plain(one, now), now)
        except Conflict:
            continue
    raise Conflict(f"monitor {monitor.name}: its circuits are being written all the time")


def draft(house: House, monitor: Monitor, now: datetime, images: Images | None) -> Draft:
    """Step every circuit of a monitor, and write nothing."""
    round_ = Round(
        house=house,
        monitor=monitor,
        now=now,
        sources=house.store.sources(),
        acts=house.store.acts(now),
        blocks_left=house.max_blocks_per_hour - house.store.blocks_since(now - timedelta(hours=1)),
    )
    states = _states(house, monitor, now)
    try:
        evidence = None if images is None else evidence_of(round_, images, tuple(states))
    except (AdapterError, ConfigError) as error:
        return Draft(round_, (), events=(_refused(house, monitor, str(error), now),))
    if images is None or evidence is None:
        stepped = [step(round_, state, None, _lasting(state)) for state in states.values()]
        return Draft(round_, tuple(stepped))
    stepped = [_step_one(round_, states, evidence, circuit) for circuit in evidence.cut.circuits]
    return Draft(round_, tuple(stepped), evidence, images, _digests(house, monitor, stepped, now))


def _states(house: House, monitor: Monitor, now: datetime) -> dict[str, BreakerState]:
    """The stored states; a row that was damaged is taken for an open breaker whose cooldown begins now."""
    states = house.store.states(monitor.name)
    for circuit in house.store.damaged(monitor.name):
        until = now + monitor.breaker.cooldown
        states[circuit] = replace(damaged_state(monitor.name, circuit, now), cooldown_until=until)
    return states


def _lasting(state: BreakerState) -> tuple[Reason, ...]:
    return tuple(reason for reason in (state.decision.reasons if state.decision else ()) if reason in LASTING)


def _step_one(round_: Round, states: Mapping[str, BreakerState], evidence: Evidence, circuit: Circuit) -> Stepped:
    state = states.get(circuit.id) or BreakerState(circuit.id, circuit.monitor, circuit.values)
    if circuit.id in evidence.cut.foreign:
        return step(round_, state, None, (Reason.CURRENCY_MISMATCH,))
    return step(round_, state, evidence, evidence.notes)


# --- what is written ----------------------------------------------------------------------------------------


def _write(house: House, one: Draft, alerts: Sequence[CircuitAlert], now: datetime) -> Judged:
    moved = [stepped for stepped in one.stepped if stepped.moved]
    silences = [act for act in one.round.acts if act.kind == "silence"]
    silent = {s.after.circuit for s in moved if any(covers(act, s.after.circuit) for act in silences)}
    told = [alert for alert in alerts if alert.state.circuit not in silent]
    events = [*one.events, *_held_back(house, one)]
    history = tuple(entry for stepped in moved if (entry := _entry(stepped, silent, now)) is not None)
    commit = Commit(
        states=tuple(stepped.after for stepped in moved),
        history=history,
        deliveries=tuple(envelopes(told, events, house.rules, now, page=house.link)),
    )
    if commit != Commit():
        house.store.commit(commit)
    return Judged(one.round.monitor.name, len(one.stepped), len(history), len(told) + len(events))


def _entry(stepped: Stepped, silent: Iterable[str], now: datetime) -> Entry | None:
    """A line of history for a state that moved: only what changed a phase, a decision, or was told."""
    before, after = stepped.before, stepped.after
    old, new = before.decision, after.decision
    if new is None or (old is not None and old.id == new.id and before.phase is after.phase and not stepped.changes):
        return None
    blocked = new.action is Action.BLOCK and (old is None or old.action is not Action.BLOCK)
    detail = {
        "phase": after.phase.value,
        "from_phase": before.phase.value if before.version else Phase.CLOSED.value,
        "decision": new.id,
        "action": new.action.value,
        "would": new.would.value,
        "mode": new.mode.value,
        "reasons": [reason.value for reason in new.reasons],
        "told": [change.kind.value for change in stepped.changes],
        "silenced": bool(stepped.changes) and after.circuit in silent,
        "numbers": _numbers(after),
    }
    return Entry(now, "blocked" if blocked else "transition", after.circuit, after.version, detail)


def _numbers(state: BreakerState) -> dict[str, Any]:
    """The figures behind a decision, so that it can be explained years later."""
    latest, view = state.latest, state.budget
    found: dict[str, Any] = {"failures": state.failures, "trips": state.trips}
    if latest is not None:
        found |= {
            "period": latest.at.isoformat(),
            "value": latest.value,
            "expected": latest.expected,
            "limit": latest.limit,
            "excess": latest.excess,
            "provisional": latest.provisional,
        }
    if view is not None:
        projected = None if view.projected is None else str(view.projected)
        found |= {"spend": str(view.spend), "budget": str(view.limit), "projected": projected}
    return found


# --- what concerns a monitor as a whole ---------------------------------------------------------------------


def _digests(house: House, monitor: Monitor, stepped: Sequence[Stepped], now: datetime) -> tuple[SourceAlert, ...]:
    """One digest of the circuits that the owners table does not list, when there are new ones."""
    if monitor.book is None:
        return ()
    new = sorted(s.after.circuit for s in stepped if s.row is None and s.before.version == 0)
    if not new:
        return ()
    shown = ", ".join(new[:20]) + (f" and {len(new) - 20} more" if len(new) > 20 else "")
    budget = (
        f"the monitor's budget of {monitor.budget.amount} {monitor.budget.currency}" if monitor.budget else "no budget"
    )
    text = f"{len(new)} circuits are not in {monitor.book.file} and have {budget}: {shown}. Add a line for each."
    return (_event(house, monitor, AlertKind.UNLISTED, Severity.INFO, text, now),)


def _held_back(house: House, one: Draft) -> list[SourceAlert]:
    """Page people when new blocks were held back to stop a storm."""
    held = [s.after.circuit for s in one.stepped if _is_held(s.after) and not _is_held(s.before)]
    if not held:
        return []
    text = (
        f"{len(held)} new blocks are held back: more than {house.max_blocks_per_hour} within an hour looks like a "
        f"fault of the data, not of the spenders. Look at {_few(held)}. They follow as the hours allow; override, or "
        f"raise max_blocks_per_hour."
    )
    return [_event(house, one.round.monitor, AlertKind.BLOCKS_HELD, Severity.CRITICAL, text, one.round.now)]


def _few(names: Iterable[str]) -> str:
    """Some names, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - 20} more" if len(ordered) > 20 else ""
    return ", ".join(ordered[:20]) + more


def _is_held(state: BreakerState) -> bool:
    return state.decision is not None and Reason.HELD_BACK in state.decision.reasons


def _refused(house: House, monitor: Monitor, why: str, now: datetime) -> SourceAlert:
    log.error("monitor cannot be judged", monitor=monitor.name, why=why)
    text = f"monitor {monitor.name} cannot be judged: {why}. Its circuits keep their last decision."
    return _event(house, monitor, AlertKind.CONFIG_REJECTED, Severity.CRITICAL, text, now)


def _event(
    house: House, monitor: Monitor, kind: AlertKind, severity: Severity, text: str, now: datetime
) -> SourceAlert:
    channels = tuple(dict.fromkeys((*house.house_channels, *monitor.channels)))
    return SourceAlert(kind, severity, now, monitor.name, text, monitors=(monitor.name,), channels=channels)
