"""Many circuits, the same money: one incident. The narrowest circuit speaks, the others are named in it.

A total, an account and a service of it all rise when one service runs wild. Three messages would hide that it is one
matter. Two alerts are the same matter when

- they are of one family (the run rate rose; or it came back, in the same way), in the same currency;
- at least `SAME_MONEY` of the wider circuit's excess lies in cells that the narrower one has too;
- the wider one says nothing that its speaker does not say as loudly: no higher severity, and nothing of it is stopped.

So a budget that is breached, a block and a page at night never hide behind another circuit's message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isfinite

from cloudcircuit.model import (
    ACKNOWLEDGED,
    BACK_TO_NORMAL,
    NEW_LEVEL,
    Action,
    AlertKind,
    CircuitAlert,
    Reason,
)

SAME_MONEY = 0.6

_RISEN = frozenset({AlertKind.ANOMALY, AlertKind.TRIPPED, AlertKind.ESCALATED})
_BUDGET = frozenset({Reason.BUDGET_BREACHED, Reason.BUDGET_WARNING, Reason.FORECAST_BREACH})
_RUN_RATE_IS_OVER = frozenset({BACK_TO_NORMAL, NEW_LEVEL, ACKNOWLEDGED})


def group(alerts: Sequence[CircuitAlert], shared: Mapping[tuple[str, str], float]) -> list[CircuitAlert]:
    """The alerts of one cycle with the members of each incident folded into its speaker, in their order.

    `shared[one, other]` is how much of the excess of `one` lies in charges that `other` counts as well, in money;
    a pair that is given one way holds both ways, one that is not given shares nothing. A speaker names its members
    by falling excess, and reaches their channels too. The time taken grows with the alerts and the pairs.
    """
    by_name: dict[str, list[int]] = {}
    for index, alert in enumerate(alerts):
        if _family(alert) is not None:
            by_name.setdefault(alert.state.circuit, []).append(index)
    rank = {index: place for place, index in enumerate(sorted(range(len(alerts)), key=lambda i: _width(alerts[i])))}
    narrower = _narrower(alerts, shared, by_name, rank)
    speaker: dict[int, int] = {}
    for index in sorted(narrower, key=rank.__getitem__):
        candidates = [(money, -rank[other], other) for money, other in narrower[index] if other not in speaker]
        if candidates:
            speaker[index] = max(candidates)[2]
    return _fold(alerts, speaker)


def _family(alert: CircuitAlert) -> tuple[str, str] | None:
    """What may be one incident; None for what always speaks for itself."""
    change = alert.change
    if not isfinite(change.excess) or change.excess <= 0 or _BUDGET & set(change.reasons):
        return None
    if change.kind in _RISEN:
        return "risen", alert.monitor.currency
    if change.kind is AlertKind.REMINDER:
        return "reminder", alert.monitor.currency
    if change.kind is AlertKind.RESOLVED and change.resolution in _RUN_RATE_IS_OVER:
        return str(change.resolution), alert.monitor.currency
    return None


def _width(alert: CircuitAlert) -> tuple[int, float, str]:
    """The narrowest first: the most keys, then the least spend, then by name."""
    monitor, latest = alert.monitor, alert.state.latest
    return -(len(monitor.per) + len(monitor.where)), latest.value if latest else 0.0, alert.state.circuit


def _narrower(
    alerts: Sequence[CircuitAlert],
    shared: Mapping[tuple[str, str], float],
    by_name: Mapping[str, Sequence[int]],
    rank: Mapping[int, int],
) -> dict[int, list[tuple[float, int]]]:
    """For each alert the narrower ones that could speak for it, with the money in common."""
    found: dict[int, list[tuple[float, int]]] = {}
    for one, other in _pairs(shared):
        for first in by_name.get(one, ()):
            for second in by_name.get(other, ()):
                narrow, wide = sorted((first, second), key=rank.__getitem__)
                money = _in_common(shared, alerts[wide].state.circuit, alerts[narrow].state.circuit)
                if _may_speak_for(alerts[narrow], alerts[wide], money):
                    found.setdefault(wide, []).append((money, narrow))
    return found


def _pairs(shared: Mapping[tuple[str, str], float]) -> Iterable[tuple[str, str]]:
    """Each pair of different circuits once."""
    return ((one, other) for one, other in shared if one < other or (one != other and (other, one) not in shared))


def _in_common(shared: Mapping[tuple[str, str], float], wide: str, narrow: str) -> float:
    return shared[wide, narrow] if (wide, narrow) in shared else shared[narrow, wide]


def _may_speak_for(narrow: CircuitAlert, wide: CircuitAlert, money: float) -> bool:
    return (
        _family(narrow) == _family(wide)
        and money >= SAME_MONEY * wide.change.excess
        and wide.change.severity.rank <= narrow.change.severity.rank
        and _served(wide) is Action.ALLOW
    )


def _served(alert: CircuitAlert) -> Action:
    return alert.state.decision.action if alert.state.decision else Action.ALLOW


def _fold(alerts: Sequence[CircuitAlert], speaker: Mapping[int, int]) -> list[CircuitAlert]:
    silent: dict[int, list[CircuitAlert]] = {}
    for index, speaks in speaker.items():
        silent.setdefault(speaks, []).append(alerts[index])
    return [_speak(alert, silent.get(i, [])) for i, alert in enumerate(alerts) if i not in speaker]


def _speak(alert: CircuitAlert, members: list[CircuitAlert]) -> CircuitAlert:
    if not members:
        return alert
    members.sort(key=lambda member: (-member.change.excess, member.state.circuit))
    names = (*alert.members, *(name for member in members for name in (member.state.circuit, *member.members)))
    channels = (*alert.channels, *(channel for member in members for channel in member.channels))
    return replace(alert, members=tuple(dict.fromkeys(names)), channels=tuple(dict.fromkeys(channels)))
