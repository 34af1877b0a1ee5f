"""The replay itself: one cycle a day of each source, on a state in memory, each seeing what had been said by then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta

from cloudcircuit.engine.periods import window
from cloudcircuit.errors import AdapterError, UsageError
from cloudcircuit.model import Act, Grain, Monitor
from cloudcircuit.ports import Store
from cloudcircuit.service.backtest.heard import CALMING, alerts_in, told_in
from cloudcircuit.service.backtest.history import History, Wanted, from_ledger, from_source, what_there_is
from cloudcircuit.service.backtest.record import Recorder
from cloudcircuit.service.backtest.remembered import Remembered
from cloudcircuit.service.backtest.result import Backtest
from cloudcircuit.service.backtest.summary import loudest_first, summarize
from cloudcircuit.service.backtest.tape import Tape
from cloudcircuit.service.cycle import run_cycle
from cloudcircuit.service.house import House, Source
from cloudcircuit.service.operate import act

ONE_DAY = timedelta(days=1)
WARM_UP_SHARE = 8
"""Unless its beginning is named, no more than one day in so many is kept for warming up."""

CHANNEL = "backtest"
"""Whom monitors tell that have no channel."""

_REPLAYED = ("expect", "ack", "clear")

Progress = Callable[[datetime, int, int, int], None]
"""Hears after each day: the moment, its number, how many there are, the alerts of the reported days so far."""


@dataclass(frozen=True, slots=True)
class Span:
    """What to report: from `start` (None: as soon as the history allows) to `end` (None: to its end)."""

    start: datetime | None
    end: datetime | None
    now: datetime

    @property
    def until(self) -> datetime:
        return min(self.end or self.now, self.now)


@dataclass(frozen=True, slots=True)
class Moments:
    """The moments of a replay, one a day, and the first of them that is reported."""

    first: datetime
    start: datetime
    end: datetime

    def __iter__(self) -> Iterator[datetime]:
        at = self.first
        while at <= self.end:
            yield at
            at += ONE_DAY

    def __len__(self) -> int:
        return (self.end - self.first) // ONE_DAY + 1

    @property
    def reported(self) -> int:
        return (self.end - self.start) // ONE_DAY + 1


@dataclass
class Library:
    """The histories that were read: two configurations that ask the same of the same source share one.

    `digests` are of the sources that wrote the state's ledger: one with other options reads anew.
    """

    state: Store
    digests: Mapping[str, str]
    _found: dict[object, History] = field(default_factory=dict)

    def learn(self, house: House, whole: Wanted) -> dict[str, History]:
        """The history of each source that a monitor looks at. Raises AdapterError, UsageError, StoreError."""
        specs = [spec for spec in house.sources.values() if house.fed_by(spec.name)]
        found = {spec.name: self._of(house, spec, whole) for spec in specs}
        empty = [spec for spec in specs if not found[spec.name].days()]
        if empty:
            there_is = "; ".join(what_there_is(house, spec) for spec in empty)
            raise UsageError(f"there is nothing to replay: {there_is}")
        return found

    def _of(self, house: House, spec: Source, wanted: Wanted) -> History:
        needs = frozenset(monitor.need for monitor in house.fed_by(spec.name))
        key = (spec.name, spec.digest, spec.zone.key, spec.grain, spec.lag, needs)
        if key not in self._found:
            is_same = self.digests.get(spec.name) == spec.digest
            found = from_ledger(house, spec, self.state, wanted) if is_same else None
            self._found[key] = found or from_source(house, spec, wanted)
        return replace(self._found[key], spec=spec)


def wanted(houses: Sequence[House], span: Span) -> Wanted:
    """The charge days that a replay of these configurations needs."""
    if span.start is None:
        return Wanted(None, None, span.until)
    monitors = [monitor for house in houses for monitor in house.monitors]
    first = span.start - timedelta(days=lookback(monitors))
    starts = [window(first, spec.zone, monitors)[0] for house in houses for spec in house.sources.values()]
    return Wanted(span.start, min(starts, default=first), span.until)


def lookback(monitors: Sequence[Monitor]) -> int:
    """The longest history in days that a check of these monitors looks at."""
    anomaly = [monitor.anomaly.lookback for monitor in monitors if monitor.anomaly]
    return max([*anomaly, *(monitor.burn_rate.lookback for monitor in monitors if monitor.burn_rate)], default=0)


def moments(histories: Sequence[Mapping[str, History]], monitors: Sequence[Monitor], span: Span) -> Moments:
    """When to look, the same for all configurations that are compared. Raises UsageError when there is nothing to see
    by then, and says what there is.
    """
    times = [at for found in histories for history in found.values() for at in history.times()]
    known, last = _midnight_after(min(times)), _midnight_after(max(times))
    end = span.end or max(known, min(last, _midnight_before(span.now)))
    start = span.start or known
    while start < known:
        start += ONE_DAY  # nothing had been said yet
    if end < start or start > last:
        asked = f"{span.start or known:%Y-%m-%d} to {end:%Y-%m-%d}"
        raise UsageError(f"there is nothing to replay from {asked}: {_bounds(histories[0], known, last)}")
    if span.start is None:
        start += min(lookback(monitors), (end - known) // ONE_DAY // WARM_UP_SHARE) * ONE_DAY
    warm = min(lookback(monitors), (start - known) // ONE_DAY)
    return Moments(start - warm * ONE_DAY, start, end - (end - start) % ONE_DAY)


def _bounds(histories: Mapping[str, History], known: datetime, last: datetime) -> str:
    newest = ", ".join(f"{name} of {history.days()[-1]}" for name, history in histories.items())
    return f"the first charges were known on {known:%Y-%m-%d}, the newest ({newest}) on {last:%Y-%m-%d}"


def backtest(
    house: House,
    histories: Mapping[str, History],
    acts: Sequence[Act],
    when: Moments,
    *,
    config: str = "",
    progress: Progress = lambda *_: None,
) -> Backtest:
    """Replay the histories through the cycle of a house, whose store is a fresh `Tape`. Raises AdapterError."""
    stage = _stage(house, histories, acts)
    tape, recorder = stage.store, _recorder(stage)
    assert isinstance(tape, Tape)
    before = when.first - ONE_DAY
    for number, at in enumerate(when, 1):
        _let_people_act(tape, acts, before, at)
        _run(stage, at)
        commits = tape.take_commits()
        reported = at >= when.start
        recorder.note(at, tape.states(), told_in(commits), alerts_in(commits), reported=reported)
        progress(at, number, len(when), sum(alert.kind not in CALMING for alert in recorder.alerts))
        before = at
    return _conclude(recorder, histories, when, config)


def _conclude(recorder: Recorder, histories: Mapping[str, History], when: Moments, config: str) -> Backtest:
    circuits = loudest_first(track.finish(when.start) for track in recorder.tracks.values())
    return Backtest(
        config=config,
        start=when.start,
        end=when.end,
        warm_up=(when.start - when.first) // ONE_DAY,
        sources=tuple(history.describe() for history in histories.values()),
        circuits=tuple(circuits),
        alerts=tuple(recorder.alerts),
        summary=summarize(circuits, recorder.alerts, when.reported),
    )


def _stage(house: House, histories: Mapping[str, History], acts: Sequence[Act]) -> House:
    """The same house on a fresh state, over remembered sources; each of its channels hears everything.

    What was expected is known from the time on at which it was said, as ever. Overrides change what is served, and
    silences who hears of it: neither is asked for here.
    """
    tape = Tape()
    for one in acts:
        if one.kind == "expect":
            tape.add_act(one)
    return replace(
        house,
        store=tape,
        rules={},
        house_channels=(CHANNEL,),
        sources={name: _remembered(history) for name, history in histories.items()},
        monitors=tuple(one if one.channels else replace(one, channels=(CHANNEL,)) for one in house.monitors),
    )


def _remembered(history: History) -> Source:
    adapter = Remembered(history)
    return replace(history.spec, open=lambda: adapter)


def _recorder(house: House) -> Recorder:
    hourly = frozenset(
        monitor.name
        for monitor in house.monitors
        if all(house.sources[name].grain is Grain.HOUR for name in monitor.sources)
    )
    return Recorder({monitor.name: monitor for monitor in house.monitors}, hourly)


def _let_people_act(tape: Tape, acts: Sequence[Act], before: datetime, at: datetime) -> None:
    """What people acknowledged or cleared since the moment before, if the replay knows of it."""
    for one in acts:
        if one.kind in _REPLAYED and one.kind != "expect" and before < one.at <= at:
            with suppress(UsageError):
                act(tape, one)


def _run(house: House, at: datetime) -> None:
    for source in house.sources:
        result = run_cycle(house, source, at)
        if not result.ok:
            raise AdapterError(f"source {source}: its history cannot be replayed at {at:%Y-%m-%d}: {result.error}")


def _midnight_after(at: datetime) -> datetime:
    before = _midnight_before(at)
    return before if before == at else before + ONE_DAY


def _midnight_before(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date(), time(), tzinfo=UTC)
