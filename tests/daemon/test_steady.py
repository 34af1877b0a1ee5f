from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcircuit.service.steady import BELIEVED, NOTICED, SteadyClock, describe

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)
MINUTE = timedelta(minutes=1)


@dataclass
class Machine:
    """Both clocks of a machine, turned by hand."""

    wall: datetime = START
    mono: float = 100.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.mono

    def pass_(self, length: timedelta, *, jump: timedelta = timedelta()) -> None:
        self.wall += length + jump
        self.mono += length.total_seconds()


def test_follows_a_wall_clock_that_behaves() -> None:
    machine = Machine()
    clock = SteadyClock(machine)
    machine.pass_(HOUR)
    assert clock.now() == START + HOUR
    assert clock.jumps() == []


@pytest.mark.parametrize("jump", [-HOUR, -DAY, -YEAR, 10 * YEAR, 174 * YEAR])
def test_goes_on_by_the_time_before_when_the_jump_cannot_be_believed(jump: timedelta) -> None:
    machine = Machine()
    clock = SteadyClock(machine)
    machine.pass_(MINUTE, jump=jump)
    assert clock.now() == START + MINUTE
    machine.pass_(HOUR)
    assert clock.now() == START + MINUTE + HOUR
    assert clock.jumps() == [jump]
    assert clock.jumps() == []
    assert clock.offset == -jump


@pytest.mark.parametrize("jump", [-HOUR, 10 * YEAR])
def test_believes_the_wall_clock_again_once_it_is_set_right(jump: timedelta) -> None:
    machine = Machine()
    clock = SteadyClock(machine)
    machine.pass_(MINUTE, jump=jump)
    assert clock.jumps() == [jump]
    machine.pass_(MINUTE, jump=timedelta(milliseconds=7) - jump)  # nobody hits it to the microsecond
    assert clock.now() == machine.wall
    assert clock.offset == timedelta()


def test_follows_a_machine_that_slept() -> None:
    machine = Machine()
    clock = SteadyClock(machine)
    machine.pass_(MINUTE, jump=3 * DAY)
    assert clock.now() == START + MINUTE + 3 * DAY
    assert clock.jumps() == [3 * DAY]


def test_what_time_servers_do_is_no_jump() -> None:
    machine = Machine()
    clock = SteadyClock(machine)
    for _ in range(100):
        machine.pass_(MINUTE, jump=timedelta(seconds=-1))
        clock.now()
    assert clock.jumps() == []
    assert clock.now() == machine.wall


def test_is_not_fooled_by_being_stopped_between_its_two_readings() -> None:
    machine = Machine()

    class Stopped(Machine):
        readings = 0

        def now(self) -> datetime:
            self.readings += 1
            at = self.wall
            if self.readings == 2:
                self.pass_(timedelta(minutes=10))  # SIGSTOP, right after the wall clock was read
            return at

    machine = Stopped()
    clock = SteadyClock(machine)
    assert clock.now() == START + timedelta(minutes=10)
    assert clock.jumps() == []


@given(st.lists(st.tuples(st.integers(0, 86_400), st.integers(-(10**9), 10**9)), max_size=30))
def test_never_goes_back_and_never_leaps(steps: list[tuple[int, int]]) -> None:
    machine = Machine(wall=datetime(2500, 1, 1, tzinfo=UTC))
    clock = SteadyClock(machine)
    before = clock.now()
    for passed, jump in steps:
        machine.pass_(timedelta(seconds=passed), jump=timedelta(seconds=jump))
        now = clock.now()
        assert timedelta(seconds=passed) - 2 * NOTICED <= now - before <= timedelta(seconds=passed) + BELIEVED + NOTICED
        before = now


def test_says_what_happened_and_what_to_do() -> None:
    assert describe(-HOUR, HOUR).startswith("this machine's clock jumped back by 1 hour; judging goes on by")
    assert "restart the daemon" in describe(10 * YEAR, -10 * YEAR)
    assert (
        describe(DAY, timedelta())
        == "this machine's clock jumped forward by 24 hours; sources are read and judged on as before"
    )
