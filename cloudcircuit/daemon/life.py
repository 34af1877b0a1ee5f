"""What the daemon does all day: its jobs, its threads, its reloads, and what it does about trouble."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TextIO

import structlog

from cloudcircuit.clock import SystemClock
from cloudcircuit.compose import Opened, assemble, notifiers
from cloudcircuit.config import Config
from cloudcircuit.daemon.ticker import Ticker
from cloudcircuit.errors import CloudCircuitError, ConfigError, Conflict, Problem, StoreError
from cloudcircuit.model import AlertKind, Severity, SourceAlert, SourceState
from cloudcircuit.service.cycle import CycleResult, refresh, run_cycle
from cloudcircuit.service.leash import Leash
from cloudcircuit.service.notice import Troubles, tell
from cloudcircuit.service.pace import first_wait, next_wait
from cloudcircuit.service.serve import decisions
from cloudcircuit.service.steady import SteadyClock, describe

log = structlog.get_logger("cloudcircuit.daemon")

REFRESH = 60.0
"""How often every circuit is decided anew without a source: staleness, overrides that end, cooldowns that pass."""

HOUSEKEEPING = 24 * 3600.0
LOOK = 0.5
"""How often acts and the clock are looked at: an override takes effect within a second."""

DRAIN = 8.0
"""How long commits and sends that have begun may take once the daemon was told to leave."""

_STAGGER = 0.2  # between the first runs of several sources


class Daemon:
    """One state, its sources and its channels, kept going. `opened` is replaced whole by a reload."""

    def __init__(self, opened: Opened, load: Callable[[], Config], clock: SteadyClock, stdout: TextIO) -> None:
        self.opened = opened
        self._load = load
        self._clock = clock
        self._stdout = stdout
        self._leaving = Event()
        self._leash = Leash(self._leaving)
        self._owed, self._unpublished = Event(), Event()
        self._acts: int | None = None
        self._troubles = Troubles()
        self._publisher = opened.open_publisher()
        self._ticker = Ticker(SystemClock())
        self._threads: list[Thread] = []

    def start(self) -> None:
        self._adopt(self.opened, before=None)
        self._ticker.add("refresh", REFRESH, REFRESH, self._refresh)
        self._ticker.add("prune", HOUSEKEEPING, REFRESH, self._prune)
        for work in (self._deliver, self._publish, self._watch):
            thread = Thread(target=self._keep_going, args=(work,), name=work.__name__, daemon=True)
            thread.start()
            self._threads.append(thread)

    def serve(self, signals: SimpleQueue[int]) -> None:
        """Look after the clock and the schedule until a signal says to leave."""
        while True:
            self._guard("main", self._mind)
            try:
                received = signals.get(timeout=LOOK)
            except Empty:
                continue
            if received != signal.SIGHUP:
                log.info("leaving", signal=signal.Signals(received).name)
                return
            self._guard("reload", self._reload)

    def leave(self, signals: SimpleQueue[int]) -> bool:
        """Let what has begun come to its end, and say whether all did. A second signal cuts it short."""
        self._leaving.set()
        self._ticker.stop()
        until = self._clock.monotonic() + DRAIN
        while self._busy() and self._clock.monotonic() < until:
            try:
                if signals.get(timeout=0.05) != signal.SIGHUP:
                    break
            except Empty:
                continue
        return not self._busy() and not self._leash.has_astray

    def _busy(self) -> bool:
        return self._ticker.busy or any(thread.is_alive() for thread in self._threads)

    # --- configurations ---

    def _adopt(self, opened: Opened, before: Opened | None) -> None:
        """Work with a configuration from the next cycle on. What did not change in it keeps its time."""
        states = opened.store.sources()  # the one thing here that can fail comes before the first change
        house = replace(opened.house, sources={n: self._leash.hold(s) for n, s in opened.house.sources.items()})
        self.opened = replace(opened, house=house)
        old, new = before.config.sources if before else {}, opened.config.sources
        for name in old.keys() - new.keys():
            self._ticker.drop(f"source {name}")
        changed = [name for name in new if old.get(name) != new[name] or _is_stuck(states.get(name))]
        for place, name in enumerate(changed):
            every = new[name].every.total_seconds()
            wait = first_wait(states.get(name), every, self._clock.now()) + place * _STAGGER
            self._ticker.add(f"source {name}", every, wait, partial(self._cycle, name))

    def _reload(self) -> None:
        """Take up the configuration as it is now; where it is wrong, say so and keep the old one."""
        before = self.opened
        try:
            self._adopt(self._reopened(self._load()), before)
        except ConfigError as error:
            log.warning("configuration rejected", problems=[str(problem) for problem in error.problems])
            self._tell(AlertKind.CONFIG_REJECTED, Severity.CRITICAL, "configuration", str(error))
            return
        self._acts = None  # decide anew
        config = self.opened.config
        log.info("configuration reloaded", changed=config.digest != before.config.digest, file=str(config.file))

    def _reopened(self, config: Config) -> Opened:
        state = self.opened.config.daemon.state
        if config.daemon.state != state:
            problem = Problem("daemon.state", f"cannot change while the daemon runs (it is {state}): restart it")
            raise ConfigError((problem,), str(config.file))
        return assemble(config, self.opened.store, stdout=self._stdout, clock=self._clock)

    # --- what runs when it is due ---

    def _cycle(self, name: str) -> float:
        house, begun = self.opened.house, self._clock.monotonic()
        if name not in house.sources:
            return REFRESH  # a reload has just taken it away
        every = house.sources[name].every.total_seconds()
        result = CycleResult(name, self._clock.now(), ok=False)
        try:
            result = run_cycle(house, name, result.at)
            self._log_cycle(result, self._clock.monotonic() - begun)
            self._troubles.end(f"cycle of {name}")
        except StoreError as error:
            self._complain(f"cycle of {name}", error)
        finally:
            self._owed.set()
            self._unpublished.set()
        return next_wait(
            every,
            ok=result.ok,
            permanent=result.permanent,
            retry_after=result.retry_after,
            jitter=random.random(),  # noqa: S311 - spreads retries
        )

    def _log_cycle(self, result: CycleResult, seconds: float) -> None:
        state = self.opened.store.sources().get(result.source)
        age = self._clock.now() - state.watermark if state is not None and state.watermark is not None else None
        say = log.info if result.ok else log.warning
        say(
            "cycle",
            source=result.source,
            outcome="ok" if result.ok else "failed",
            circuits=result.circuits,
            transitions=result.transitions,
            alerts=result.alerts,
            seconds=round(seconds, 3),
            data_age=None if age is None else round(age.total_seconds()),
            **({} if result.ok else {"error": result.error}),
        )

    def _refresh(self) -> float:
        self._guard("refresh", lambda: refresh(self.opened.house, self._clock.now()))
        self._owed.set()
        self._unpublished.set()
        return REFRESH

    def _prune(self) -> float:
        before = self._clock.now() - self.opened.config.daemon.keep
        self._guard("prune", lambda: log.info("pruned", rows=self.opened.store.prune(before)))
        return HOUSEKEEPING

    # --- what runs all the time ---

    def _keep_going(self, work: Callable[[], None]) -> None:
        while not self._leaving.is_set():
            self._guard(work.__name__.strip("_"), work)

    def _deliver(self) -> None:
        self._owed.wait(1.0)
        self._owed.clear()
        while not self._leaving.is_set() and self.opened.outbox.run_once(self._leaving):
            continue

    def _publish(self) -> None:
        if not self._unpublished.wait(LOOK):
            return
        self._unpublished.clear()
        now = self._clock.now()
        try:
            self._publisher.publish(decisions(self.opened.house, now), now)
        except StoreError:
            self._unpublished.set()  # what was published stays, and this is tried again
            raise

    def _watch(self) -> None:
        """Let what people did take effect: published at once, then written into the states that it changes."""
        version = self.opened.store.acts_version()
        if version != self._acts:
            self._acts = version
            self._unpublished.set()
            self._refresh()
        self._leaving.wait(LOOK)

    def _mind(self) -> None:
        for step in self._clock.jumps():
            log.warning("clock jumped", seconds=round(step.total_seconds()))
            self._tell(AlertKind.CLOCK_JUMPED, Severity.WARNING, "daemon", describe(step, self._clock.offset))
        self._ticker.mind()

    # --- trouble ---

    def _guard(self, where: str, work: Callable[[], object]) -> None:
        """Do it; trouble is logged and ends nothing."""
        try:
            work()
            self._troubles.end(where)
        except CloudCircuitError as error:
            self._complain(where, error)
            self._leaving.wait(1.0)
        except Exception:
            log.exception("unexpected trouble", where=where)
            self._leaving.wait(1.0)

    def _complain(self, where: str, error: CloudCircuitError) -> None:
        """Log trouble; when it begins, and it is the state's, tell people as well."""
        is_first = not self._troubles
        if self._troubles.begin(where, str(error), self._clock.monotonic()):
            log.error("trouble", where=where, kind=type(error).__name__, error=str(error))
        if is_first and isinstance(error, StoreError) and not isinstance(error, Conflict):
            text = f"{error}; decisions stay as they were published last"
            self._tell(AlertKind.STATE_FAILING, Severity.CRITICAL, "the state", text)

    def _tell(self, kind: AlertKind, severity: Severity, subject: str, text: str) -> None:
        config = self.opened.config
        alert = SourceAlert(kind, severity, self._clock.now(), subject, text, channels=config.daemon.channels)
        tell(self.opened.house, alert, lambda: notifiers(config, self._stdout, SystemClock()))
        self._owed.set()


def _is_stuck(state: SourceState | None) -> bool:
    """Whether a source fails with what only a person can mend; a reload may mean that somebody did."""
    return state is not None and state.permanent
