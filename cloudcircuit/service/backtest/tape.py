"""A state in memory that keeps what is committed as it is: what a backtest runs on, and what it reads its answer from.

It keeps values, not rows: a year of a thousand circuits would otherwise be spent on encoding and checksums.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from cloudcircuit.errors import Conflict, StoreError
from cloudcircuit.model import (
    Act,
    BreakerState,
    CallCost,
    Commit,
    Delivery,
    Entry,
    Grain,
    SourceState,
    Statement,
)

_BLOCKED = "blocked"


@dataclass
class Tape:
    """`ports.Store` in memory. `costs` are what the calls of each source have cost on a day before it begins.

    What is owed is never due: a backtest delivers nothing. `commits` are those since they were taken last.
    """

    costs: dict[str, dict[date, CallCost]] = field(default_factory=dict)
    epoch: str = "backtest"
    commits: list[Commit] = field(default_factory=list)
    _sources: dict[str, SourceState] = field(default_factory=dict)
    _states: dict[str, BreakerState] = field(default_factory=dict)
    _history: list[Entry] = field(default_factory=list)
    _acts: dict[str, Act] = field(default_factory=dict)
    _acts_version: int = 0
    _statements: dict[tuple[str, Grain], dict[date, list[Statement]]] = field(default_factory=dict)

    def take_commits(self) -> list[Commit]:
        """What was committed since this was called last."""
        found, self.commits = self.commits, []
        return found

    def acquire(self, holder: str) -> None:
        """It is nobody else's."""

    def close(self) -> None:
        """It is gone with the process."""

    def commit(self, commit: Commit) -> None:
        """Raises Conflict when a version is not the next one."""
        for source in commit.sources:
            _check(source.source, self._sources.get(source.source), source.version)
        for state in commit.states:
            _check(state.circuit, self._states.get(state.circuit), state.version)
        self._sources |= {source.source: source for source in commit.sources}
        self._states |= {state.circuit: state for state in commit.states}
        self._history += commit.history
        for said in commit.statements:
            self._statements.setdefault((said.source, said.grain), {}).setdefault(said.day, []).append(said)
        self.commits.append(commit)

    def statements(
        self, source: str, grain: Grain, start: date, end: date, said_until: datetime | None = None
    ) -> list[Statement]:
        days = self._statements.get((source, grain), {})
        found = [said for day, all_said in days.items() if start <= day < end for said in all_said]
        until = [said for said in found if said_until is None or said.said_at <= said_until]
        return sorted(until, key=lambda said: said.said_at)

    def sources(self) -> dict[str, SourceState]:
        return dict(self._sources)

    def states(self, monitor: str | None = None) -> dict[str, BreakerState]:
        if monitor is None:
            return dict(self._states)
        return {name: state for name, state in self._states.items() if state.monitor == monitor}

    def circuits(self) -> tuple[dict[str, BreakerState], tuple[str, ...]]:
        return self.states(), ()

    def damaged(self, monitor: str | None = None) -> tuple[str, ...]:  # noqa: ARG002 - called by this name
        return ()

    def history(self, subject: str | None = None, since: datetime | None = None, limit: int = 100) -> list[Entry]:
        found = (entry for entry in reversed(self._history) if subject in (None, entry.subject))
        newest = [entry for entry, _ in zip(found, range(limit), strict=False) if since is None or entry.at >= since]
        return newest[::-1]

    def blocks_since(self, since: datetime) -> int:
        """Only the newest entries are looked at: time goes on from commit to commit."""
        count = 0
        for entry in reversed(self._history):
            if entry.at <= since:
                break
            count += entry.kind == _BLOCKED
        return count

    def newest(self) -> datetime | None:
        return max((entry.at for entry in self._history), default=None)

    def due(self, now: datetime, limit: int = 100) -> list[Delivery]:  # noqa: ARG002 - called by these names
        return []

    def deliveries(self, state: str | None = None, limit: int = 100) -> list[Delivery]:  # noqa: ARG002 - the same
        return []

    def record_try(self, delivery: Delivery) -> None:
        """Raises StoreError: nothing is delivered."""
        raise StoreError(f"a backtest delivers nothing, and so not {delivery.id!r}")

    def add_act(self, act: Act) -> None:
        self._acts[act.id] = act
        self._acts_version += 1

    def end_act(self, act_id: str, at: datetime) -> None:
        self._acts[act_id] = replace(self._acts[act_id], ended_at=at)
        self._acts_version += 1

    def acts(self, live_at: datetime | None = None) -> list[Act]:
        found = [act for act in self._acts.values() if live_at is None or act.live(live_at)]
        return sorted(found, key=lambda act: (act.at, act.id))

    def acts_version(self) -> int:
        return self._acts_version

    def take(self, source: str, day: date, cost: CallCost, cap: Decimal | None) -> bool:
        days = self.costs.setdefault(source, {})
        after = days.get(day, CallCost()) + cost
        if cap is not None and cost.dollars and after.dollars > cap:
            return False
        days[day] = after
        return True

    def meter(self, since: date) -> Mapping[str, Mapping[date, CallCost]]:
        return {name: {day: cost for day, cost in days.items() if day >= since} for name, days in self.costs.items()}

    def forget(self, circuits: Iterable[str]) -> None:
        for circuit in circuits:
            self._states.pop(circuit, None)

    def prune(self, before: datetime) -> int:  # noqa: ARG002 - called by this name
        return 0

    def backup(self, target: Path) -> None:
        """Raises StoreError: there is nothing worth keeping."""
        raise StoreError(f"the state of a backtest is not kept, and so not copied to {target}")


def _check(name: str, stored: BreakerState | SourceState | None, version: int) -> None:
    if version != (stored.version if stored else 0) + 1:
        raise Conflict(f"{name} was written by somebody else first")


def calls_before(costs: Mapping[str, Mapping[date, CallCost]], names: Sequence[str]) -> dict[str, dict[date, CallCost]]:
    """A copy of what the calls of some sources have cost, so that their daily caps hold for a backtest as well."""
    return {name: dict(costs.get(name, {})) for name in names}
