"""A source on a leash: what does not come back by its deadline is left behind, and holds up nobody.

An adapter promises to keep its deadline, and an SDK underneath may break that promise for it. So each call runs in a
thread of its own that the caller waits for and no longer. A source that left one behind is not asked again until
that thread has come back: at most one hangs for each source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, TypeVar

from cloudcircuit.clock import Deadline as Patience
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import PlanStep, Probe, SpendQuery
from cloudcircuit.ports import CostAdapter, Deadline, SpendReport
from cloudcircuit.service.house import Source

_T = TypeVar("_T")

GRACE = 2.0
"""Seconds beyond its deadline that an adapter has for telling its own story of why it was too slow."""

_LOOK = 0.2
"""How often a waiting caller looks whether the process is leaving, in seconds."""


class Leaving(BaseException):
    """The process is on its way out and waits for no source. No error of a source: nothing may record it as one."""


@dataclass(slots=True)
class Leash:
    """Holds sources. `leaving` is set once the process is on its way out: whoever waits for a source stops waiting."""

    leaving: Event = field(default_factory=Event)
    _astray: dict[str, Thread] = field(default_factory=dict)

    @property
    def has_astray(self) -> bool:
        """Whether a call that nobody waits for any more is still out."""
        return any(thread.is_alive() for thread in self._astray.values())

    def hold(self, source: Source) -> Source:
        """The same source, whose adapters cannot hang their caller."""
        return replace(source, open=lambda: _Held(self, source))

    def call(self, source: str, work: Callable[[], _T], deadline: Deadline) -> _T:
        """Do the work within the deadline. Raises what it raises, AdapterError when it hangs, Leaving."""
        before = self._astray.get(source)
        if before is not None and before.is_alive():
            raise AdapterError("its last call still has not come back; restart the daemon if it never does")
        answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        thread = Thread(target=_answer, args=(work, answers), name=f"source {source}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise AdapterError("this machine has no thread left to read it with; see its limits (ulimit -u)") from error
        value, failure = self._wait(source, thread, answers, deadline)
        if failure is not None:
            raise failure
        return value  # type: ignore[no-any-return]  # what `work` returned, through a queue

    def _wait(
        self, source: str, thread: Thread, answers: SimpleQueue[tuple[Any, BaseException | None]], deadline: Deadline
    ) -> tuple[Any, BaseException | None]:
        over = 0.0
        while not self.leaving.is_set():
            try:
                return answers.get(timeout=min(_LOOK, deadline.left()) or _LOOK)
            except Empty:
                over += _LOOK if deadline.expired else 0.0
            if over >= GRACE:
                self._astray[source] = thread
                raise AdapterError("it did not answer within its timeout; the call was left behind")
        self._astray[source] = thread
        raise Leaving


def _answer(work: Callable[[], Any], answers: SimpleQueue[tuple[Any, BaseException | None]]) -> None:
    try:
        answers.put((work(), None))
    except BaseException as error:  # noqa: BLE001 - it is raised again, in the caller's thread
        answers.put((None, error))


@dataclass(slots=True)
class _Held:
    """An adapter that is opened, asked and closed on the leash. One that was left behind closes when it comes back."""

    leash: Leash
    source: Source
    _lock: Lock = field(default_factory=Lock)
    _adapter: CostAdapter | None = None
    _is_busy: bool = False
    _is_closed: bool = False

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        return self._ask(lambda adapter: adapter.fetch(query, deadline), deadline)

    def probe(self, deadline: Deadline) -> Probe:
        return self._ask(lambda adapter: adapter.probe(deadline), deadline)

    def plan(self, queries: Sequence[SpendQuery], sizes: Mapping[str, int], deadline: Deadline) -> Sequence[PlanStep]:
        return self._ask(lambda adapter: adapter.plan(queries, sizes, deadline), deadline)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            adapter = None if self._is_busy else self._adapter
        if adapter is not None:
            with suppress(AdapterError):  # what it answered stands, however badly it closes
                self.leash.call(self.source.name, adapter.close, Patience(GRACE))

    def _ask(self, question: Callable[[CostAdapter], _T], deadline: Deadline) -> _T:
        def work() -> _T:
            try:
                if self._adapter is None:
                    self._adapter = self.source.open()
                return question(self._adapter)
            finally:
                self._come_back()

        self._is_busy = True
        return self.leash.call(self.source.name, work, deadline)

    def _come_back(self) -> None:
        with self._lock:
            self._is_busy = False
            is_left = self._is_closed
        if is_left and self._adapter is not None:
            self._adapter.close()
