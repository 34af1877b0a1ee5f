"""Runs without a daemon: history step by step on one state, or one cycle of everything at one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cloudcircuit.clock import FixedClock
from cloudcircuit.service.cycle import CycleResult, run_cycle
from cloudcircuit.service.deliver import Outbox
from cloudcircuit.service.house import House
from cloudcircuit.service.steady import refuse_newer

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Step:
    """One moment of a replay. `again` says that every source had been read then before; `results` may be empty."""

    at: datetime
    number: int
    of: int
    results: tuple[CycleResult, ...]
    again: bool = False


@dataclass(slots=True)
class Replayed:
    """What became of a replay; `failed` are the sources whose last reading went wrong."""

    steps: int = 0
    skipped: int = 0
    transitions: int = 0
    alerts: int = 0
    failed: dict[str, CycleResult] = field(default_factory=dict)

    def add(self, step: Step) -> None:
        self.steps += 1
        self.skipped += step.again
        for result in step.results:
            self.transitions += result.transitions
            self.alerts += result.alerts
            self.failed.pop(result.source, None)
            if not result.ok:
                self.failed[result.source] = result


def replay(
    house: House,
    outbox: Outbox,
    clock: FixedClock,
    start: datetime,
    end: datetime,
    progress: Callable[[Step], None] = lambda _: None,
) -> Replayed:
    """One cycle a day of each source, from `start` on, up to and including `end`; `progress` hears of each before its
    alerts are delivered.

    `clock` is the one that the sources were opened with; it is moved along. A source is not asked about a moment that
    it has been asked about before; a reading that was cut short before it was judged is none, and is done again.
    Raises StateNewer when the state lies beyond `end`, StoreError.
    """
    refuse_newer(house.store, end)
    moments = list(_days(start, end))
    done = Replayed()
    for number, at in enumerate(moments, 1):
        clock.at = at
        asked = _asked(house)
        unread = [name for name in house.sources if name not in asked or asked[name] < at]
        step = Step(at, number, len(moments), tuple(_cycles(house, at, unread)), again=not unread)
        done.add(step)
        progress(step)
        if step.results:
            send_owed(outbox)
    return done


def run_at(house: House, outbox: Outbox, at: datetime) -> Replayed:
    """One cycle of every source, and its deliveries. Raises StateNewer, StoreError."""
    refuse_newer(house.store, at)
    done = Replayed()
    done.add(Step(at, 1, 1, tuple(_cycles(house, at, house.sources))))
    send_owed(outbox)
    return done


def send_owed(outbox: Outbox) -> None:
    """Send what is due, and wait for no second try: what could not be sent stays owed."""
    while outbox.run_once():
        pass


def _days(start: datetime, end: datetime) -> Iterator[datetime]:
    at = start
    while at <= end:
        yield at
        at += ONE_DAY


def _asked(house: House) -> dict[str, datetime]:
    """When each source was asked last."""
    states = house.store.sources()
    return {name: state.last_attempt for name, state in states.items() if state.last_attempt is not None}


def _cycles(house: House, at: datetime, sources: Iterable[str]) -> Iterator[CycleResult]:
    for source in sources:
        yield run_cycle(house, source, at)
