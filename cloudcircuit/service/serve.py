"""Answers: the decision on every circuit, from stored state alone. Reading writes nothing and calls no cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from cloudcircuit.engine.decide import Situation, decide
from cloudcircuit.model import (
    Act,
    BreakerState,
    Decision,
    Mode,
    Monitor,
    Phase,
    Reason,
    SourceState,
    circuit_parts,
)
from cloudcircuit.service.house import House, watermark


def decisions(house: House, now: datetime) -> list[Decision]:
    """What is served now on every circuit that the state knows, by name.

    A circuit whose monitor is gone from the configuration stays listed with its last decision while it is open or
    breached, until somebody clears it by name.
    """
    sources, acts = house.store.sources(), house.store.acts(now)
    states = house.store.states()
    answers = [
        answer for state in states.values() if (answer := answer_for(house, state, sources, acts, now)) is not None
    ]
    answers += [_damaged(house, name, sources, acts, now) for name in house.store.damaged()]
    return sorted(answers, key=lambda answer: answer.circuit)


def answer_for(
    house: House, state: BreakerState, sources: Mapping[str, SourceState], acts: Sequence[Act], now: datetime
) -> Decision | None:
    """What is served now on one circuit; None when its monitor is gone and nothing is held."""
    monitor = house.monitor(state.monitor)
    if monitor is None:
        return _orphan(state)
    notes = tuple(r for r in (state.decision.reasons if state.decision else ()) if r in LASTING)
    situation = Situation(
        now=now,
        watermark=watermark(monitor, sources),
        ttl=house.ttl(monitor),
        acts=acts,
        notes=notes,
        blocks_left=_blocks_left(state),
        owner=state.decision.owner if state.decision else None,
    )
    return decide(monitor, state, situation)


LASTING = frozenset({Reason.CURRENCY_MISMATCH, Reason.EFFECTIVE_FROM_BILLED})
"""Reasons that a cycle found and that hold until the next one."""


def _blocks_left(state: BreakerState) -> int | None:
    """A block that a cycle held back stays held back until a cycle serves it."""
    held = state.decision is not None and Reason.HELD_BACK in state.decision.reasons
    return 0 if held else None


def _orphan(state: BreakerState) -> Decision | None:
    held = state.phase is not Phase.CLOSED or state.budget_breached
    if not held or state.decision is None:
        return None
    return replace(state.decision, text=f"{state.decision.text}; its monitor is gone: clear it by name", stale=True)


def _damaged(
    house: House, circuit: str, sources: Mapping[str, SourceState], acts: Sequence[Act], now: datetime
) -> Decision:
    """A circuit whose row was damaged: the stricter state is served until a cycle or a person writes it anew."""
    name = circuit_parts(circuit)[0]
    monitor = house.monitor(name) or Monitor(name=name, sources=(), currency="", mode=Mode.ENFORCE)
    return decide(
        monitor,
        damaged_state(monitor.name, circuit, now),
        Situation(
            now=now,
            watermark=watermark(monitor, sources),
            ttl=house.ttl(monitor),
            acts=acts,
            notes=(Reason.STATE_DAMAGED,),
        ),
    )


def damaged_state(monitor: str, circuit: str, now: datetime) -> BreakerState:
    """What stands in for a row that cannot be trusted: an open breaker, its cooldown not begun."""
    return BreakerState(circuit=circuit, monitor=monitor, phase=Phase.OPEN, opened_at=now)
