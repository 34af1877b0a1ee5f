"""Who carries an excess, and what kind of cause shows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.model import Breakdown, Circuit, Fx, Grain, Match, Monitor, circuit_id, column_of
from cloudcircuit.service.cells import SourceImage
from cloudcircuit.service.drivers import Explanation, circuit_where, find_drivers
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
    found = find_drivers(watch, one, views(images), anomalous=NOW, baseline=BEFORE, **options)
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
    assert explain(daily(("a", "r", "1", "n"), "5", "5")) == Explanation(Decimal(0))
    assert explain(daily(("a", "r", "1", "n"), "5", "1")) == Explanation(Decimal(-4))


def test_nothing_to_compare_with_is_none() -> None:
    watch = monitor(per=())
    only_now = {"s": image(report([row(4, "a", "9")]))}
    assert find_drivers(watch, circuit(watch), views(only_now), anomalous=NOW, baseline=BEFORE) is None
    full = {"s": image(report(daily(("a",), "1", "9")))}
    assert find_drivers(watch, circuit(watch), views(full), anomalous=NOW, baseline=[]) is None
    assert find_drivers(watch, circuit(watch), views(full), anomalous=[], baseline=[]) is None
    assert find_drivers(watch, circuit(watch), {}, anomalous=NOW, baseline=BEFORE) is None


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

    found = find_drivers(watch, glue, {"s": [by("region"), by("sub_account")]}, anomalous=NOW, baseline=BEFORE)
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
    found = find_drivers(watch, glue, {"s": [seen]}, anomalous=NOW, baseline=BEFORE)
    assert found is not None
    assert (found.excess, found.cause) == (Decimal(90), "usage")


def test_hours() -> None:
    hours = [called(0) + timedelta(hours=h) for h in range(30)]
    rows = [row(at, s, "9" if s == "a" and n == 29 else "1") for n, at in enumerate(hours) for s in ("a", "b")]
    watch = monitor(per=())
    images = {"s": image(report(rows), grain=Grain.HOUR)}
    found = find_drivers(watch, circuit(watch), views(images), anomalous=hours[29:], baseline=hours[20:29])
    assert found is not None
    assert [(d.value, d.excess) for d in found.drivers] == [("a", Decimal(8))]


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
