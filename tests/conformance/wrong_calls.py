"""Wrong on the worst day, or in what calls cost."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from cloudcircuit.charges import Charge
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import CallCost, PlanStep, Probe, SpendQuery
from cloudcircuit.ports import Deadline, SpendReport
from cloudcircuit.testing import MemoryMeter
from tests.conformance.contracts import NarrowContract
from tests.conformance.memory import MemorySource
from tests.conformance.wrong import Reported, caught


@caught("an_expired_deadline_ends_at_once", "as if nothing had happened")
class NoDeadline(MemorySource):
    def call(self, deadline: Deadline) -> Sequence[Charge]:
        return super().call(Long())


@caught("an_expired_deadline_ends_at_once", "look at the deadline before")
class LooksLater(MemorySource):
    def call(self, deadline: Deadline) -> Sequence[Charge]:
        charges = super().call(Long())
        if deadline.expired:
            raise AdapterError("too late")
        return charges


class Long:
    """A deadline that never comes near."""

    expired = False

    def left(self) -> float:
        return 20.0


caught("a_provider_that_hangs_is_left_by_the_deadline", "not back after 3.5 s")(NoDeadline)


class Mild(MemorySource):
    """Takes every error for one that passes, and for no more."""

    def call(self, deadline: Deadline) -> Sequence[Charge]:
        try:
            return super().call(deadline)
        except AdapterError as error:
            raise AdapterError(str(error)) from error


caught("a_refused_login_is_permanent", "until somebody acts")(Mild)
caught("throttling_says_when_to_come_back", "the provider asked for 120.0 s")(Mild)
caught("a_secret_that_is_not_there_is_told", "somebody must put it there")(Mild)


class Harsh(MemorySource):
    def call(self, deadline: Deadline) -> Sequence[Charge]:
        try:
            return super().call(deadline)
        except AdapterError as error:
            raise AdapterError(str(error), permanent=True, retry_after=error.retry_after) from error


caught("throttling_says_when_to_come_back", "passes by itself")(Harsh)
caught("a_provider_that_hangs_is_left_by_the_deadline", "may answer the next time")(Harsh)


class Untranslated(MemorySource):
    def call(self, deadline: Deadline) -> Sequence[Charge]:
        try:
            return super().call(deadline)
        except AdapterError as error:
            raise KeyError("Charges") from error


caught("a_source_that_is_gone_is_an_error", "KeyError came out of the adapter")(Untranslated)
caught("probe_survives_what_fetch_survives", "KeyError came out of the adapter")(Untranslated)
caught("a_secret_that_is_not_there_is_told", "KeyError came out of the adapter")(Untranslated)


class Silent(MemorySource):
    """Takes an error for less data."""

    def call(self, deadline: Deadline) -> Sequence[Charge]:
        try:
            return super().call(deadline)
        except AdapterError:
            return self.world.charges[: len(self.world.charges) // 2]


caught("a_truncated_answer_is_no_smaller_bill", "was taken for a whole one")(Silent)
caught("an_answer_of_another_kind_is_no_bill", "as if nothing had happened")(Silent)
caught("a_used_up_day_ends_the_calls", "must come out of fetch")(Silent)


@caught("an_amount_that_is_none_is_no_zero", "was taken for a whole one")
class NothingIsBroken(MemorySource):
    def broken(self, zone: str) -> Mapping[date, int]:
        return {}


@caught("secrets_are_told_nowhere", "stands in fetch after throttle()")
class Leaks(MemorySource):
    def call(self, deadline: Deadline) -> Sequence[Charge]:
        try:
            return super().call(deadline)
        except AdapterError as error:
            raise AdapterError(f"{error}: {error.__cause__}") from error


@caught("secrets_are_told_nowhere", "logged as an error")
class LogsAll(MemorySource):
    def call(self, deadline: Deadline) -> Sequence[Charge]:
        try:
            return super().call(deadline)
        except AdapterError as error:
            logging.getLogger("sdk").error("no answer: %s", error.__cause__)
            raise


@caught("secrets_are_told_nowhere", "stands in the adapter as it is printed")
class ShowsItself(MemorySource):
    def __repr__(self) -> str:
        return f"MemorySource({self.world!r})"


# --- calls --------------------------------------------------------------------------------


class CountsNothing(MemorySource):
    def call(self, deadline: Deadline) -> Sequence[Charge]:
        self.context = replace(self.context, meter=MemoryMeter())
        return super().call(deadline)


caught("the_meter_counts_what_the_report_says", "before it is made")(CountsNothing)


@caught("the_meter_counts_what_the_report_says", "dollars", NarrowContract)
class CountsNoDollars(Reported):
    def reword(self, report: SpendReport, query: SpendQuery) -> SpendReport:
        return replace(report, cost=CallCost(1))


@caught("the_meter_counts_what_the_provider_sees", "pages and retries count")
class CountsOnePage(MemorySource):
    def call(self, deadline: Deadline) -> Sequence[Charge]:
        self.world.answer(self.secret(), deadline.left())
        return super().call(deadline)


@caught("a_used_up_day_ends_the_calls", "the meter's own words")
class HidesTheMeter(MemorySource):
    def call(self, deadline: Deadline) -> Sequence[Charge]:
        try:
            return super().call(deadline)
        except AdapterError as error:
            raise AdapterError("no answer") from error


@caught("plan_says_what_a_reading_costs_and_pays_nothing", "it must be free", NarrowContract)
class PaysToPlan(MemorySource):
    def plan(self, queries: Sequence[SpendQuery], sizes: Mapping[str, int], deadline: Deadline) -> Sequence[PlanStep]:
        self.call(deadline)
        return super().plan(queries, sizes, deadline)


@caught("plan_says_what_a_reading_costs_and_pays_nothing", "says that it is free", NarrowContract)
class PlansNothing(MemorySource):
    def plan(self, queries: Sequence[SpendQuery], sizes: Mapping[str, int], deadline: Deadline) -> Sequence[PlanStep]:
        return []


@caught("plan_needs_no_sizes", "PlanSteps")
class PlansInWords(MemorySource):
    def plan(self, queries: Sequence[SpendQuery], sizes: Mapping[str, int], deadline: Deadline) -> Sequence[PlanStep]:
        return ["one call"]  # type: ignore[list-item]  # that is what is wrong


@caught("probe_says_what_is_there", "the newest charge is of")
@caught("probe_of_an_empty_source_says_so", "the source is empty")
class ProbesTheClock(MemorySource):
    def probe(self, deadline: Deadline) -> Probe:
        return replace(super().probe(deadline), newest=datetime(2024, 11, 20, tzinfo=UTC))
