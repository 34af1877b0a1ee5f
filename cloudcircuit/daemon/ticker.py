"""APScheduler, which ticks and nothing more: jobs in memory, late rather than never, and never twice at once.

It goes by the wall clock, which jumps: after a step back it would stand still for as long, after a leap forward list
every run that was missed. So every due time is kept on the monotonic clock as well, and `mind` puts right what lies too
far ahead; and the trigger counts from now, so that a leap runs each job once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock, Thread
from typing import Any

import structlog
from apscheduler.executors.base import BaseExecutor, run_job
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from cloudcircuit.ports import Clock
from cloudcircuit.service.leash import Leaving

log = structlog.get_logger("cloudcircuit.ticker")

SLACK = 2.0
"""How far a job may lie behind its due time before it is put right, in seconds."""


class _FromNow(BaseTrigger):  # type: ignore[misc]  # APScheduler brings no types
    """The next run is an interval from now, however many were missed."""

    def __init__(self, seconds: float) -> None:
        self._interval = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:  # noqa: ARG002
        return now + self._interval


class _OwnThread(BaseExecutor):  # type: ignore[misc]  # as above
    """A thread for each run: no pool that hung runs could fill, or that the interpreter waits for at its end."""

    def _do_submit_job(self, job: Any, run_times: list[datetime]) -> None:
        Thread(target=self._run, args=(job, run_times), name=job.id, daemon=True).start()

    def _run(self, job: Any, run_times: list[datetime]) -> None:
        self._run_job_success(job.id, run_job(job, job._jobstore_alias, run_times, self._logger.name))


@dataclass(slots=True)
class _Job:
    """What runs under a name: `work` gives the seconds until its next run. `due` is monotonic."""

    work: Callable[[], float]
    every: float
    due: float
    running: bool = False


class Ticker:
    """Runs jobs when they are due, each in its own thread and never twice at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[str, _Job] = {}
        self._turn = Lock()
        self._stopped = False
        self._scheduler = self._begin()

    def _begin(self) -> Any:
        # No misfire grace: late is better than never, and what was missed meanwhile comes as one run.
        defaults = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        scheduler = BackgroundScheduler(timezone=UTC, executors={"default": _OwnThread()}, job_defaults=defaults)
        scheduler.start()
        return scheduler

    def add(self, name: str, every: float, wait: float, work: Callable[[], float]) -> None:
        """Run `work` in `wait` seconds, and then again after as many as it says. Replaces the job of this name."""
        with self._turn:
            running = name in self._jobs and self._jobs[name].running
            self._jobs[name] = _Job(work, every, self._clock.monotonic() + wait, running)
            self._schedule(name)

    def drop(self, name: str) -> None:
        with self._turn:
            del self._jobs[name]
            self._scheduler.remove_job(name)

    def _schedule(self, name: str) -> None:
        job = self._jobs[name]
        self._scheduler.add_job(
            self._run,
            _FromNow(job.every),
            args=(name,),
            id=name,
            replace_existing=True,
            next_run_time=self._at(job.due),
        )

    def _at(self, due: float) -> datetime:
        return self._clock.now() + timedelta(seconds=max(0.0, due - self._clock.monotonic()))

    def _run(self, name: str) -> None:
        with self._turn:
            job = self._jobs.get(name)
            if job is None or job.running:
                return
            job.running = True
        wait = job.every
        try:
            wait = job.work()
        except Leaving:
            return
        except Exception:
            # The seam of all jobs: what breaks one of them must not end the others.
            log.exception("job broke", job=name)
        finally:
            self._done(name, job, wait)

    def _done(self, name: str, job: _Job, wait: float) -> None:
        with self._turn:
            now = self._jobs.get(name)
            if now is not None:
                now.running = False
            if now is job and not self._stopped:  # one that was replaced meanwhile has its own time
                job.due = self._clock.monotonic() + wait
                self._scheduler.modify_job(name, next_run_time=self._at(job.due))

    def mind(self) -> None:
        """Put right what would come too late: the wall clock went back, a thread could not be started, or died."""
        with self._turn:
            if not self._scheduler._thread.is_alive():
                log.error("the scheduler's thread died; another takes over")
                self._scheduler = self._begin()
                for name in self._jobs:
                    self._schedule(name)
            now, wall = self._clock.monotonic(), self._clock.now()
            for name, job in self._jobs.items():
                planned = self._scheduler.get_job(name).next_run_time - wall
                if not job.running and planned.total_seconds() > max(0.0, job.due - now) + SLACK:
                    job.due = max(job.due, now + SLACK)
                    self._scheduler.modify_job(name, next_run_time=self._at(job.due))

    @property
    def busy(self) -> bool:
        return any(job.running for job in self._jobs.values())

    def stop(self) -> None:
        """Start nothing more. What runs goes on."""
        with self._turn:
            self._stopped = True
        self._scheduler.shutdown(wait=False)
