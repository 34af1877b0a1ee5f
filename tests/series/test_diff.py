"""What a report changes: windows, restatements, vanished days, and reports that cannot be used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Cost, Grain
from cloudcircuit.service.cells import AMOUNT
from cloudcircuit.service.ledger import image, recall
from tests.series.world import Source, called, cells, day, query, report, row, total


def test_saying_the_same_again_writes_nothing() -> None:
    source = Source()
    rows = [row(n, s, "1.25") for n in range(3) for s in ("a", "b", None)]
    source.say(report(rows))
    diff = source.say(report(reversed(rows)))
    assert diff.statements == () and diff.restated == () and diff.vanished_days == ()


def test_a_zero_that_comes_or_goes_is_no_change() -> None:
    source = Source()
    source.say(report([row(0, "a", "1"), row(0, "b", "0")]))
    assert source.say(report([row(0, "a", "1")])).statements == ()
    assert source.say(report([row(0, "a", "1"), row(0, "c", "0")])).statements == ()


def test_restatements_are_told_by_currency_and_cost() -> None:
    source = Source()
    source.say(report([row(0, "a", "1"), row(0, "b", "2", currency="EUR"), row(1, "a", "5")]))
    diff = source.say(report([row(0, "a", "1.5", "1"), row(0, "b", "1", "1", currency="EUR"), row(1, "a", "5")]))
    told = [(r.day, r.currency, r.cost, r.old, r.new) for r in diff.restated]
    assert told == [
        (day(0), "EUR", Cost.BILLED, Decimal(2), Decimal(1)),
        (day(0), "EUR", Cost.EFFECTIVE, Decimal(2), Decimal(1)),
        (day(0), "USD", Cost.BILLED, Decimal(1), Decimal("1.5")),
    ]


def test_money_that_moves_between_keys_is_written_but_is_no_restatement() -> None:
    source = Source()
    source.say(report([row(0, "a", "1"), row(0, "b", "2"), row(0, "c", "3")]))
    diff = source.say(report([row(0, "a", "2"), row(0, "b", "1"), row(0, "c", "3")]))
    assert diff.statements[0].rows == 2
    assert diff.restated == ()


def test_a_day_that_is_gone_whole_keeps_its_figures() -> None:
    source = Source()
    source.say(report([row(0, "a", "1"), row(1, "a", "2"), row(2, "a", "0")]))
    diff = source.say(report([row(0, "a", "1")]))
    assert diff.vanished_days == (day(1),)  # nothing was lost with the day that held no money
    assert diff.statements == ()
    assert total(cells(image(source.statements))) == 3
    assert source.say(report([row(1, "a", "2"), row(0, "a", "1")])).vanished_days == ()


def test_an_empty_report_loses_every_day_and_zeroes_none() -> None:
    source = Source()
    source.say(report([row(0, "a", "1"), row(1, "a", "2")]))
    diff = source.say(report([]))
    assert diff.vanished_days == (day(0), day(1))
    assert total(cells(image(source.statements))) == 3


@pytest.mark.parametrize("doubts", [{"complete": False}, {"broken": {day(0)}}])
def test_a_key_that_may_merely_be_missing_keeps_its_figures(doubts: dict[str, Any]) -> None:
    source = Source()
    source.say(report([row(0, "a", "1"), row(0, "b", "2")]))
    diff = source.say(report([row(0, "a", "3")]), **doubts)
    assert [(r.old, r.new) for r in diff.restated if r.cost is Cost.BILLED] == [(Decimal(3), Decimal(5))]
    assert cells(image(source.statements)) == cells(report([row(0, "a", "3"), row(0, "b", "2")]))
    assert source.say(report([row(0, "a", "3")]), **doubts).statements == ()
    source.say(report([row(0, "a", "3")]))
    assert total(cells(image(source.statements))) == 3


def test_only_the_days_of_the_window_are_compared() -> None:
    source = Source(query(10))
    source.say(report([row(0, "a", "1"), row(5, "a", "2")]))
    asked = query(3)
    diff = source.say(report([row(0, "a", "1"), row(5, "a", "9"), row(3, "b", "1")]), asked)
    assert diff.statements == () and diff.vanished_days == ()
    before = source.say(report([row(-1, "a", "1"), row(0, "a", "1"), row(5, "a", "2")]))
    assert before.statements == ()


@pytest.mark.parametrize("year", [1970, 9999])
def test_rows_far_outside_are_ignored(year: int) -> None:
    diff = Source().say(report([row(datetime(year, 1, 1, tzinfo=UTC), "a", "1e19"), row(0, "a", "1")]))
    assert [s.day for s in diff.statements] == [day(0)]


def test_zeroed_and_filled_again() -> None:
    source = Source()
    full = [row(0, "a", "7"), row(0, "b", "1"), row(0, "c", "1")]
    source.say(report(full))
    assert source.say(report([row(0, "a", "0"), *full[1:]])).statements[0].rows == 1
    assert total(cells(source.word[day(0)])) == 2
    assert source.say(report(full)).statements[0].rows == 1
    assert cells(image(source.statements)) == cells(report(full))


def test_rows_with_one_key_are_added_up() -> None:
    source = Source()
    diff = source.say(report([row(0, "a", "1.1"), row(0, "b", "5"), row(0, "a", "2.2", "1")]))
    assert diff.statements[0].rows == 2
    assert cells(source.word[day(0)]) == cells(report([row(0, "a", "3.3", "2.1"), row(0, "b", "5")]))


def test_charge_days_are_cut_in_the_zone_of_the_source() -> None:
    zone = "America/Los_Angeles"
    source = Source(query(31, zone))
    late = datetime(2026, 3, 9, 6, 30, tzinfo=UTC)  # still the 8th on the Pacific coast, the day the clock skips 2:00
    diff = source.say(report([row(late, "a", "1"), row(late + timedelta(hours=1), "a", "2")]))
    assert [s.day for s in diff.statements] == [day(7), day(8)]


def test_hours_of_a_day_are_one_statement() -> None:
    source = Source(query(31, grain=Grain.HOUR))
    diff = source.say(report([row(called(0) + timedelta(hours=h), "a", "1") for h in range(30)]))
    assert [(s.day, s.grain, s.rows) for s in diff.statements] == [(day(0), "hour", 24), (day(1), "hour", 6)]
    later = source.say(report([row(called(0) + timedelta(hours=h), "a", "2" if h == 3 else "1") for h in range(30)]))
    assert [(s.day, s.rows) for s in later.statements] == [(day(0), 1)]
    assert later.restated[0].new == 25


def test_changed_zone_of_days_says_them_anew_and_counts_nothing_twice() -> None:
    source = Source(query(31, "UTC"))
    source.say(report([row(0, "a", "1"), row(1, "a", "2")]))
    pacific = [row(called(n) + timedelta(hours=8 if n < 7 else 7), "a", str(n + 1)) for n in range(2)]
    diff = source.say(report(pacific), query(31, "America/Los_Angeles"))
    assert diff.restated == ()
    assert total(cells(image(source.statements))) == 3


def test_dictionary_and_large_text_are_text_too() -> None:
    source = Source()
    source.say(report([row(0, "a", "1"), row(0, None, "2")]))
    table = report([row(0, None, "2"), row(0, "a", "1")])
    coded = table.set_column(3, "ServiceName", table["ServiceName"].dictionary_encode())
    large = table.set_column(1, "BillingCurrency", table["BillingCurrency"].cast(pa.large_string()))
    assert source.say(coded).statements == () and source.say(large).statements == ()
    assert source.say(table.append_column("x_Note", pa.array(["n", "n"]))).statements == ()


def column(name: str, values: Any) -> pa.Table:
    table = report([row(0, "a", "1"), row(0, "b", "2")])
    return table.set_column(table.column_names.index(name), name, values)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (report([row(0, "a", "1")]).drop_columns(["ServiceName"]), "has no column ServiceName"),
        (report([row(0, "a", "1")]).drop_columns(["ChargeCategory"]), "has no column ChargeCategory"),
        (report([row(0, "a", "1")], costs=[]), "has neither BilledCost nor EffectiveCost"),
        (column("BilledCost", pa.array([1.0, float("nan")])), "has BilledCost as double; money is exact"),
        (column("BilledCost", pa.array([Decimal(1), None], AMOUNT)), "has 1 rows without BilledCost"),
        (column("BilledCost", pa.array([Decimal("1e-25")] * 2, pa.decimal128(38, 30))), "BilledCost that is no dec"),
        (column("BillingCurrency", pa.array(["USD", None])), "has 1 rows without BillingCurrency"),
        (column("ChargePeriodStart", pa.array(["yesterday"] * 2)), "ChargePeriodStart that is no timestamp"),
        (column("ServiceName", pa.array([[1], [2]])), "has a column ServiceName that is no text"),
    ],
)
def test_a_report_that_breaks_the_contract_is_refused_by_name(table: pa.Table, says: str) -> None:
    with pytest.raises(AdapterError, match="source s: its report") as caught:
        Source().say(table)
    assert says in str(caught.value)
    assert caught.value.permanent


def test_amounts_that_cannot_be_added_exactly_are_refused() -> None:
    rows = [row(0, f"s{n}", "9" * 19) for n in range(11)]
    with pytest.raises(AdapterError, match=r"source s: the amounts add up to 1\.1e\+20"):
        Source().say(report(rows))
    fits = Source()
    fits.say(report(rows[:9]))
    assert total(cells(image(fits.statements))) == 9 * Decimal("9" * 19)


def test_eighteen_places_survive() -> None:
    source = Source()
    source.say(report([row(0, "a", "12345678901234567890.123456789012345678", "-0.000000000000000001")]))
    (amounts,) = cells(recall(source.statements)[day(0)]).values()
    assert amounts["BilledCost"] == Decimal("12345678901234567890.123456789012345678")
    assert amounts["EffectiveCost"] == Decimal("-1e-18")
