"""Answers: the decision on every circuit, from stored state alone. Reading writes nothing and calls no cloud."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cloudcircuit.engine.decide import Situation, decide
from cloudcircuit.model import (
    NONE_VALUE,
    Action,
    BreakerState,
    Decision,
    Mode,
    Monitor,
    Phase,
    Reason,
    SourceState,
    circuit_parts,
)
from cloudcircuit.service.acts import ActIndex, split
from cloudcircuit.service.house import House, watches, watermark

HOLDING = frozenset({Reason.CURRENCY_MISMATCH, Reason.NOT_JUDGED})
"""With one of these a circuit is held: nothing counts for it, and no cooldown ends."""

LASTING = HOLDING | {Reason.EFFECTIVE_FROM_BILLED, Reason.STATE_DAMAGED}
"""Reasons that a cycle found and that hold until the next one."""

_HOUR = timedelta(hours=1)


def decisions(house: House, now: datetime) -> list[Decision]:
    """What is served now on every circuit that the state knows, by name.

    A circuit that no monitor of the configuration watches stays listed with its last decision while it is open or
    breached, until somebody clears it by name.
    """
    desk = _Desk(house, now)
    states, damaged = house.store.circuits()
    answers = [answer for name in sorted(states) if (answer := desk.answer(states[name])) is not None]
    answers += [desk.damaged(name) for name in damaged]
    return sorted(answers, key=lambda answer: answer.circuit)


@dataclass(slots=True)
class _Desk:
    """What is read once for all answers. `blocks_left` counts down as in a cycle, for the cycle that will follow."""

    house: House
    now: datetime
    monitors: Mapping[str, Monitor] = field(init=False)
    sources: Mapping[str, SourceState] = field(init=False)
    overrides: ActIndex = field(init=False)
    blocks_left: int = field(init=False)

    def __post_init__(self) -> None:
        store = self.house.store
        self.monitors = {monitor.name: monitor for monitor in self.house.monitors}
        self.sources = store.sources()
        self.overrides = split(store.acts(self.now), self.now)["override"]
        self.blocks_left = self.house.max_blocks_per_hour - store.blocks_since(self.now - _HOUR)

    def answer(self, state: BreakerState) -> Decision | None:
        """What is served on one circuit; None when nothing watches it and nothing is held."""
        monitor = self.monitors.get(state.monitor)
        if monitor is None or not watches(monitor, state):
            return self._orphan(state)
        # A block that a cycle held back stays held back until a cycle serves it.
        left = 0 if is_held_back(state) else self.blocks_left
        decision = decide(monitor, state, self._situation(monitor, state, lasting(state), left))
        self.blocks_left -= is_new_block(state.decision, decision)
        return decision

    def damaged(self, circuit: str) -> Decision:
        """A damaged row: the stricter state is served until a cycle or a person writes it anew."""
        name = circuit_parts(circuit)[0]
        monitor = self.monitors.get(name) or Monitor(name=name, sources=(), currency="", mode=Mode.ENFORCE)
        state = damaged_state(monitor.name, circuit, self.now)
        return decide(monitor, state, self._situation(monitor, state, (Reason.STATE_DAMAGED,), None))

    def _situation(
        self, monitor: Monitor, state: BreakerState, notes: tuple[Reason, ...], blocks_left: int | None
    ) -> Situation:
        return Situation(
            now=self.now,
            watermark=judged_until(state, notes, watermark(monitor, self.sources)),
            ttl=self.house.ttl(monitor),
            acts=self.overrides.of(state.circuit),
            notes=notes,
            blocks_left=blocks_left,
            owner=state.decision.owner if state.decision else None,
        )

    def _orphan(self, state: BreakerState) -> Decision | None:
        held = state.phase is not Phase.CLOSED or state.budget_breached
        if not held or state.decision is None:
            return None
        ttl = 2 * max((source.every for source in self.house.sources.values()), default=timedelta(hours=6))
        text = f"{state.decision.text}; its monitor is gone: clear it by name"
        return replace(state.decision, at=self.now, valid_until=self.now + ttl, text=text, stale=True)


def lasting(state: BreakerState) -> tuple[Reason, ...]:
    """What the last cycle found that holds until the next one."""
    return tuple(reason for reason in (state.decision.reasons if state.decision else ()) if reason in LASTING)


def judged_until(state: BreakerState, notes: Iterable[Reason], mark: datetime | None) -> datetime | None:
    """How far the data reach behind a decision: a circuit that is not judged grows old, however fresh its sources."""
    if Reason.NOT_JUDGED in notes and state.decision is not None:
        return state.decision.data_as_of
    return mark


def is_new_block(before: Decision | None, after: Decision) -> bool:
    """Whether a block begins to be served that the evidence asks for, and no person."""
    was_blocked = before is not None and before.action is Action.BLOCK
    return after.action is Action.BLOCK and after.override is None and not was_blocked


def is_held_back(state: BreakerState) -> bool:
    """Whether its block waits for a later hour."""
    return state.decision is not None and Reason.HELD_BACK in state.decision.reasons


def damaged_state(monitor: str, circuit: str, now: datetime) -> BreakerState:
    """What stands in for a row that cannot be trusted: an open breaker, its cooldown not begun."""
    values = tuple(None if part == NONE_VALUE else part for part in circuit_parts(circuit)[1:])
    return BreakerState(circuit=circuit, monitor=monitor, values=values, phase=Phase.OPEN, opened_at=now)
