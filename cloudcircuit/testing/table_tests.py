"""The table of an answer: its columns, its rows, and that its sums are those of the charges to the last digit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from unittest import SkipTest

from cloudcircuit.charges import Charge
from cloudcircuit.model import QUANTITY, UNIT, Breakdown, CallCost, ReportStatus, column_of, is_dimension
from cloudcircuit.testing.bench import DAY, Bench
from cloudcircuit.testing.figures import (
    FIXED,
    days_with_rows,
    figures,
    must_be_same,
    rows,
)


class TableTests(Bench):
    def test_the_table_has_the_promised_columns(self) -> None:
        self.load(self.two_weeks())
        for dimensions in ((), self.widest()):
            report = self.ask(self.query(dimensions))
            wanted = {**_TYPES, **{column_of(name): "string" for name in dimensions}}
            wanted |= {cost.column: "decimal128(38, 18)" for cost in self.costs}
            found = {field.name: str(field.type) for field in report.table.schema}
            assert found == wanted, (
                f"the table of a question by {dimensions} has {_listed(found)}; it must have {_listed(wanted)}"
                " (charges.charge_table makes it from rows)"
            )

    def test_nothing_is_null_but_missing_values(self) -> None:
        self.load(self.two_weeks())
        table = self.ask(self.query(self.widest())).table
        for name in (*FIXED, *(cost.column for cost in self.costs)):
            assert not table[name].null_count, (
                f"{table[name].null_count} rows have no {name}: a row that cannot be read is counted in `broken`"
            )

    def test_a_missing_value_is_null(self) -> None:
        can_miss = [dimension for dimension in self.groupable if None in self.values[dimension]]
        if not can_miss:
            raise SkipTest("no dimension in `values` can be missing")
        for dimension in can_miss:
            self.load([self.charge(self.today - DAY, "1", values={dimension: None})])
            (value,) = {row[column_of(dimension)] for row in rows(self.ask(self.query((dimension,))))}
            assert value is None, (
                f"a missing {dimension} came as {value!r}: it must be null, whatever the provider writes"
            )

    def test_each_combination_has_one_row(self) -> None:
        self.load(self.two_weeks())
        for dimensions in ((), self.widest()):
            names = [*FIXED, *map(column_of, dimensions)]
            counts = Counter(tuple(row[name] for name in names) for row in rows(self.ask(self.query(dimensions))))
            (key, most) = counts.most_common(1)[0]
            assert most == 1, f"{key} has {most} rows: add up what has the same {', '.join(names)}"

    def test_sums_are_those_of_the_charges_to_the_last_digit(self) -> None:
        charges = self.two_weeks()
        self.load(charges)
        for dimensions in ((), *((name,) for name in self.groupable), self.widest()):
            self._must_say(charges, dimensions, f"sums by {', '.join(dimensions) or 'nothing'}")

    def test_amounts_stay_exact(self) -> None:
        day = self.today - DAY
        charges = [self.charge(day - DAY * n, amount) for n in range(3) for amount in ("0.1", "0.2", self.smallest)]
        self.load([*charges, *(large := [self.charge(day, "12345678.9"), self.charge(day, self.smallest)])])
        self._must_say([*charges, *large], (), "small amounts (were they floats on the way?)")

    def test_negative_amounts_are_amounts(self) -> None:
        category = "Credit" if "Credit" in self.categories else self.categories[0]
        charges = [
            self.charge(self.today - DAY, "5"),
            self.charge(self.today - DAY, "-7.25", category=category),
            self.charge(self.today - 2 * DAY, "-3.5", category=category),
        ]
        self.load(charges)
        self._must_say(charges, self.widest(), "days with refunds")

    def test_a_day_that_cost_nothing_is_a_known_day(self) -> None:
        day = self.today - 3 * DAY
        self.load([self.charge(self.today - 5 * DAY, "1"), self.charge(day, "0"), self.charge(self.today, "1")])
        report = self.ask(self.query())
        assert day in days_with_rows(report, self.zones[0]) | report.told, (
            f"{day} has a charge of 0, and the answer leaves it out: give its row, or name the day in `told`"
        )

    def test_currencies_are_kept_apart(self) -> None:
        if len(self.currencies) < 2:
            raise SkipTest("`currencies` names one currency")
        charges = [self.charge(self.today - DAY, "1.5", currency=currency) for currency in self.currencies]
        self.load(charges)
        self._must_say(charges, (), "days in several currencies (they never meet)")

    def test_categories_are_kept_apart(self) -> None:
        charges = [
            self.charge(self.today - DAY, Decimal(place + 1), category=category)
            for place, category in enumerate(self.categories)
        ]
        self.load(charges)
        self._must_say(charges, (), "charge categories")
        if self.can(Breakdown(("charge_category",))):
            self._must_say(charges, ("charge_category",), "sums by charge_category")

    def test_what_is_said_beside_the_table_is_well_formed(self) -> None:
        self.load(self.two_weeks())
        report = self.ask(self.query())
        assert report.status in ReportStatus, f"status {report.status!r}: a ReportStatus"
        assert report.status is not ReportStatus.SUSPICIOUS, (
            f"two weeks of charges are called suspicious: {report.notes}"
        )
        assert not report.broken, f"sound charges are called broken: {dict(report.broken)}; {report.notes}"
        assert isinstance(report.accounts, frozenset), "accounts: a frozenset of billing account ids"
        assert all(isinstance(note, str) and note for note in (*report.notes, *report.accounts)), (
            "notes, accounts: texts"
        )
        unknown = [name for name in report.dimensions if not is_dimension(name)]
        assert not unknown, f"dimensions {unknown} are none: take the names of model.DIMENSIONS, and tag:KEY"
        _check_cost(report.cost)

    def test_a_question_for_quantities_has_the_same_figures(self) -> None:
        self.load(self.two_weeks())
        query = self.query(self.widest())
        report = self.ask(replace(query, quantities=True))
        must_be_same(
            figures(report, query.dimensions),
            figures(self.ask(query), query.dimensions),
            "asked for quantities, the figures",
        )
        found = {field.name: str(field.type) for field in report.table.schema if field.name in _QUANTITIES}
        assert found in ({}, _QUANTITIES), (
            f"asked for quantities, the table has {_listed(found)}; give {_listed(_QUANTITIES)}, or neither"
        )

    def test_no_data_is_not_zero(self) -> None:
        self.load([])
        report = self.ask(self.query())
        assert report.table.num_rows == 0, "the source is empty, and the answer has rows: no data is not zero"
        assert report.watermark is None or report.status is ReportStatus.SUSPICIOUS, (
            "the source is empty, and the answer says that all charges are in: give no watermark, or call it suspicious"
        )
        assert not report.told, (
            "the source is empty, and days are `told`: nothing is known of them; no data is not zero"
        )

    def test_days_without_data_are_left_out(self) -> None:
        self.load([self.charge(self.today - 9 * DAY, "1"), self.charge(self.today, "1")])
        report = self.ask(self.query())
        days, wanted = days_with_rows(report, self.zones[0]), {self.today - 9 * DAY, self.today}
        assert days == wanted, f"charges lie on {sorted(wanted)}, rows on {sorted(days)}: fill no gaps with zeros"

    def test_the_same_question_has_the_same_answer(self) -> None:
        self.load(self.two_weeks())
        query = self.query(self.widest())
        with self.opened() as adapter:
            first, second = (self.fetch(adapter, query) for _ in range(2))
        third = self.ask(query)
        for again, which in ((second, "asked twice in one opening"), (third, "opened and asked anew")):
            said, before = figures(again, query.dimensions), figures(first, query.dimensions)
            must_be_same(said, before, f"{which}: the figures")
            assert (again.watermark, again.status, again.told) == (first.watermark, first.status, first.told), (
                f"{which}, the source tells another watermark, status or days"
            )

    def _must_say(self, charges: list[Charge], dimensions: Sequence[str], what: str) -> None:
        query = self.query(dimensions)
        self.must_say(self.ask(query), charges, query, what)


_TYPES = {"ChargePeriodStart": "timestamp[us, tz=UTC]", "BillingCurrency": "string", "ChargeCategory": "string"}

_QUANTITIES = {UNIT: "string", QUANTITY: "double"}


def _check_cost(cost: CallCost) -> None:
    assert isinstance(cost.dollars, Decimal), f"cost.dollars is a {type(cost.dollars).__name__}: money is a Decimal"
    assert cost.dollars.is_finite(), f"cost.dollars is {cost.dollars}"
    assert all(part >= 0 for part in (cost.requests, cost.dollars, cost.bytes)), (
        f"{cost}: no call costs less than nothing"
    )


def _listed(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())
