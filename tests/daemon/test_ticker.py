"""The ticks in real time, with the wall clock turned underneath APScheduler."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from threading import Event
from typing import Any

import apscheduler.schedulers.base as scheduler_module
import pytest

from cloudcircuit.daemon.ticker import Ticker
from cloudcircuit.service.leash import Leaving
from tests.daemon.process import wait_until


class Wall:
    """This machine's clocks, the wall clock off by `offset`; APScheduler sees the same."""

    offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    wall = Wall()

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + wall.offset

    monkeypatch.setattr(scheduler_module, "datetime", Shifted)
    return wall


@pytest.fixture
def ticker(wall: Wall) -> Iterator[Ticker]:
    ticker = Ticker(wall)
    yield ticker
    ticker.stop()


class Runs:
    """Counts its runs and says when the next one is wanted."""

    def __init__(self, wait: float = 3600.0, does: Callable[[], object] = lambda: None) -> None:
        self.at: list[float] = []
        self.wait = wait
        self.does = does

    def __call__(self) -> float:
        self.at.append(time.monotonic())
        self.does()
        return self.wait

    def reach(self, count: int, seconds: float = 5.0, mind: Callable[[], None] = lambda: None) -> None:
        def reached() -> bool:
            mind()
            return len(self.at) >= count

        wait_until(reached, seconds)


def test_runs_after_its_wait_and_then_as_often_as_it_says(ticker: Ticker) -> None:
    runs, begun = Runs(0.2), time.monotonic()
    ticker.add("a", 3600, 0.2, runs)
    runs.reach(3)
    assert 0.2 <= runs.at[0] - begun < 1.0
    assert runs.at[2] - runs.at[0] >= 0.35


def test_a_job_that_hangs_holds_up_no_other_and_is_never_doubled(ticker: Ticker) -> None:
    freed = Event()
    hanging = [Runs(does=freed.wait) for _ in range(20)]
    for number, job in enumerate(hanging):
        ticker.add(f"hanging {number}", 0.05, 0, job)
    for job in hanging:
        job.reach(1)
    quick = Runs(0.05)
    ticker.add("quick", 3600, 0, quick)
    quick.reach(5)
    assert [len(job.at) for job in hanging] == [1] * 20
    assert ticker.busy
    freed.set()
    wait_until(lambda: not any(len(job.at) > 1 for job in hanging), 1)


def test_a_job_that_breaks_runs_again(ticker: Ticker) -> None:
    runs = Runs(does=lambda: 1 / 0)
    ticker.add("a", 0.1, 0, runs)
    runs.reach(3)


def test_leaving_is_quiet(ticker: Ticker, capsys: pytest.CaptureFixture[str]) -> None:
    def leave() -> None:
        raise Leaving

    runs = Runs(does=leave)
    ticker.add("a", 0.1, 0, runs)
    runs.reach(2)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("jump", [timedelta(seconds=-1), timedelta(hours=-1), timedelta(days=-1)])
def test_a_clock_that_goes_back_stops_nothing(ticker: Ticker, wall: Wall, jump: timedelta) -> None:
    runs = Runs(0.3)
    ticker.add("a", 0.3, 0, runs)
    runs.reach(2)
    wall.offset = jump
    begun, seen = time.monotonic(), len(runs.at)
    runs.reach(seen + 4, 7, ticker.mind)
    assert time.monotonic() - begun < 5 + 0.3


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=3650), timedelta(days=63_500)])
def test_a_clock_that_leaps_runs_each_job_once(ticker: Ticker, wall: Wall, jump: timedelta) -> None:
    runs, other = Runs(0.2), Runs()
    ticker.add("a", 0.2, 0, runs)
    ticker.add("other", 60, 30, other)
    runs.reach(2)
    wall.offset = jump
    seen = len(runs.at)
    runs.reach(seen + 4, 3, ticker.mind)
    assert len(other.at) == 1  # overdue by that clock: once, not for each minute of ten years


def test_a_replaced_job_keeps_its_own_time(ticker: Ticker) -> None:
    begun, freed = Event(), Event()

    def hang() -> None:
        begun.set()
        freed.wait()

    old, new = Runs(3600, hang), Runs(3600)
    ticker.add("a", 3600, 0, old)
    assert begun.wait(5)
    ticker.add("a", 3600, 0, new)
    time.sleep(0.3)
    assert not new.at  # never two at once
    freed.set()
    new.reach(1, 6, ticker.mind)
    assert len(old.at) == 1


def test_a_dropped_job_runs_no_more(ticker: Ticker) -> None:
    runs = Runs(0.1)
    ticker.add("a", 3600, 0, runs)
    runs.reach(1)
    ticker.drop("a")
    time.sleep(0.1)
    seen = len(runs.at)
    time.sleep(0.3)
    assert len(runs.at) == seen


def test_a_scheduler_that_died_is_replaced(
    ticker: Ticker, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    runs = Runs(0.2)
    ticker.add("a", 3600, 0, runs)
    runs.reach(1)
    with monkeypatch.context() as patch:
        patch.setattr(type(ticker._scheduler), "_process_jobs", lambda self: exec("raise SystemExit"))
        ticker._scheduler.wakeup()
        wait_until(lambda: not ticker._scheduler._thread.is_alive(), 2)
    seen = len(runs.at)
    runs.reach(seen + 2, 5, ticker.mind)
