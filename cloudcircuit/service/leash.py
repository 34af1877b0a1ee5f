"""A source on a leash: what does not come back by its deadline is left behind, and holds up nobody.

An adapter promises to keep its deadline, and an SDK underneath may break that promise for it. So each call runs in a
thread of its own that the caller waits for and no longer. A source that left one behind is not asked again until
that thread has come back: at most one hangs for each source.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, TypeVar

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Probe, SpendQuery
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


@dataclass(frozen=True, slots=True)
class _Held:
    """An adapter that is opened, asked and closed within one call."""

    leash: Leash
    source: Source

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        return self._ask(lambda adapter: adapter.fetch(query, deadline), deadline)

    def probe(self, deadline: Deadline) -> Probe:
        return self._ask(lambda adapter: adapter.probe(deadline), deadline)

    def close(self) -> None:
        """Each call has closed what it opened."""

    def _ask(self, question: Callable[[CostAdapter], _T], deadline: Deadline) -> _T:
        def work() -> _T:
            with closing(self.source.open()) as adapter:
                return question(adapter)

        return self.leash.call(self.source.name, work, deadline)
