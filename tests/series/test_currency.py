"""Amounts of different currencies never meet, unless a dated table says what they are worth."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Cost, Fx
from cloudcircuit.service.budget_sums import budget_sums
from cloudcircuit.service.measure import rate_on
from cloudcircuit.service.series import Cut, cut
from tests.series.world import FIRST, Row, day, image, monitor, report, row


def cut_one(rows: list[Row], *fx: Fx, per: tuple[str, ...] = ("service",)) -> Cut:
    return cut(monitor(per=per), {"s": image(report(rows), 4)}, start=FIRST, end=day(4), fx=fx)


def billed(found: Cut) -> dict[str, Decimal]:
    told = budget_sums(found, Cost.BILLED, FIRST, day(4))
    return {circuit.id: amount for circuit, amount in zip(found.circuits, told.known, strict=True)}


def test_money_in_another_currency_is_named_and_not_counted() -> None:
    found = cut_one(
        [row(0, "a", "1"), row(0, "a", "5", currency="EUR"), row(1, "a", "5", currency="JPY"), row(0, "b", "2")]
    )
    assert found.foreign == {"m/a": frozenset({"EUR", "JPY"})}
    assert found.converted == {}
    assert billed(found) == {"m/a": 1, "m/b": 2}


def test_a_circuit_with_nothing_else_is_there_and_named() -> None:
    found = cut_one([row(0, "a", "1"), row(0, None, "5", currency="EUR")])
    assert found.foreign == {"m/(none)": frozenset({"EUR"})}
    assert billed(found) == {"m/(none)": 0, "m/a": 1}


def test_a_zero_in_another_currency_is_no_money() -> None:
    found = cut_one([row(0, "a", "1"), row(0, "a", "0", currency="EUR"), row(1, "a", "0", "3", currency="GBP")])
    assert found.foreign == {"m/a": frozenset({"GBP"})}


def test_the_rate_of_the_day_converts() -> None:
    fx = (Fx("EUR", "USD", Decimal("1.1"), day(0)), Fx("EUR", "USD", Decimal("1.2"), day(2)))
    found = cut_one([row(n, "a", "10", currency="EUR") for n in range(4)] + [row(0, "a", "1")], *fx)
    assert found.foreign == {}
    assert found.converted == {"m/a": frozenset({"EUR"})}
    assert billed(found) == {"m/a": Decimal(1 + 11 + 11 + 12 + 12)}
    assert found.usage[0].tolist() == [12, 11, 12, 12]


def test_a_day_before_the_first_rate_stays_foreign() -> None:
    found = cut_one([row(n, "a", "10", currency="EUR") for n in range(2)], Fx("EUR", "USD", Decimal(2), day(1)))
    assert found.foreign == found.converted == {"m/a": frozenset({"EUR"})}
    assert billed(found) == {"m/a": 20}


def test_a_rate_into_another_currency_is_no_rate() -> None:
    found = cut_one([row(0, "a", "10", currency="EUR")], Fx("EUR", "GBP", Decimal(2), day(0)))
    assert found.foreign == {"m/a": frozenset({"EUR"})}


def test_conversion_is_exact_and_rounded_once() -> None:
    fx = Fx("IDR", "USD", Decimal("0.000061234567890123"), day(0))
    found = cut_one([row(0, "a", "123456789.123456789123456789", currency="IDR")], fx)
    # The product is 7559.823135076913530123 913522564090395047.
    assert billed(found) == {"m/a": Decimal("7559.823135076913530124")}


def test_conversion_changes_no_digit_that_needs_no_rounding() -> None:
    """Arrow's rounding of decimal256 does (pyarrow 26), from 2**58 on in units of the last place."""
    fx = Fx("EUR", "USD", Decimal("0.000008"), day(0))
    found = cut_one([row(0, "a", "288230376.151507933", currency="EUR")], fx)
    assert billed(found) == {"m/a": Decimal("2305.843009212063464")}


@settings(max_examples=60, deadline=None)
@given(
    amounts=st.lists(st.decimals(-(10**9), 10**9, places=9), min_size=1, max_size=6),
    rate=st.decimals(Decimal("0.000001"), 10**5, places=6),
)
def test_conversion_against_plain_decimals(amounts: list[Decimal], rate: Decimal) -> None:
    rows = [row(0, (f"s{n}",), amount, currency="EUR") for n, amount in enumerate(amounts)]
    found = cut_one(rows, Fx("EUR", "USD", rate, day(0)), per=())
    with localcontext(prec=60):  # Python's own 28 digits would round
        assert billed(found) == {"m": sum(amount * rate for amount in amounts)}


def test_an_amount_that_grows_beyond_exactness_is_refused() -> None:
    fx = Fx("EUR", "USD", Decimal(10**6), day(0))
    with pytest.raises(AdapterError, match="source s: an amount is too large once it is converted"):
        cut_one([row(0, "a", "9e18", currency="EUR")], fx)


def test_the_newest_rate_that_has_begun() -> None:
    fx = [Fx("EUR", "USD", Decimal(n), date(2026, n, 1)) for n in (3, 1, 2)]
    assert rate_on(fx, "EUR", "USD", date(2026, 2, 28)) == 2
    assert rate_on(fx, "EUR", "USD", date(2025, 12, 31)) is None
