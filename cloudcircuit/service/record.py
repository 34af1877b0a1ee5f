"""What is written of a cycle: states that moved, a line of history for each change, the alerts that they owe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloudcircuit.engine.alerts import envelopes
from cloudcircuit.engine.text import shown
from cloudcircuit.model import (
    AlertKind,
    BreakerState,
    CircuitAlert,
    Commit,
    Entry,
    Monitor,
    Phase,
    Reason,
    Severity,
    SourceAlert,
)
from cloudcircuit.service.explain import is_silenced
from cloudcircuit.service.house import House
from cloudcircuit.service.serve import is_held_back, is_new_block
from cloudcircuit.service.step import Round, Stepped

if TYPE_CHECKING:
    from cloudcircuit.service.judge import Draft

TOLD_AGAIN = timedelta(days=7)
"""After how long a monitor that still cannot be judged is told again, where it has no `remind_every`."""

_NAMED = 20


@dataclass(frozen=True, slots=True)
class Record:
    """One transaction; how many decisions or phases moved, and how many alerts it owes."""

    commit: Commit
    transitions: int
    alerts: int


def record(
    house: House, drafts: Sequence[Draft], alerts: Sequence[CircuitAlert], now: datetime, read: str | None
) -> Record:
    """All that a cycle writes of its circuits. `alerts` are those that are told, `read` is the source that was read."""
    moved = [(one, stepped) for one in drafts for stepped in one.stepped if stepped.moved]
    entries = [entry for one, stepped in moved if (entry := _entry(one.round, stepped, now)) is not None]
    events = [event for one in drafts for event in _events(house, one, now)]
    source = None if read is None else house.store.sources().get(read)
    commit = Commit(
        sources=() if source is None else (replace(source, version=source.version + 1, last_attempt=now),),
        states=tuple(stepped.after for _, stepped in moved),
        history=(*entries, *(Entry(now, e.kind.value, e.subject, 0, {"text": e.text}) for e in events)),
        deliveries=tuple(envelopes(alerts, events, house.rules, now, page=house.link)),
    )
    return Record(commit, len(entries), len(alerts) + len(events))


def _entry(round_: Round, stepped: Stepped, now: datetime) -> Entry | None:
    """A line of history for a state that moved: only what changed a phase, a decision, or was told."""
    before, after = stepped.before, stepped.after
    old, new = before.decision, after.decision
    if new is None or (old is not None and old.id == new.id and before.phase is after.phase and not stepped.changes):
        return None
    detail = {
        "phase": after.phase.value,
        "from_phase": before.phase.value if before.version else Phase.CLOSED.value,
        "decision": new.id,
        "action": new.action.value,
        "would": new.would.value,
        "mode": new.mode.value,
        "reasons": [reason.value for reason in new.reasons],
        "told": [change.kind.value for change in stepped.changes],
        "silenced": bool(stepped.changes) and is_silenced(round_, after.circuit),
        "numbers": _numbers(after),
    }
    return Entry(now, "blocked" if is_new_block(old, new) else "transition", after.circuit, after.version, detail)


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


def _events(house: House, one: Draft, now: datetime) -> Iterable[SourceAlert]:
    for kind, severity, text in (*_refused(house, one, now), *_unlisted(one), *_held_back(house, one)):
        monitor = one.round.monitor
        channels = tuple(dict.fromkeys((*house.house_channels, *monitor.channels)))
        yield SourceAlert(kind, severity, now, monitor.name, text, monitors=(monitor.name,), channels=channels)


Event = tuple[AlertKind, Severity, str]


def _unlisted(one: Draft) -> Iterable[Event]:
    """One digest of the circuits that the owners table does not list, when there are new ones."""
    monitor = one.round.monitor
    new = [s.after.circuit for s in one.stepped if s.row is None and s.before.version == 0]
    if monitor.book is not None and new:
        budget = f"the monitor's budget of {monitor.budget.amount} {monitor.budget.currency}" if monitor.budget else ""
        text = (
            f"{_circuits(new)} not in {monitor.book.file} and {'has' if len(new) == 1 else 'have'} "
            f"{budget or 'no budget'}: {_few(new)}. Add a line for each."
        )
        yield AlertKind.UNLISTED, Severity.INFO, text


def _held_back(house: House, one: Draft) -> Iterable[Event]:
    """Page people when new blocks were held back to stop a storm."""
    held = [s.after.circuit for s in one.stepped if is_held_back(s.after) and not is_held_back(s.before)]
    if held:
        text = (
            f"{len(held)} new blocks are held back: more than {house.max_blocks_per_hour} within an hour looks like a "
            f"fault of the data, not of the spenders. Look at {_few(held)}. They follow as the hours allow; override, "
            f"or raise max_blocks_per_hour."
        )
        yield AlertKind.BLOCKS_HELD, Severity.CRITICAL, text


def _refused(house: House, one: Draft, now: datetime) -> Iterable[Event]:
    """Say that a monitor cannot be judged: when that begins, when it is for another reason, and now and then."""
    monitor = one.round.monitor
    if one.refusal is not None:
        text = f"monitor {monitor.name} cannot be judged: {one.refusal}. Its circuits keep their last decision."
        begins = bool(one.stepped) and not any(_is_marked(stepped.before) for stepped in one.stepped)
        if begins or _last_refusal(house, monitor, now) != text:
            yield AlertKind.CONFIG_REJECTED, Severity.CRITICAL, text


def _last_refusal(house: House, monitor: Monitor, now: datetime) -> str | None:
    """What was said last of a monitor that cannot be judged, unless that is long ago."""
    since = now - (monitor.remind_every or TOLD_AGAIN)
    lines = house.store.history(monitor.name, since, limit=1000)
    texts = [line.detail["text"] for line in lines if line.kind == AlertKind.CONFIG_REJECTED.value]
    return texts[-1] if texts else None


def _is_marked(state: BreakerState) -> bool:
    return state.decision is not None and Reason.NOT_JUDGED in state.decision.reasons


def _circuits(names: Sequence[str]) -> str:
    return "1 circuit is" if len(names) == 1 else f"{len(names)} circuits are"


def _few(names: Iterable[str]) -> str:
    """Some names, fit to be read, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
    return ", ".join(shown(name) for name in ordered[:_NAMED]) + more
