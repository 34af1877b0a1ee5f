"""What a use case works with: the configured sources, monitors and rules, and the open store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cloudcircuit.model import Breakdown, BreakerState, ChannelRule, Fx, Grain, Monitor, SourceState
from cloudcircuit.ports import CostAdapter, Deadline, Store, one_for_all


@dataclass(frozen=True, slots=True)
class Source:
    """One configured source; `open` gives its adapter, `timeout` is the total limit of a reading in seconds.

    `split` says which breakdowns answer some needs; None where one by all dimensions does. `unsupported` says what of
    a need it cannot answer, `scope` what its figures leave out or mean. `digest` tells its adapter and options from
    others.
    """

    name: str
    open: Callable[[], CostAdapter]
    zone: ZoneInfo
    grain: Grain
    lag: timedelta
    every: timedelta
    timeout: float
    restated_share: float
    split: Callable[[Sequence[Breakdown], Grain], tuple[Breakdown, ...]] | None = None
    unsupported: Callable[[Breakdown, Grain], tuple[str, ...]] | None = None
    scope: tuple[str, ...] = ()
    digest: str = ""

    def can_answer(self, need: Breakdown) -> bool:
        return self.unsupported is None or not self.unsupported(need, self.grain)

    def breakdowns(self, needs: Sequence[Breakdown]) -> tuple[Breakdown, ...]:
        """What it is asked for, so that all needs are answered; what has no filter comes first."""
        found = one_for_all(None, needs, self.grain) if self.split is None else self.split(needs, self.grain)
        return tuple(sorted(found, key=lambda breakdown: len(breakdown.where)))


@dataclass(frozen=True, slots=True)
class House:
    """Everything between a configuration and the use cases. `deadline` starts a total time limit."""

    store: Store
    sources: Mapping[str, Source]
    monitors: tuple[Monitor, ...]
    rules: Mapping[str, ChannelRule]
    deadline: Callable[[float], Deadline]
    house_channels: tuple[str, ...] = ()
    max_blocks_per_hour: int = 20
    link: str | None = None
    fx: tuple[Fx, ...] = field(default_factory=tuple)

    def monitor(self, name: str) -> Monitor | None:
        return next((monitor for monitor in self.monitors if monitor.name == name), None)

    def fed_by(self, source: str) -> tuple[Monitor, ...]:
        return tuple(monitor for monitor in self.monitors if source in monitor.sources)

    def ttl(self, monitor: Monitor) -> timedelta:
        """How long an answer holds: twice the slowest poll of the monitor's sources."""
        return 2 * max((self.sources[name].every for name in monitor.sources), default=timedelta(hours=6))


def watermark(monitor: Monitor, sources: Mapping[str, SourceState]) -> datetime | None:
    """The watermark of a monitor's slowest source; None while one of them has said nothing."""
    marks = [sources[name].watermark if name in sources else None for name in monitor.sources]
    known = [mark for mark in marks if mark is not None]
    return min(known) if known and len(known) == len(marks) else None


def watches(monitor: Monitor, state: BreakerState) -> bool:
    """Whether a monitor, as it is configured now, still cuts the circuit of a state.

    A changed `per` or `where` leaves circuits behind that nothing is known of any more: they are not judged.
    """
    if len(state.values) != len(monitor.per):
        return False
    found = dict(zip(monitor.per, state.values, strict=True))
    return all(match.accepts(found[match.dimension]) for match in monitor.where if match.dimension in found)
