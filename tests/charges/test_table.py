"""The table that charges make: its columns, and sums that are exact."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcircuit.charges import LIMIT, PLACES, Charge, charge_table
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Cost

NOON = datetime(2024, 11, 18, 12, tzinfo=UTC)
AMOUNTS = st.integers(-(10**36), 10**36).map(lambda units: Decimal(f"{units}e-18"))


def rows(charges: list[Charge], *dimensions: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = charge_table(charges, dimensions, tuple(Cost)).to_pylist()
    return found


def test_the_columns_are_those_of_a_report() -> None:
    charge = Charge(NOON, "USD", "Usage", ("Compute", None, "Usage"), Decimal(1), Decimal(2))
    table = charge_table([charge], ("service", "tag:team", "charge_category"), (Cost.EFFECTIVE,))
    assert {field.name: str(field.type) for field in table.schema} == {
        "ChargePeriodStart": "timestamp[us, tz=UTC]",
        "BillingCurrency": "string",
        "ChargeCategory": "string",
        "ServiceName": "string",
        "Tags.team": "string",
        "EffectiveCost": "decimal128(38, 18)",
    }
    assert table.to_pylist() == [
        {
            "ChargePeriodStart": NOON,
            "BillingCurrency": "USD",
            "ChargeCategory": "Usage",
            "ServiceName": "Compute",
            "Tags.team": None,
            "EffectiveCost": Decimal(2),
        }
    ]


def test_without_charges_the_columns_are_there() -> None:
    table = charge_table([], ("service",), tuple(Cost))
    assert table.num_rows == 0
    assert table.schema == charge_table([Charge(NOON, "USD", "Usage", ("a",))], ("service",), tuple(Cost)).schema


@given(st.lists(st.tuples(st.sampled_from(("USD", "EUR")), st.sampled_from((None, "a", "b")), AMOUNTS), max_size=30))
def test_equal_combinations_are_added_up_exactly(parts: list[tuple[str, str | None, Decimal]]) -> None:
    charges = [
        Charge(NOON, currency, "Usage", (value,), amount, amount.copy_negate()) for currency, value, amount in parts
    ]
    wanted: dict[tuple[str, str | None], Fraction] = {}
    for currency, value, amount in parts:
        wanted[currency, value] = wanted.get((currency, value), Fraction(0)) + Fraction(amount)
    found = rows(charges, "service")
    assert len(found) == len(wanted)
    for row in found:
        total = wanted[row["BillingCurrency"], row["ServiceName"]]
        assert (Fraction(row["BilledCost"]), Fraction(row["EffectiveCost"])) == (total, -total)


def test_the_largest_sum_fits_and_the_next_is_refused() -> None:
    largest = [Charge(NOON, "USD", "Usage", (), LIMIT - 2, PLACES), Charge(NOON, "USD", "Usage", (), Decimal(1))]
    assert rows(largest) == [
        {
            "ChargePeriodStart": NOON,
            "BillingCurrency": "USD",
            "ChargeCategory": "Usage",
            "BilledCost": LIMIT - 1,
            "EffectiveCost": PLACES,
        }
    ]
    with pytest.raises(AdapterError, match="misplaced decimal point"):
        rows([*largest, Charge(NOON, "USD", "Usage", (), Decimal(1))])
