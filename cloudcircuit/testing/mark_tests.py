"""Marks: a day that is not told again must still be what it was, and a restated one is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from unittest import SkipTest

from cloudcircuit.charges import Charge
from cloudcircuit.model import SpendQuery
from cloudcircuit.ports import SpendReport
from cloudcircuit.testing.bench import DAY, HOUR, Bench
from cloudcircuit.testing.figures import (
    Figures,
    day_of,
    days_with_rows,
    expected,
    laid_over,
    must_be_same,
)


class MarkTests(Bench):
    def test_marks_are_texts_for_days(self) -> None:
        report = self._first(self.query())
        strange = {day: mark for day, mark in report.marks.items() if not isinstance(mark, str) or not mark}
        assert not strange, f"marks are texts that the ledger keeps: {strange}"
        bare = report.told - report.marks.keys()
        assert not bare, f"{sorted(bare)} are told and have no mark: give one to each day that is told or unchanged"

    def test_a_second_reading_with_marks_says_the_same(self) -> None:
        query = self.query()
        first = self._first(query)
        again = replace(query, marks=first.marks)
        second = self.ask(again)
        self._must_be_sound(second, again)
        word = laid_over(laid_over({}, first, query), second, again)
        must_be_same(_joined(word), self._wanted(self._charges, query), "the days of the second reading")

    def test_a_third_reading_with_the_marks_of_the_second_says_the_same(self) -> None:
        query = self.query()
        first = self._first(query)
        again = replace(query, marks=first.marks)
        second = self.ask(again)
        bare = (second.told | second.unchanged) - second.marks.keys()
        assert not bare, f"{sorted(bare)} are told or unchanged and have no mark: the third reading would not know them"
        third_query = replace(query, marks={**first.marks, **second.marks})
        third = self.ask(third_query)
        self._must_be_sound(third, third_query)
        word = laid_over(laid_over(laid_over({}, first, query), second, again), third, third_query)
        must_be_same(_joined(word), self._wanted(self._charges, query), "the days of the third reading")

    def test_a_restated_day_is_told(self) -> None:
        query = self.query(self.widest())
        first = self._first(query)
        restated = self._restated(self._charges)
        self.load(restated)
        later = self.now + 6 * HOUR
        again = replace(query, marks=first.marks, visible_until=later)
        second = self.ask(again, now=later)
        self._must_be_sound(second, again)
        word = laid_over(laid_over({}, first, query), second, again)
        must_be_same(_joined(word), self._wanted(restated, again), "days that the provider restated, read with marks,")

    def test_marks_that_it_never_gave_do_no_harm(self) -> None:
        charges = self.two_weeks()
        self.load(charges)
        odd = self.query(marks={self.today - n * DAY: "of another version" for n in range(14)})
        report = self.ask(odd)
        word = laid_over({}, report, odd)
        must_be_same(_joined(word), self._wanted(charges, odd), "days whose marks are not the adapter's own")

    def _first(self, query: SpendQuery) -> SpendReport:
        self._charges = self.two_weeks()
        self.load(self._charges)
        report = self.ask(query)
        if not report.marks:
            raise SkipTest("it gives no marks: it reads everything each time")
        return report

    def _wanted(self, charges: list[Charge], query: SpendQuery) -> Figures:
        return expected(charges, self.dimensions, query, self.costs)

    def _must_be_sound(self, report: SpendReport, query: SpendQuery) -> None:
        unknown = report.unchanged - query.marks.keys()
        assert not unknown, f"{sorted(unknown)} are called unchanged, and the query had no marks of them"
        both = report.unchanged & (days_with_rows(report, query.zone) | report.told)
        assert not both, f"{sorted(both)} are unchanged and told at once: it is one or the other"

    def _restated(self, charges: list[Charge]) -> list[Charge]:
        """Yesterday grew, the day before lost a combination and gained another one."""
        yesterday, before = self.today - DAY, self.today - 2 * DAY
        kept = [charge for charge in charges if self._day(charge) != before]
        lost = [charge for charge in charges if self._day(charge) == before][1:]
        new = [self.charge(before, "77.7"), self.charge(yesterday, Decimal("0.3"))]
        return [*kept, *lost, *new]

    def _day(self, charge: Charge) -> date:
        return day_of(charge.start, self.zones[0])


def _joined(word: dict[date, Figures]) -> Figures:
    return {key: amounts for figures_of in word.values() for key, amounts in figures_of.items()}
