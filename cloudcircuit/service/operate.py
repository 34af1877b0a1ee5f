"""What a person does: override, expect, silence, acknowledge, clear. Each is an act with owner and reason, kept.

Acts take effect at the next reading of decisions, in whatever process; the daemon notices them within a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal

from cloudcircuit.engine.breaker import acknowledge, reset
from cloudcircuit.engine.decide import covers
from cloudcircuit.errors import Conflict, UsageError
from cloudcircuit.model import Act, Action, BreakerState, Commit, Entry, circuit_parts
from cloudcircuit.ports import Store
from cloudcircuit.service.absent import names_source, source_name
from cloudcircuit.service.serve import damaged_state

TRIES = 20
"""How often a write that lost its race is read and tried again."""


def act(store: Store, new: Act) -> Act:
    """Record an act, once it makes sense. The same act again (its id) changes nothing.

    Raises UsageError when it makes no sense, StoreError.
    """
    _check(new)
    if any(known.id == new.id and known == replace(new, ended_at=known.ended_at) for known in store.acts()):
        return new
    if names_source(new.match):
        _write_source(store, new)
        store.add_act(new)
    elif new.kind in {"ack", "clear"}:
        _write_states(store, new)
        store.add_act(new)
    else:
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


def _write_source(store: Store, new: Act) -> None:
    """Acknowledge the accounts that are gone from a source by now; nothing else can be done about one.

    Those that go later are another matter. The next reading says what the source is worth without them.
    """
    if new.kind != "ack":
        raise UsageError(f"{new.match!r} is a source, and {new.kind} speaks of circuits")
    for _ in range(TRIES):
        state = next((state for name, state in store.sources().items() if source_name(name) == new.match), None)
        if state is None:
            raise UsageError(f"no source is called {new.match!r}; `cloudcircuit status` lists them")
        if not state.absent:
            raise UsageError(f"{state.source} lacks no account that it showed before: there is nothing to acknowledge")
        try:
            known = replace(state, version=state.version + 1, absent={})
            store.commit(Commit(sources=(known,), history=(_entry(new, accounts=sorted(state.absent)),)))
        except Conflict:
            continue
        return
    raise Conflict(f"{new.match} is being written all the time; try again")


def _entry(new: Act, **more: object) -> Entry:
    detail = {
        **more,
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
    """Let an ack or a clear change the states it speaks of, with its line of history; lost races are read again."""
    change: Callable[[BreakerState], BreakerState] = (
        (lambda state: acknowledge(state, new.at)) if new.kind == "ack" else reset
    )
    for _ in range(TRIES):
        found = [state for state in store.states().values() if covers(new, state.circuit)]
        damaged = [name for name in store.damaged() if covers(new, name)]
        if not found and not damaged:
            raise UsageError(f"no circuit is called {new.match!r}; `cloudcircuit status` lists them")
        if new.kind == "clear":
            # A person's word takes the place of what cannot be read.
            found += [damaged_state(circuit_parts(name)[0], name, new.at) for name in damaged]
        try:
            store.commit(Commit(states=tuple(_bump(change(state)) for state in found), history=(_entry(new),)))
        except Conflict:
            continue
        if new.kind == "clear":
            _end_overrides(store, new, {state.circuit for state in found})
        return
    raise Conflict(f"{new.match} is being written all the time; try again")


def _bump(state: BreakerState) -> BreakerState:
    version = state.version + 1
    return replace(state, version=version, decision=state.decision and replace(state.decision, version=version))


def _end_overrides(store: Store, new: Act, names: Iterable[str]) -> None:
    """End the overrides that name one of these circuits; a glob over many is left alone."""
    for live in store.acts(new.at):
        if live.kind == "override" and live.match in names:
            store.end_act(live.id, new.at)


def clear_orphans(store: Store, names: Iterable[str], configured: Callable[[str], bool]) -> list[str]:
    """Forget circuits, by name, whose monitor is no longer configured; returns those forgotten."""
    monitors = {name: circuit_parts(name)[0] for name in store.damaged()}
    monitors |= {name: state.monitor for name, state in store.states().items()}
    gone = [name for name in names if name in monitors and not configured(monitors[name])]
    store.forget(gone)
    return gone


def override(action: str) -> Action:
    """The action that a word names. Raises UsageError with the words there are."""
    try:
        return Action(action.lower())
    except ValueError as error:
        raise UsageError(f"{action!r} is not an action: allow, throttle or block") from error
