"""Exact sums for a budget period, against plain Decimal arithmetic."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.errors import ConfigError
from cloudcircuit.model import Cost, Grain
from cloudcircuit.service.budget_sums import BudgetSums, budget_sums
from cloudcircuit.service.cells import SourceImage
from cloudcircuit.service.series import cut
from tests.series.world import FIRST, Row, called, day, image, monitor, report, row

AMOUNTS = st.decimals(min_value=-(10**15), max_value=10**15, places=18, allow_nan=False, allow_infinity=False)
ROWS = st.builds(
    Row,
    st.integers(0, 5).map(called),
    st.tuples(st.sampled_from(["a", "b", None])),
    AMOUNTS,
    AMOUNTS,
    st.just("USD"),
    st.sampled_from(["Usage", "Tax", "Credit"]),
)


def sums(source: SourceImage, cost: Cost = Cost.BILLED, days: tuple[int, int] = (0, 6)) -> BudgetSums:
    found = cut(monitor(per=()), {"s": source}, start=FIRST, end=day(6))
    return budget_sums(found, cost, day(days[0]), day(days[1]))


@settings(max_examples=120, deadline=None)
@given(
    rows=st.lists(ROWS, max_size=12),
    cost=st.sampled_from(Cost),
    through=st.integers(0, 6),
    broken=st.sets(st.integers(0, 5), max_size=2),
    begin=st.integers(0, 5),
    length=st.integers(0, 8),
)
def test_sums_are_those_of_plain_decimals(
    rows: list[Row], cost: Cost, through: int, broken: set[int], begin: int, length: int
) -> None:
    source = image(report(rows), through, broken=frozenset(map(day, broken)))
    found = cut(monitor(), {"s": source}, start=FIRST, end=day(6))
    told = budget_sums(found, cost, day(begin), day(begin + length))
    inside = range(begin, min(begin + length, 6))
    said = {(r.start - called(0)).days for r in rows}
    settled = {n for n in inside if n in said and n < through and n not in broken}
    for place, circuit in enumerate(found.circuits):
        own = [((r.start - called(0)).days, r) for r in rows if r.values == circuit.values]
        assert told.known[place] == plain([r for n, r in own if n in inside], cost)
        assert told.settled[place] == plain([r for n, r in own if n in settled], cost)
        usage = [(n, r) for n, r in own if r.category == "Usage"]
        assert told.known_usage[place] == plain([r for n, r in usage if n in inside], cost)
        assert told.settled_usage[place] == plain([r for n, r in usage if n in settled], cost)
    assert told.settled_days == len(settled)
    assert told.passed_days == sum(n < through for n in inside)


def plain(rows: list[Row], cost: Cost) -> Decimal:
    with localcontext(prec=60):
        return sum((r.billed if cost is Cost.BILLED else r.effective for r in rows), Decimal(0))


def test_no_digit_is_lost_beyond_the_28_of_python() -> None:
    big, small = "12345678901234567890.000000000000000001", "0.000000000000000002"
    told = sums(image(report([row(0, "a", big), row(1, "a", small), row(1, "b", "1", category="Tax")]), 2))
    assert str(told.settled[0]) == "12345678901234567891.000000000000000003"


def test_a_missing_or_broken_day_is_not_complete() -> None:
    rows = [row(n, "a", "1") for n in range(4)]
    assert sums(image(report(rows), 3)).complete
    assert not sums(image(report(rows), 3, broken=frozenset({day(1)}))).complete
    assert not sums(image(report(rows[:1] + rows[2:]), 3)).complete
    assert sums(image(report(rows[:1] + rows[2:]), 3), days=(2, 6)).complete


def test_money_on_a_provisional_day_is_known_and_not_settled() -> None:
    told = sums(image(report([row(0, "a", "1"), row(1, "a", "10")]), 1))
    assert (told.settled, told.known, told.settled_days, told.passed_days) == ((Decimal(1),), (Decimal(11),), 1, 1)


def test_a_period_that_reaches_beyond_the_days_that_were_cut() -> None:
    assert sums(image(report([row(5, "a", "3")]), 6), days=(0, 31)).known == (Decimal(3),)
    with pytest.raises(ValueError, match="the period begins on 2026-02-28, before the days that were cut"):
        sums(image(report([]), 6), days=(-1, 3))


def test_a_billed_budget_without_billed_cost_is_refused_by_the_monitor_s_name() -> None:
    effective = image(report([row(0, "a", "1")], costs=[Cost.EFFECTIVE]), 1)
    assert sums(effective, Cost.EFFECTIVE).settled == (Decimal(1),)
    with pytest.raises(ConfigError, match=r'monitors\.m: its budget is in billed cost, .* set cost = "effective"'):
        sums(effective)


def test_hours_are_summed_by_charge_day() -> None:
    rows = [row(called(0) + timedelta(hours=h), "a", "0.1") for h in range(30)]
    told = sums(image(report(rows), watermark=called(1) + timedelta(hours=3), grain=Grain.HOUR))
    assert (told.known[0], told.settled[0]) == (Decimal("3.0"), Decimal("2.4"))
    assert (told.settled_days, told.passed_days) == (1, 1)
