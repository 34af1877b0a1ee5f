"""Price and usage, told apart where a source tells quantities."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.model import QUANTITY, UNIT, Circuit, Match
from cloudcircuit.service.cells import SourceImage
from cloudcircuit.service.drivers import Compared, Explanation, find_drivers
from cloudcircuit.service.prices import bennet
from tests.series.world import Row, called, image, monitor, report, row

BEFORE = [called(n) for n in range(4)]
NOW = [called(4)]
NAMES = ("service", "sku", "commitment_status")

Used = tuple[Row, float | None, str | None]


def used(n: int, sku: str, cost: str, quantity: float | None, unit: str | None = "Hours", **more: Any) -> Used:
    return row(n, ("EC2", sku, more.pop("cover", None)), cost, **more), quantity, unit


def daily(sku: str, before: tuple[str, float | None], now: tuple[str, float | None], **more: Any) -> list[Used]:
    return [used(n, sku, *(now if n == 4 else before), **more) for n in range(5)]


def table(rows: list[Used]) -> SourceImage:
    made = report([each for each, _, _ in rows], NAMES)
    made = made.append_column(UNIT, pa.array([unit for _, _, unit in rows], pa.string()))
    return image(made.append_column(QUANTITY, pa.array([quantity for _, quantity, _ in rows], pa.float64())))


def explain(rows: list[Used], **settings: Any) -> Explanation:
    watch = monitor(per=(), **settings)
    found = find_drivers(Compared(watch, Circuit("m", "m"), NOW, BEFORE), {"s": [table(rows)]})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("before", "now", "cause"),
    [
        (("10", 10.0), ("20", 10.0), "price"),
        (("10", 10.0), ("20", 20.0), "usage"),
        (("10", 10.0), ("20", 8.0), "price"),  # less of it, for much more
        (("10", 10.0), ("20", 40.0), "usage"),  # cheaper, and much more of it
        (("10", 10.0), ("40", 19.0), "price"),  # both doubled, the price a little more
        (("10", 10.0), ("40", 21.0), "usage"),
        (("10", None), ("20", 10.0), None),
        (("10", 0.0), ("20", 10.0), None),  # paid for nothing: it had no price
    ],
)
def test_price_or_usage(before: tuple[str, float | None], now: tuple[str, float | None], cause: str | None) -> None:
    assert explain(daily("m5", before, now)).cause == cause


def test_what_is_new_has_no_price_and_is_usage() -> None:
    rows = [*daily("m5", ("10", 10.0), ("10", 10.0)), used(4, "p4", "90", 1.0)]
    assert explain(rows).cause == "usage"


def test_items_are_told_apart_by_unit_and_cover() -> None:
    """More of what is dear is no higher price: neither by SKU, nor by unit, nor on demand beside what is covered."""
    by_sku = [*daily("small", ("10", 10.0), ("2", 2.0)), *daily("large", ("10", 1.0), ("80", 8.0))]
    by_unit = [*daily("x", ("10", 10.0), ("2", 2.0)), *daily("x", ("10", 1.0), ("80", 8.0), unit="GB")]
    covered = daily("x", ("10", 10.0), ("8", 8.0), cover="Used") + daily("x", ("10", 2.0), ("80", 16.0))
    assert [explain(rows).cause for rows in (by_sku, by_unit, covered)] == ["usage"] * 3


def test_lost_cover_is_no_price() -> None:
    rows = daily("x", ("10", 10.0), ("0", 0.0), cover="Used") + daily("x", ("1", 0.5), ("21", 10.5))
    assert explain(rows).cause == "commitment"


def test_only_the_money_of_the_circuit_counts() -> None:
    """Another currency, another category, and what the filter leaves out."""
    own = daily("m5", ("10", 10.0), ("20", 20.0))
    other = [
        *daily("m5", ("10", 10.0), ("900", 10.0), currency="EUR"),
        *daily("m5", ("10", 10.0), ("900", 10.0), category="Tax"),
        *daily("c6", ("10", 10.0), ("900", 10.0)),
    ]
    assert explain(own + other, where=(Match("sku", ("m5",)),)).cause == "usage"


def test_a_quantity_that_is_no_number_is_not_known() -> None:
    assert explain(daily("m5", ("10", 10.0), ("20", float("inf")))).cause is None


AMOUNTS = st.floats(0.0, 1e6)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS), min_size=1, max_size=6))
def test_price_and_usage_add_up_to_the_change_of_what_has_quantities(items: list[tuple[float, ...]]) -> None:
    cost = np.array([[one[0] for one in items], [one[1] for one in items]])
    quantity = np.array([[one[2] + 0.5 for one in items], [one[3] + 0.5 for one in items]])
    found = bennet(cost, quantity)
    assert found.price + found.quantity == pytest.approx(float((cost[1] - cost[0]).sum()), rel=1e-6, abs=1e-3)
    back = bennet(cost[::-1], quantity[::-1])
    assert back.price == pytest.approx(-found.price, rel=1e-6, abs=1e-3)


def test_the_excess_is_exact_all_the_same() -> None:
    found = explain(daily("m5", ("0.1", 1.0), ("0.3", 1.0)))
    assert (found.excess, found.cause) == (Decimal("0.2"), "price")
