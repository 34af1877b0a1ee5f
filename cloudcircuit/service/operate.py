"""What a person does: override, expect, silence, acknowledge, clear. Each is an act with owner and reason, kept.

Acts take effect at the next reading of decisions, in whatever process; the daemon notices them within a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from cloudcircuit.engine.breaker import acknowledge, reset
from cloudcircuit.engine.decide import covers
from cloudcircuit.errors import Conflict, UsageError
from cloudcircuit.model import Act, Action, BreakerState, Commit, Entry
from cloudcircuit.ports import Store

TRIES = 20
"""How often a write that lost its race is read and tried again."""


def act(store: Store, new: Act) -> Act:
    """Record an act, once it makes sense. Raises UsageError when it does not."""
    _check(new)
    if new.kind in {"ack", "clear"}:
        _write_states(store, new)
    store.add_act(new)
    store.commit(Commit(history=(_entry(new),)))
    return new


def _check(new: Act) -> None:
    if not new.owner.strip():
        raise UsageError("say who does this: --owner NAME")
    if not new.reason.strip():
        raise UsageError("say why: --reason TEXT")
    if new.until is not None and new.until <= new.at:
        raise UsageError(f"it would end at {new.until:%Y-%m-%d %H:%M} UTC, before it begins: give a later --until")
    if new.kind in {"override", "expect", "silence"} and new.until is None:
        raise UsageError("say until when: --until DATE or --for DURATION")
    if new.kind == "override" and new.action is None:
        raise UsageError("say what to serve: allow, throttle or block")
    if new.kind == "expect" and not (new.amount is not None and new.amount.is_finite() and new.amount > 0):
        raise UsageError("say how much a day: a positive amount")


def _entry(new: Act) -> Entry:
    detail = {
        "act": new.id,
        "owner": new.owner,
        "reason": new.reason,
        "until": new.until.isoformat() if new.until else None,
        "action": new.action.value if new.action else None,
        "amount": str(new.amount) if isinstance(new.amount, Decimal) else None,
        "noise": new.noise,
    }
    return Entry(at=new.at, kind=new.kind, subject=new.match, version=0, detail=detail)


def _write_states(store: Store, new: Act) -> None:
    """Let an ack or a clear change the states it speaks of; lost races are read again."""
    change: Callable[[BreakerState], BreakerState] = (
        (lambda state: acknowledge(state, new.at)) if new.kind == "ack" else _cleared
    )
    for _ in range(TRIES):
        found = [state for state in store.states().values() if covers(new, state.circuit)]
        if not found and new.match not in store.damaged():
            raise UsageError(f"no circuit is called {new.match!r}; `cloudcircuit status` lists them")
        try:
            store.commit(Commit(states=tuple(_bump(change(state)) for state in found)))
        except Conflict:
            continue
        if new.kind == "clear":
            end_acts(store, found, new.at)
        return
    raise Conflict(f"{new.match} is being written all the time; try again")


def _cleared(state: BreakerState) -> BreakerState:
    """The breaker starts clean. A breached budget stays breached: raise it, or override."""
    return reset(state)


def _bump(state: BreakerState) -> BreakerState:
    return replace(state, version=state.version + 1)


def end_acts(store: Store, states: Iterable[BreakerState], at: datetime) -> None:
    """End the overrides that name one of these circuits; a glob over many is left alone."""
    names = {state.circuit for state in states}
    for live in store.acts(at):
        if live.kind == "override" and live.match in names:
            store.end_act(live.id, at)


def clear_orphans(store: Store, names: Iterable[str], configured: Callable[[str], bool]) -> list[str]:
    """Forget circuits, by name, whose monitor is no longer configured; returns those forgotten."""
    states = store.states()
    gone = [name for name in names if name in states and not configured(states[name].monitor)]
    store.forget(gone)
    return gone


def override(action: str) -> Action:
    """The action that a word names. Raises UsageError with the words there are."""
    try:
        return Action(action.lower())
    except ValueError as error:
        raise UsageError(f"{action!r} is not an action: allow, throttle or block") from error
