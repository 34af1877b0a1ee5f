"""Who carries an excess, and what kind of cause shows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.model import Breakdown, Circuit, Cost, Fx, Grain, Match, Monitor, circuit_id, column_of
from cloudcircuit.service.cells import SourceImage
from cloudcircuit.service.drivers import Compared, Explanation, circuit_where, find_drivers
from tests.series.world import Row, called, image, monitor, report, row

WIDE = ("service", "region", "sub_account", "sub_account_name")
BEFORE = [called(n) for n in range(4)]
NOW = [called(4)]


def circuit(watch: Monitor, *values: str | None) -> Circuit:
    return Circuit(circuit_id(watch.name, values), watch.name, values)


def explain(rows: list[Row], dimensions: tuple[str, ...] = WIDE, **settings: Any) -> Explanation:
    watch = monitor(per=(), **settings)
    return find(watch, circuit(watch), {"s": image(report(rows, dimensions))})


def find(watch: Monitor, one: Circuit, images: dict[str, SourceImage], **options: Any) -> Explanation:
    found = find_drivers(Compared(watch, one, NOW, BEFORE), views(images), **options)
    assert found is not None
    return found


def views(images: dict[str, SourceImage]) -> dict[str, list[SourceImage]]:
    return {name: [one] for name, one in images.items()}


def daily(values: tuple[str | None, ...], before: str, now: str, **more: Any) -> list[Row]:
    return [row(n, values, before, **more) for n in range(4)] + [row(4, values, now, **more)]


def test_the_values_with_the_largest_excess_come_first() -> None:
    rows = [
        *daily(("Glue", "us-east-1", "1", "one"), "50", "100"),
        *daily(("S3", "us-east-1", "1", "one"), "20", "20"),
        *daily(("EC2", "eu-west-1", "2", "two"), "30", "40"),
        *daily(("RDS", "eu-west-1", "2", "two"), "30", "10"),
    ]
    found = explain(rows)
    assert found.excess == 40
    assert [(d.dimension, d.value, d.excess, d.share, d.label) for d in found.drivers] == [
        ("service", "Glue", Decimal(50), 1.25, None),
        ("service", "EC2", Decimal(10), 0.25, None),
        ("sub_account", "1", Decimal(50), 1.25, "one"),
        ("region", "us-east-1", Decimal(50), 1.25, None),
    ]


def test_at_most_three_values_of_a_dimension() -> None:
    rows = [r for n in range(6) for r in daily((f"s{n}", "r", "a", "A"), "1", str(10 + n))]
    assert [d.value for d in explain(rows).drivers if d.dimension == "service"] == ["s5", "s4", "s3"]


def test_what_the_circuit_is_fixed_to_is_no_driver() -> None:
    rows = daily(("Glue", "x", "1", "one"), "1", "9") + daily(("S3", "y", "1", "one"), "5", "99")
    watch = monitor(per=("service",), where=(Match("sub_account", ("1",)),))
    found = find(watch, circuit(watch, "Glue"), {"s": image(report(rows, WIDE))})
    assert [(d.dimension, d.value) for d in found.drivers] == [("region", "x")]
    one_of_two = monitor(per=("region",), where=(Match("service", ("Glue", "S3")),))
    both = find(one_of_two, circuit(one_of_two, "y"), {"s": image(report(rows, WIDE))})
    assert [(d.dimension, d.value, d.label) for d in both.drivers] == [("sub_account", "1", "one")]


def test_where_all_of_the_money_is_has_a_name_too() -> None:
    rows = daily(("Glue", "x", "1", "one"), "1", "9") + daily(("Zero", "y", "1", "one"), "0", "0")
    assert {(d.dimension, d.value, d.share) for d in explain(rows).drivers} == {
        ("service", "Glue", 1.0),
        ("sub_account", "1", 1.0),
        ("region", "x", 1.0),
    }


def test_missing_values_can_carry_an_excess_and_tags_are_dimensions() -> None:
    rows = daily((None,), "1", "9") + daily(("web",), "5", "5")
    found = explain(rows, ("tag:team",))
    assert [(d.dimension, d.value, d.share) for d in found.drivers] == [("tag:team", None, 1.0)]


def test_an_account_is_called_by_its_newest_name() -> None:
    rows = daily(("a", "r", "1", "old"), "1", "1") + daily(("b", "r", "2", None), "1", "3")
    rows += [row(4, ("c", "r", "1", "new"), "10")]
    labels = {d.value: d.label for d in explain(rows).drivers if d.dimension == "sub_account"}
    assert labels == {"1": "new", "2": None}


def test_names_alone_are_drivers_themselves() -> None:
    rows = daily(("one",), "1", "9") + daily(("two",), "1", "1")
    assert [d.dimension for d in explain(rows, ("sub_account_name",)).drivers] == ["sub_account_name"]


def test_means_are_taken_over_the_days_that_are_known() -> None:
    rows = [row(0, "a", "1"), row(2, "a", "2"), row(4, "a", "4"), row(4, "b", "0.5")]
    watch = monitor(per=())
    found = find(watch, circuit(watch), {"s": image(report(rows))})
    assert found.excess == Decimal("4.5") - Decimal("1.5")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abc"), st.decimals(-999, 999, places=9)), max_size=15))
def test_excesses_of_a_dimension_add_up(charges: list[tuple[int, str, Decimal]]) -> None:
    rows = [row(n, f"zero{n}", "0") for n in range(5)] + [row(n, service, amount) for n, service, amount in charges]
    found = explain(rows, ("service",))
    before = sum((amount for n, _, amount in charges if n < 4), Decimal(0))
    assert found.excess == sum((amount for n, _, amount in charges if n == 4), Decimal(0)) - before / 4
    if found.excess > 0 and len(found.drivers) == len({s for _, s, _ in charges}):
        assert sum(d.excess for d in found.drivers) == found.excess


def test_no_excess_has_no_drivers() -> None:
    assert explain(daily(("a", "r", "1", "n"), "5", "5")) == Explanation(Decimal(0), periods=1)
    assert explain(daily(("a", "r", "1", "n"), "5", "1")) == Explanation(Decimal(-4), periods=1)


def test_nothing_to_compare_with_is_none() -> None:
    watch = monitor(per=())
    only_now = {"s": image(report([row(4, "a", "9")]))}
    assert find_drivers(Compared(watch, circuit(watch), NOW, BEFORE), views(only_now)) is None
    full = {"s": image(report(daily(("a",), "1", "9")))}
    assert find_drivers(Compared(watch, circuit(watch), NOW, []), views(full)) is None
    assert find_drivers(Compared(watch, circuit(watch), [], []), views(full)) is None
    assert find_drivers(Compared(watch, circuit(watch), NOW, BEFORE), {}) is None


def test_several_sources_and_converted_money() -> None:
    one = image(report(daily(("a",), "1", "3") + daily(("b",), "1", "1")))
    two = image(report(daily(("b",), "1", "11", currency="EUR") + daily(("c",), "4", "4")))
    watch = monitor(per=(), sources=("one", "two"))
    fx = [Fx("EUR", "USD", Decimal(2), called(0).date())]
    found = find(watch, circuit(watch), {"one": one, "two": two}, fx=fx)
    assert found.excess == 22
    assert [(d.value, d.excess) for d in found.drivers] == [("b", Decimal(20)), ("a", Decimal(2))]


def test_a_source_that_tells_one_dimension_at_a_time() -> None:
    watch = monitor(per=("service",))
    glue = circuit(watch, "Glue")
    rows = [*daily(("Glue", "x", "1", "one"), "10", "90"), *daily(("Glue", "y", "2", "two"), "5", "5")]
    wide, own = report(rows, WIDE), circuit_where(watch, glue)

    def by(name: str) -> SourceImage:
        table = wide.select([c for c in wide.column_names if c not in map(column_of, WIDE) or c == column_of(name)])
        return image(table, breakdown=Breakdown((name,), own))

    found = find_drivers(Compared(watch, glue, NOW, BEFORE), {"s": [by("region"), by("sub_account")]})
    assert found is not None
    assert found.excess == 80
    assert [(d.dimension, d.value, d.excess) for d in found.drivers] == [
        ("sub_account", "1", Decimal(80)),
        ("region", "x", Decimal(80)),
    ]


def test_days_that_are_told_without_rows_cost_nothing() -> None:
    """A service that is new had no charge before: behind a pushed filter that is a baseline of zero."""
    watch = monitor(per=("service",))
    glue = circuit(watch, "Glue")
    table = report([row(4, ("x",), "90")], ("region",))
    days = frozenset(called(n).date() for n in range(5))
    seen = image(table, breakdown=Breakdown(("region",), circuit_where(watch, glue)), told=days)
    found = find_drivers(Compared(watch, glue, NOW, BEFORE), {"s": [seen]})
    assert found is not None
    assert (found.excess, found.cause) == (Decimal(90), "usage")


def test_hours() -> None:
    hours = [called(0) + timedelta(hours=h) for h in range(30)]
    rows = [row(at, s, "9" if s == "a" and n == 29 else "1") for n, at in enumerate(hours) for s in ("a", "b")]
    watch = monitor(per=())
    images = {"s": image(report(rows), grain=Grain.HOUR)}
    found = find_drivers(Compared(watch, circuit(watch), hours[29:], hours[20:29]), views(images))
    assert found is not None
    assert [(d.value, d.excess) for d in found.drivers] == [("a", Decimal(8))]


# --- what is most telling, and what is said once ------------------------------------------------------------


def test_the_dimension_that_carries_more_than_its_part_comes_first() -> None:
    """All of the money is in one region but for a little: that it carries the excess says nothing."""
    rows = [
        *daily(("Glue", "us", "1", "one"), "5", "45"),
        *daily(("EC2", "us", "1", "one"), "90", "90"),
        *daily(("EC2", "eu", "2", "two"), "5", "5"),
    ]
    assert [d.dimension for d in explain(rows).drivers] == ["service", "sub_account", "region"]
    regions = [(region, "x", "1", "one") for region in ("ap", "us", "eu")]
    rows = [row for place, values in enumerate(regions) for row in daily(values, "30", "90" if place == 0 else "30")]
    by_region = explain(rows, ("region", "service", "sub_account", "sub_account_name"))
    assert [d.dimension for d in by_region.drivers] == ["region", "service", "sub_account"]


def test_skus_are_dimensions() -> None:
    rows = daily(("Glue", "DPU"), "10", "90") + daily(("Glue", "Crawler"), "90", "90")
    found = explain(rows, ("service", "sku"))
    assert [(d.dimension, d.value, d.share) for d in found.drivers] == [("sku", "DPU", 1.0), ("service", "Glue", 1.0)]


def test_what_is_the_same_thing_said_twice_is_said_once() -> None:
    rows = daily(("1", "payer-1", "web", "web-app"), "1", "9") + daily(("2", "payer-2", "db", "db-app"), "1", "1")
    found = explain(rows, ("sub_account", "billing_account", "tag:app", "tag:team"))
    assert [(d.dimension, d.value) for d in found.drivers] == [("sub_account", "1"), ("tag:app", "web")]
    rows = daily(("web", "a"), "1", "9") + daily(("db", "a"), "1", "1")
    apart = explain(rows, ("tag:app", "tag:team"))
    assert [(d.dimension, d.value) for d in apart.drivers] == [("tag:app", "web")]


def test_names_that_come_apart_from_their_accounts_are_found_by_their_money() -> None:
    watch = monitor(per=())
    rows = [*daily(("1", "one"), "10", "90"), *daily(("2", "two"), "5", "6")]
    wide = report(rows, ("sub_account", "sub_account_name"))
    apart = [
        image(wide.drop_columns([column_of(other)]), breakdown=Breakdown((name,)))
        for name, other in (("sub_account", "sub_account_name"), ("sub_account_name", "sub_account"))
    ]
    found = find_drivers(Compared(watch, circuit(watch), NOW, BEFORE), {"s": apart})
    assert found is not None
    assert [(d.dimension, d.value, d.label) for d in found.drivers] == [
        ("sub_account", "1", "one"),
        ("sub_account", "2", "two"),
    ]


# --- what a budget period costs -----------------------------------------------------------------------------


def test_without_a_baseline_it_is_the_spend_that_has_drivers() -> None:
    rows = daily(("Glue", "us", "1", "one"), "50", "90") + daily(("S3", "us", "1", "one"), "20", "10")
    watch = monitor(per=())
    days = [*BEFORE, *NOW]
    found = find_drivers(Compared(watch, circuit(watch), days, None), {"s": [image(report(rows, WIDE))]})
    assert found is not None
    assert (found.periods, found.excess, found.cause) == (5, Decimal(76), None)
    assert [(d.dimension, d.value, d.excess) for d in found.drivers][:2] == [
        ("service", "Glue", Decimal(58)),
        ("service", "S3", Decimal(18)),
    ]
    assert sum(d.share for d in found.drivers[:2]) == pytest.approx(1)


def test_a_budget_counts_all_charges_and_in_its_own_cost() -> None:
    rows = [*daily(("Glue",), "10", "10", effective="10"), row(4, "Plan", "900", "0", category="Purchase")]
    watch = monitor(per=(), run_rate_cost=Cost.BILLED)
    table = report(rows, ("service",))
    compared = Compared(watch, circuit(watch), NOW, BEFORE, everything=True)
    found = find_drivers(compared, {"s": [image(table)]})
    assert found is not None
    assert (found.excess, found.cause) == (Decimal(900), None)
    assert [(d.dimension, d.value) for d in found.drivers] == [("service", "Plan"), ("charge_category", "Purchase")]


# --- the filter of one circuit ------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(value=st.one_of(st.none(), st.text("a*?/%(none)", max_size=6)), other=st.text("ab*?", max_size=4))
def test_the_filter_of_a_circuit_takes_its_value_only(value: str | None, other: str) -> None:
    (match,) = circuit_where(monitor(), Circuit("x", "m", (value,)))
    assert match.accepts(value)
    assert match.accepts(other) is (other == value)
    assert match.accepts(None) is (value in {None, "(none)"})


def test_the_filter_of_a_circuit_keeps_that_of_its_monitor() -> None:
    own = Match("region", ("us-*",))
    assert circuit_where(monitor(where=(own,)), Circuit("m/a", "m", ("a",)))[0] is own


# --- causes -------------------------------------------------------------------------------------------------


def test_credits_that_shrank() -> None:
    rows = daily(("a",), "100", "100") + daily(("a",), "-40", "0", category="Credit")
    assert explain(rows, ("service",), run_rate_charges=("Usage", "Credit")).cause == "credit"
    assert explain(rows + daily(("b",), "1", "5"), ("service",)).cause is None


@pytest.mark.parametrize(
    ("used", "unused", "on_demand", "cause"),
    [
        (("50", "20"), ("0", "30"), ("10", "50"), "commitment"),  # lies unused, and its load is paid on demand
        (("50", "0"), ("0", "0"), ("10", "95"), "commitment"),  # has run out
        (("50", "50"), ("0", "0"), ("10", "95"), None),  # more of the same
        (("50", "45"), ("0", "0"), ("10", "95"), None),  # too little was lost to explain it
        (("50", "90"), ("5", "5"), ("10", "10"), None),
    ],
)
def test_commitments(
    used: tuple[str, str], unused: tuple[str, str], on_demand: tuple[str, str], cause: str | None
) -> None:
    rows = daily(("Used",), *used) + daily(("Unused",), *unused) + daily((None,), *on_demand)
    assert explain(rows, ("commitment_status",)).cause == cause


def test_something_that_cost_nothing_before_is_usage() -> None:
    rows = [*daily(("a", "us-east-1"), "10", "10"), row(4, ("a", "ap-south-1"), "30")]
    assert explain(rows, ("service", "region")).cause == "usage"
    assert explain(daily(("a", "r"), "10", "40"), ("service", "region")).cause is None


def test_something_that_took_over_from_another_is_not_called_usage() -> None:
    rows = [*daily(("old",), "100", "0"), row(4, "new", "150")]
    assert explain(rows, ("service",)).cause is None
