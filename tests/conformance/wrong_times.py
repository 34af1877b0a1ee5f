"""Wrong in time, in filters, or in what they remember."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from cloudcircuit.charges import Charge
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Breakdown, Grain, Match, SpendQuery
from cloudcircuit.ports import Deadline, SpendReport
from tests.conformance import memory
from tests.conformance.contracts import NarrowContract
from tests.conformance.memory import MemorySource
from tests.conformance.wrong import NOW, Reported, Retold, caught, wrong


@caught("only_days_of_the_window_are_told", "[start, end)")
@caught("a_window_without_charges_has_no_rows", "outside of the window")
class NoWindow(MemorySource):
    def rows(self, charges: Iterable[Charge], query: SpendQuery) -> Iterable[Charge]:
        year = timedelta(days=365)
        return super().rows(charges, replace(query, start=query.start - year, end=query.end + year))


@caught("only_days_of_the_window_are_told", "its end is not in it")
class OpenStart(Retold):
    def retell(self, rows: list[Charge], query: SpendQuery) -> Iterable[Charge]:
        return [row for row in rows if row.start > query.start]


class InUtc(MemorySource):
    def rows(self, charges: Iterable[Charge], query: SpendQuery) -> Iterable[Charge]:
        return super().rows(charges, replace(query, zone="UTC"))


caught("days_are_cut_in_the_zone", "America/Los_Angeles")(InUtc)
caught("a_zone_that_it_cannot_cut_days_in_is_refused", "Asia/Kathmandu", own_zone=True)(InUtc)


@caught("a_zone_that_it_cannot_cut_days_in_is_refused", "permanent=True", own_zone=True)
class ZoneMayComeBack(MemorySource):
    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        raise AdapterError(f"its days are not those of {query.zone}")


@caught("days_are_cut_in_the_zone", "2024-11-04")
class DaysOf24Hours(Retold):
    def rows(self, charges: Iterable[Charge], query: SpendQuery) -> Iterable[Charge]:
        rows = super().rows(charges, replace(query, grain=Grain.HOUR))
        day = timedelta(days=1)
        return [replace(row, start=query.start + (row.start - query.start) // day * day) for row in rows]


@caught("hours_are_told_as_hours", "hours differ")
class NoHours(MemorySource):
    def rows(self, charges: Iterable[Charge], query: SpendQuery) -> Iterable[Charge]:
        return super().rows(charges, replace(query, grain=Grain.DAY))


@caught("what_begins_later_is_not_visible", "visible_until")
class SeesAhead(MemorySource):
    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        return super().fetch(replace(query, visible_until=None), deadline)


@caught("the_watermark_is_an_instant_before_the_lag", "charges younger than")
class NoLag(Reported):
    def reword(self, report: SpendReport, query: SpendQuery) -> SpendReport:
        return replace(report, watermark=NOW)


@caught("the_watermark_is_an_instant_before_the_lag", "aware, in UTC")
class NaiveMark(Reported):
    def reword(self, report: SpendReport, query: SpendQuery) -> SpendReport:
        return replace(report, watermark=datetime(2024, 11, 18))


@caught("the_watermark_is_an_instant_before_the_lag", "would never settle")
class NeverSettles(Reported):
    def reword(self, report: SpendReport, query: SpendQuery) -> SpendReport:
        return replace(report, watermark=query.start)


@caught("the_watermark_follows_the_operators_lag", "heed context.lag")
@caught("now_is_the_contexts", "never the machine's")
class OwnClock(MemorySource):
    def watermark(self, charges: Sequence[Charge]) -> datetime | None:
        return NOW - timedelta(days=1)


# --- filters --------------------------------------------------------------------------------


class NoFilter(MemorySource):
    def accepts(self, match: Match, value: str | None) -> bool:
        return True


caught("a_filter_is_never_ignored", "where service")(NoFilter)
caught("a_filter_holds_for_every_charge_of_the_answer", "where service", NarrowContract)(NoFilter)
caught("the_breakdowns_tell_what_is_needed", "told from", NarrowContract)(NoFilter)
caught("what_drivers_need_is_answered_or_told", "where service exactly", NarrowContract)(NoFilter)


@caught("a_filter_is_never_ignored", "cOMPUTE")
class AnyCase(MemorySource):
    def accepts(self, match: Match, value: str | None) -> bool:
        lower = replace(match, patterns=tuple(each.lower() for each in match.patterns))
        return lower.accepts(value and value.lower())


@caught("a_filter_is_never_ignored", "(none)")
class NoneIsAText(MemorySource):
    def accepts(self, match: Match, value: str | None) -> bool:
        return value is not None and match.accepts(value)


@caught("a_filter_is_never_ignored", "where service exactly ['Co*']")
class ExactIsAGlob(MemorySource):
    def accepts(self, match: Match, value: str | None) -> bool:
        return replace(match, exact=False).accepts(value)


@caught("days_are_known_behind_a_filter", "name the days", NarrowContract)
class Untold(Reported):
    def reword(self, report: SpendReport, query: SpendQuery) -> SpendReport:
        return replace(report, told=frozenset())


def split_the_first(options: Any, needs: Sequence[Breakdown], grain: Grain) -> tuple[Breakdown, ...]:
    return memory.split(options, needs[:1], grain)


def split_columns(_options: Any, _needs: Sequence[Breakdown], _grain: Grain) -> tuple[Breakdown, ...]:
    return (Breakdown(("ServiceName",)),)


wrong("each_need_is_answered_by_a_breakdown", "no breakdown that answers", NarrowContract, split=split_the_first)
wrong("split_asks_for_dimensions", "are no dimensions", split=split_columns)
wrong("split_asks_for_dimensions", "the same twice", split=lambda *_: (Breakdown(("region",)),) * 2)
wrong(
    "what_it_cannot_answer_has_a_way_out",
    "the way out",
    unsupported=lambda _o, need, _g: ("not possible here",) if len(need.dimensions) > 1 else (),
)


# --- marks --------------------------------------------------------------------------------

Memory = tuple[frozenset[date], frozenset[date], dict[date, str]]


class Remembers(MemorySource):
    def memory(self, charges: Sequence[Charge], query: SpendQuery) -> Memory:
        return self.recall(super().memory(charges, query), query)

    def recall(self, known: Memory, query: SpendQuery) -> Memory:
        return known


@caught("marks_are_texts_for_days", "have no mark", NarrowContract)
class FewMarks(Remembers):
    def recall(self, known: Memory, query: SpendQuery) -> Memory:
        told, unchanged, marks = known
        return told, unchanged, dict(list(marks.items())[:1])


@caught("marks_are_texts_for_days", "marks are texts", NarrowContract)
class NumberMarks(MemorySource):
    def mark(self, charges: Sequence[Charge]) -> str:
        return len(charges)  # type: ignore[return-value]  # that is what is wrong


@caught("a_second_reading_with_marks_says_the_same", "had no marks of them", NarrowContract)
class UnchangedOutOfTheBlue(Remembers):
    def recall(self, known: Memory, query: SpendQuery) -> Memory:
        told, unchanged, marks = known
        return told, unchanged | {date(2024, 1, 1)} if query.marks else unchanged, marks


@caught("a_third_reading_with_the_marks_of_the_second_says_the_same", "have no mark", NarrowContract)
class ForgetsMarks(Remembers):
    def recall(self, known: Memory, query: SpendQuery) -> Memory:
        told, unchanged, marks = known
        return told, unchanged, {day: mark for day, mark in marks.items() if day not in unchanged}


@caught("a_restated_day_is_told", "restated", NarrowContract)
class MarksByCount(MemorySource):
    def mark(self, charges: Sequence[Charge]) -> str:
        return "seen"


@caught("marks_that_it_never_gave_do_no_harm", "not the adapter's own", NarrowContract)
class TrustsAnyMark(Remembers):
    def recall(self, known: Memory, query: SpendQuery) -> Memory:
        told, unchanged, marks = known
        trusted = frozenset(told & query.marks.keys())
        return told - trusted, unchanged | trusted, marks
