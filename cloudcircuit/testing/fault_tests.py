"""The worst day: deadlines, refused logins, throttling, cut-off answers. An error is an AdapterError, and no secret."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from unittest import SkipTest

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Probe, ReportStatus
from cloudcircuit.ports import SpendReport
from cloudcircuit.testing.bench import Bench
from cloudcircuit.testing.context import MemoryMeter, adapter_context
from cloudcircuit.testing.figures import attempt, refusal, timed

RETRY_AFTER = 120.0
"""Seconds that a throttling provider asks for: more than any deadline here, so that nobody waits for it."""

GRACE = 2.0
"""Seconds beyond its deadline after which the house leaves a call behind."""

_SHORT = 1.5
"""Seconds of a deadline that is waited for."""

_QUESTIONS = ("fetch", "probe")


class FaultTests(Bench):
    def test_an_expired_deadline_ends_at_once(self) -> None:
        self.load(self.two_weeks())
        for name in _QUESTIONS:
            meter = MemoryMeter()
            what = f"{name} with an expired deadline"
            error = timed(partial(self._refused, name, what, 0.0, meter), 1.0, what)
            assert not error.permanent, f"{what} is called permanent: the next cycle has a deadline of its own"
            assert not meter.calls, f"{what} made a call: look at the deadline before"

    def test_a_provider_that_hangs_is_left_by_the_deadline(self) -> None:
        self.load(self.two_weeks())
        self.hang()
        for name in _QUESTIONS:
            what = f"{name} of a provider that hangs, with a deadline of {_SHORT} s,"
            error = timed(partial(self._refused, name, what, _SHORT), _SHORT + GRACE, what)
            assert not error.permanent, f"{what} is called permanent: it may answer the next time"

    def test_a_refused_login_is_permanent(self) -> None:
        self.load(self.two_weeks())
        self.break_login()
        for what, error in self._refusals("a refused login"):
            assert error.permanent, (
                f"{what} is not permanent: until somebody acts, trying again changes nothing (it said: {error})"
            )

    def test_throttling_says_when_to_come_back(self) -> None:
        self.load(self.two_weeks())
        self.throttle(RETRY_AFTER)
        for what, error in self._refusals("a throttled call"):
            assert not error.permanent, f"{what} is called permanent: it passes by itself"
            assert error.retry_after is not None, f"{what} has no retry_after: the provider asked for {RETRY_AFTER} s"
            assert abs(error.retry_after - RETRY_AFTER) < 5, (
                f"{what}: the provider asked for {RETRY_AFTER} s, and retry_after is {error.retry_after}"
            )

    def test_a_source_that_is_gone_is_an_error(self) -> None:
        self.load(self.two_weeks())
        self.vanish()
        for _ in self._refusals("a source that is gone"):
            pass

    def test_a_truncated_answer_is_no_smaller_bill(self) -> None:
        self._must_not_shrink(self.truncate, "a truncated answer")

    def test_an_answer_of_another_kind_is_no_bill(self) -> None:
        self.load(self.two_weeks())
        self.garble()
        for _ in self._refusals("an answer of another kind"):
            pass

    def test_an_amount_that_is_none_is_no_zero(self) -> None:
        self._must_not_shrink(self.spoil, "an amount that is none")

    def test_probe_survives_what_fetch_survives(self) -> None:
        self.load(self.two_weeks())
        is_provided = False
        for fault in (self.truncate, self.spoil):
            try:
                fault()
            except SkipTest:
                continue
            is_provided = True
            attempt(partial(self._put, "probe", self.patience), f"probe after {fault.__name__}()")
        if not is_provided:
            raise SkipTest("neither truncate nor spoil is provided")

    def test_a_secret_that_is_not_there_is_told(self) -> None:
        if not self.secrets:
            raise SkipTest("`secrets` names none")
        self.load(self.two_weeks())
        context = adapter_context(self.now, lag=self.lag, root=self.folder)
        adapter = self.plugin.open(self.settings(), context)
        what, way_out = "a secret that is not there", "make the ConfigError of reveal() a permanent AdapterError"
        try:
            error = refusal(lambda: adapter.fetch(self.query(), Deadline(self.patience)), what, way_out)
        finally:
            adapter.close()
        assert error.permanent, f"{what} is not permanent: somebody must put it there (it said: {error})"

    def test_secrets_are_told_nowhere(self) -> None:
        if not self.secrets and not self.hidden:
            raise SkipTest("neither `secrets` nor `hidden` names any")
        self.load(self.two_weeks())
        with _logged() as lines:
            for where, text in self._texts():
                self._must_be_clean(where, text)
        self._must_be_clean("what is logged as an error", "\n".join(lines))

    def _must_be_clean(self, where: str, text: str) -> None:
        assert not any(secret in text for secret in (*self.secrets.values(), *self.hidden)), (
            f"a secret stands in {where}: name where it comes from, never what it is"
        )

    def _put(self, name: str, seconds: float, meter: MemoryMeter | None = None) -> object:
        """One question, and its answer."""
        with self.opened(meter=meter) as adapter:
            deadline = Deadline(seconds)
            return adapter.probe(deadline) if name == "probe" else adapter.fetch(self.query(), deadline)

    def _refused(self, name: str, what: str, seconds: float, meter: MemoryMeter | None = None) -> AdapterError:
        return refusal(lambda: self._put(name, seconds, meter), what, "raise AdapterError")

    def _refusals(self, what: str) -> Iterator[tuple[str, AdapterError]]:
        for name in _QUESTIONS:
            told = f"{what}, in {name},"
            yield told, self._refused(name, told, self.patience)

    def _must_not_shrink(self, fault: Callable[[], None], what: str) -> None:
        """With a fault in it, an answer is refused, or says that it is not whole, or is whole in spite of it."""
        charges = self.two_weeks()
        self.load(charges)
        fault()
        query = self.query()
        with self.opened() as adapter:
            report = attempt(lambda: adapter.fetch(query, Deadline(self.patience)), what)
        if isinstance(report, AdapterError) or report.broken or report.status is not ReportStatus.COMPLETE:
            return
        self.must_say(report, charges, query, f"{what} was taken for a whole one: its sums")

    def _texts(self) -> Iterator[tuple[str, str]]:
        """All that the adapter says: of itself, in answers, and in errors."""
        yield "the options as they are printed", repr(self.settings())
        yield "scope", str(self.plugin.scope(self.settings()))
        with self.opened() as adapter:
            yield "the adapter as it is printed", f"{adapter!r} {adapter}"
            report = self.fetch(adapter, self.query())
            yield "notes, accounts and marks", f"{report.notes} {report.accounts} {report.marks}"
            yield "the probe", repr(adapter.probe(Deadline(self.patience)))
            yield "the plan", repr(adapter.plan([self.query()], {}, Deadline(self.patience)))
        for fault in self._faults():
            for name in _QUESTIONS:
                yield f"{name} after {fault}()", _text(attempt(partial(self._put, name, _SHORT), name))

    def _faults(self) -> Iterator[str]:
        """One fault after the other, as far as they are provided; each stays."""
        faults: dict[str, Callable[[], None]] = {
            "spoil": self.spoil,
            "truncate": self.truncate,
            "garble": self.garble,
            "throttle": partial(self.throttle, RETRY_AFTER),
            "break_login": self.break_login,
            "vanish": self.vanish,
        }
        for name, fault in faults.items():
            try:
                fault()
            except SkipTest:
                continue
            yield name


@contextmanager
def _logged() -> Iterator[list[str]]:
    """What anybody logs meanwhile as an error: of libraries the daemon lets nothing else through."""
    lines: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(handler)


def _text(found: object) -> str:
    if isinstance(found, AdapterError):
        return f"{found} {found!r} {found.args}"
    return f"{found.notes} {found.accounts}" if isinstance(found, SpendReport | Probe) else repr(found)
