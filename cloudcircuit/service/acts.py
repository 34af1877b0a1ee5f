"""What people have said, to be found by the circuit that it speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from cloudcircuit.engine.decide import covers
from cloudcircuit.model import Act


class ActIndex:
    """Acts by circuit: those that name it are one look away, however many there are; globs are tried one by one."""

    def __init__(self, acts: Iterable[Act]) -> None:
        self._named: dict[str, list[Act]] = {}
        self._globs: list[Act] = []
        for act in acts:
            if "*" in act.match or "?" in act.match:
                self._globs.append(act)
            else:
                self._named.setdefault(act.match, []).append(act)

    def of(self, circuit: str) -> Sequence[Act]:
        """The acts that speak of a circuit."""
        named = self._named.get(circuit, ())
        return (*named, *(act for act in self._globs if covers(act, circuit)))


def split(acts: Iterable[Act], now: datetime) -> dict[str, ActIndex]:
    """An index for each kind of act that a step asks for, of those that have begun.

    What was expected stays so for the days that it spoke of, after it has run out; the others must be live.
    """
    kinds: dict[str, list[Act]] = {"override": [], "expect": [], "silence": []}
    for act in acts:
        if act.kind in kinds and (act.live(now) or (act.kind == "expect" and act.at <= now)):
            kinds[act.kind].append(act)
    return {kind: ActIndex(found) for kind, found in kinds.items()}
