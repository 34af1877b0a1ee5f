"""Whatever order things happen in: no day is judged twice, and no owed alert is lost or doubled.

A scenario is a list of plain events over two sources and three monitors. It is played on one house as it is; and once
more on another where cycles are killed around their commits and begun again, read twice, and beaten to their writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Act, Action, BreakerState, ReportStatus
from cloudcircuit.service.cycle import refresh, run_cycle
from cloudcircuit.service.house import House
from cloudcircuit.service.operate import act
from cloudcircuit.service.serve import decisions
from tests.service.world import DAY, HOUR, Cloud, Fragile, Killed, a_house, day, heard, kill, watching

SOURCES = ("aws", "gcp")
SERVICES = ("a", "b")
LEVELS = (0, 5, 100, 130, 400)


class Event(NamedTuple):
    """`at` picks a source, a service, a moment: whatever the kind of event has use for."""

    kind: str
    at: int
    value: int


def events(*kinds: str) -> st.SearchStrategy[list[Event]]:
    one = st.builds(Event, st.sampled_from(kinds), st.integers(0, 5), st.integers(0, 4))
    return st.lists(one, min_size=8, max_size=40)


CALM = ("wait", "wait", "wait", "cycle", "cycle", "cycle", "level", "raise", "broken", "refresh", "act")
WILD = (*CALM, "restate", "fail", "status", "drop", "killed", "beaten")
DISTURBED = ("none", "none", "before 0", "after 0", "before 1", "after 1", "twice")


@dataclass
class Play:
    """One house, and the time that passes in it."""

    now: datetime = field(default_factory=lambda: day(0) + HOUR)
    clouds: dict[str, Cloud] = field(default_factory=dict)
    levels: dict[tuple[str, str], int] = field(default_factory=dict)
    seen: dict[str, BreakerState] = field(default_factory=dict)
    acts: int = 0

    def __post_init__(self) -> None:
        for place, name in enumerate(SOURCES):
            self.clouds[name] = Cloud(accounts=frozenset({name}), lag=(1 + place) * DAY)
            for service in SERVICES:
                self.levels[name, service] = 100
                self.clouds[name].steady(range(-16, 0), 100, service)
        self.house = a_house(
            watching("both", sources=SOURCES, limit=6000, remind_every=3 * DAY),
            watching("services", per=("service",), limit=2500),
            watching("gcp", sources=("gcp",), per=("service",), channels=("console", "other")),
            aws=self.clouds["aws"],
            gcp=self.clouds["gcp"],
        )

    def play(self, event: Event) -> None:
        getattr(self, f"do_{event.kind}")(event)

    # --- what happens ---

    def do_wait(self, event: Event) -> None:
        before, self.now = self.now, self.now + (3 + 7 * event.value) * HOUR
        for number in range((before - day(0)).days, (self.now - day(0)).days):
            for (name, service), level in self.levels.items():
                if level:
                    self.clouds[name].spend(number, level, service)

    def do_level(self, event: Event) -> None:
        self.levels[SOURCES[event.at % 2], SERVICES[event.at // 2 % 2]] = LEVELS[event.value]

    def do_raise(self, event: Event) -> None:
        """A past day costs more than was said."""
        self._restate(event, factor=Decimal("1.5"))

    def do_restate(self, event: Event) -> None:
        self._restate(event, factor=Decimal(event.value) / 2)

    def _restate(self, event: Event, factor: Decimal) -> None:
        cloud = self.clouds[SOURCES[event.at % 2]]
        past = sorted({charge.start for charge in cloud.charges})[-1 - event.value]
        cloud.charges = [
            replace_amount(charge, charge.billed * factor) if charge.start == past else charge
            for charge in cloud.charges
        ]

    def do_drop(self, event: Event) -> None:
        cloud = self.clouds[SOURCES[event.at % 2]]
        starts = sorted({charge.start for charge in cloud.charges})
        gone = starts[-1 - event.value] if len(starts) > 5 else None
        cloud.charges = [charge for charge in cloud.charges if charge.start != gone]

    def do_broken(self, event: Event) -> None:
        cloud = self.clouds[SOURCES[event.at % 2]]
        some = [(self.now - n * DAY).date() for n in range(1, 4)]
        cloud.broken = {} if event.value < 3 else dict.fromkeys(some[: event.at], 1)

    def do_fail(self, event: Event) -> None:
        cloud = self.clouds[SOURCES[event.at % 2]]
        cloud.trouble = AdapterError("down", permanent=event.value == 4) if event.value > 1 else None

    def do_status(self, event: Event) -> None:
        self.clouds[SOURCES[event.at % 2]].status = list(ReportStatus)[event.value % 3]

    def do_act(self, event: Event) -> None:
        kind = ("ack", "clear", "override", "silence", "expect")[event.value]
        match = ("both", "services/a", "gcp/*", "*", "services/b", "gcp/a")[event.at]
        self.acts += 1
        until = None if kind in {"ack", "clear"} else self.now + (10 + 30 * event.at) * HOUR
        amount = Decimal(300) if kind == "expect" else None
        new = Act(f"act-{self.acts}", kind, match, self.now, "ann", "why", until, Action.ALLOW, amount)
        if kind in {"ack", "clear"} and not self.house.store.states().keys() & {match}:
            return
        act(self.house.store, new)

    def do_refresh(self, event: Event) -> None:
        refresh(self.house, self.now)
        self.look()
        stored = {name: state.decision.id for name, state in self.seen.items() if state.decision}
        assert {one.circuit: one.id for one in decisions(self.house, self.now)} == stored

    def do_cycle(self, event: Event) -> None:
        run_cycle(self.house, SOURCES[event.at % 2], self.now)
        self.look()

    def do_killed(self, event: Event) -> None:
        """A cycle that is cut off before or after one of its commits. The next event may be anything."""
        store = Fragile(self.house.store)
        (store.before if event.value % 2 else store.after)[event.value // 2] = kill
        with suppress(Killed):
            run_cycle(replace(self.house, store=store), SOURCES[event.at % 2], self.now)
        self.look()

    def do_beaten(self, event: Event) -> None:
        """A cycle that is beaten to its write by one of the other source, or by a person."""
        store, source = Fragile(self.house.store), SOURCES[event.at % 2]
        other = SOURCES[(event.at + 1) % 2]

        def first() -> None:
            if event.value % 2:
                run_cycle(self.house, other, self.now)
            else:
                self.do_act(Event("act", event.at, event.value // 2))

        store.before[1] = first
        run_cycle(replace(self.house, store=store), source, self.now)
        self.look()

    # --- what must hold ---

    def look(self) -> None:
        """Judged days stay judged, one by one."""
        states = self.house.store.states()
        for circuit, state in states.items():
            check_judged_once(self.seen.get(circuit), state)
        self.seen = states


def replace_amount(charge: Any, amount: Decimal) -> Any:
    return charge._replace(billed=amount, effective=amount)


def check_judged_once(before: BreakerState | None, after: BreakerState) -> None:
    """What is judged has settled and counted: a day may only go from not judged to judged."""
    if before is None or before.judged_through is None:
        return
    assert after.judged_through is not None
    assert after.judged_through >= before.judged_through
    assert {at for at in after.skipped if at <= before.judged_through} <= set(before.skipped)


def check_every_alert_is_owed_once(house: House) -> None:
    """Each change that history says was told is in one message of each channel, alone or as member of an incident."""
    lines = [line for line in house.store.history(limit=100_000) if line.kind in {"transition", "blocked"}]
    told = Counter(
        (line.at, line.subject) for line in lines for _ in line.detail["told"] if not line.detail["silenced"]
    )
    for channel in ("console", "other"):
        owed: Counter[tuple[datetime, str]] = Counter()
        for at, _, circuit, payload in heard(house, channel):
            if payload.get("members") is not None:
                owed.update([(at, circuit), *((at, member) for member in payload["members"])])
        mine = {key: count for key, count in told.items() if channel == "console" or key[1].startswith("gcp")}
        lacking = {key: count for key, count in mine.items() if owed[key] < count}
        assert lacking == {}
        assert channel == "other" or {key for key in owed if owed[key] > told[key]} == set()
    events = Counter((at, kind, who, p["text"]) for at, kind, who, p in heard(house) if "circuit" not in p)
    assert [event for event, count in events.items() if count > 1] == []


SEEN = (Phase.explicit, Phase.generate)  # making a failing scenario smaller takes minutes


@settings(max_examples=30, deadline=None, phases=SEEN, suppress_health_check=list(HealthCheck))
@given(events(*WILD))
def test_no_day_is_judged_twice_and_no_alert_is_lost_or_doubled(scenario: list[Event]) -> None:
    play = Play()
    for event in scenario:
        play.play(event)
    check_every_alert_is_owed_once(play.house)


@settings(max_examples=12, deadline=None, phases=SEEN, suppress_health_check=list(HealthCheck))
@given(events(*CALM), st.lists(st.sampled_from(DISTURBED), min_size=1, max_size=12))
def test_a_house_that_is_killed_and_begins_again_ends_as_one_that_was_left_in_peace(
    scenario: list[Event], disturbed: Sequence[str]
) -> None:
    calm, shaken = Play(), Play()
    cycles = 0
    for event in scenario:
        calm.play(event)
        if event.kind == "cycle":
            _disturb(shaken, event, disturbed[cycles % len(disturbed)])
            cycles += 1
        shaken.play(event)

    assert calm.house.store.states() == shaken.house.store.states()
    assert _owed(calm.house) == _owed(shaken.house)
    assert _history(calm.house) == _history(shaken.house)


def _disturb(play: Play, event: Event, how: str) -> None:
    """What happens to a cycle before it is begun again at the same moment."""
    if how == "twice":
        play.do_cycle(event)
    elif how != "none":
        when, place = how.split()
        play.do_killed(event._replace(value=2 * int(place) + (when == "before")))


def _owed(house: House) -> list[tuple[object, ...]]:
    """Every message; the id of a source's event counts its writes, of which there are more after a kill."""
    found: list[tuple[object, ...]] = []
    for one in house.store.deliveries(limit=100_000):
        event = one.envelope["event"]
        found.append((one.owed_at, one.channel, one.monitor, event and event["text"], one.envelope["alerts"]))
    return found


def _history(house: House) -> list[object]:
    return [replace(line, seq=0, version=0) for line in house.store.history(limit=100_000)]


def test_the_scenarios_do_come_to_alerts() -> None:
    """So that the properties above speak of something."""
    play = Play()
    for number in range(20):
        play.play(Event("level", 0, 4 if number > 8 else 2))
        for event in (Event("wait", 0, 3), Event("cycle", 0, 0), Event("cycle", 1, 0)):
            play.play(event)
    kinds = {kind for _, kind, _, _ in heard(play.house)}
    assert {"anomaly", "tripped", "forecast", "budget_warning"} <= kinds
    check_every_alert_is_owed_once(play.house)
    assert timedelta(days=19) <= play.now - day(0)
