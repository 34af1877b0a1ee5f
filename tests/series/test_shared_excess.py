"""How much of two circuits' excess is the same money, against a plain sum over charges."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.engine.incidents import SAME_MONEY
from cloudcircuit.model import Circuit, Cost, Grain, Match, Monitor, circuit_id
from cloudcircuit.service.cells import SourceImage
from cloudcircuit.service.shared_excess import Alerting, shared_excess
from tests.series.world import Row, called, image, monitor, report, row

BEFORE = [called(n) for n in range(3)]
NOW = [called(3), called(4)]


def alerting(
    watch: Monitor, *values: str | None, now: list[datetime] | None = None, before: list[datetime] | None = None
) -> Alerting:
    one = Circuit(circuit_id(watch.name, values), watch.name, values)
    return Alerting(watch, one, NOW if now is None else now, BEFORE if before is None else before, {})


def between(ones: list[Alerting], images: dict[str, SourceImage]) -> dict[tuple[str, str], float]:
    """What is shared of circuits that are all cut from the same images."""
    fed = [{name: image for name, image in images.items() if name in one.monitor.sources} for one in ones]
    return shared_excess([replace(one, images=own) for one, own in zip(ones, fed, strict=True)])


TOTAL = monitor("total", per=())
SERVICE = monitor("service", per=("service",))
REGION = monitor("region", per=("region",), where=(Match("service", ("a", "b")),))
ROWS = st.builds(
    Row,
    st.integers(0, 5).map(called),
    st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["x", None])),
    st.just(Decimal(0)),
    st.decimals(-999, 999, places=2),
    st.sampled_from(["USD", "EUR"]),
    st.sampled_from(["Usage", "Tax"]),
)


def excess(rows: list[Row], one: Alerting, other: Alerting) -> float:
    """A plain sum over the charges that both count."""
    found = 0.0
    for r in rows:
        if counts(one, r) and counts(other, r):
            found += float(r.effective) * (r.start in one.anomalous)
            found -= float(r.effective) * (r.start in one.baseline) * len(one.anomalous) / len(one.baseline)
    return found


def counts(one: Alerting, r: Row) -> bool:
    values = dict(zip(("service", "region"), r.values, strict=True))
    passes = all(match.accepts(values[match.dimension]) for match in one.monitor.where)
    own = tuple(values[name] for name in one.monitor.per) == one.circuit.values
    return passes and own and r.currency == "USD" and r.category == "Usage"


@settings(max_examples=100, deadline=None)
@given(st.lists(ROWS, max_size=20))
def test_against_a_plain_sum(rows: list[Row]) -> None:
    ones = [
        alerting(TOTAL),
        alerting(SERVICE, "a"),
        alerting(SERVICE, "c", now=[called(5)], before=[called(1)]),
        alerting(REGION, "x"),
        alerting(REGION, None, now=[called(4)]),
    ]
    found = between(ones, {"s": image(report(rows, ("service", "region")))})
    for one in ones:
        for other in ones:
            if one.monitor is not other.monitor or one is other:
                expected = excess(rows, one, other)
                assert found.get((one.circuit.id, other.circuit.id), 0.0) == pytest.approx(expected, abs=1e-6)
    assert all(one == other or one.split("/")[0] != other.split("/")[0] for one, other in found)


def test_a_total_and_the_service_behind_it_share_the_money() -> None:
    rows = [row(n, s, "60" if s == "a" and n > 2 else "10") for n in range(5) for s in ("a", "b")]
    found = between([alerting(TOTAL), alerting(SERVICE, "a")], {"s": image(report(rows))})
    assert found["total", "total"] == found["total", "service/a"] == found["service/a", "total"] == 100.0
    assert found["service/a", "total"] >= SAME_MONEY * found["total", "total"]


def test_sources_add_up_and_each_monitor_has_its_own() -> None:
    rows = [row(n, "a", "60" if n > 2 else "10") for n in range(5)]
    wide = monitor("wide", per=(), sources=("s", "t"))
    images = {"s": image(report(rows)), "t": image(report(rows))}
    found = between([alerting(wide), alerting(SERVICE, "a")], images)
    assert found["wide", "wide"] == 200.0
    assert found["wide", "service/a"] == found["service/a", "service/a"] == 100.0


def test_without_a_baseline_there_is_no_excess() -> None:
    rows = [row(n, "a", "5") for n in range(5)]
    found = between([alerting(TOTAL, before=[]), alerting(SERVICE, "a")], {"s": image(report(rows))})
    assert found["total", "service/a"] == 0.0


def test_nothing_alerting_or_nothing_known() -> None:
    assert between([], {"s": image(report([row(0, "a", "1")]))}) == {}
    assert between([alerting(TOTAL)], {}) == {}
    assert between([alerting(SERVICE, "a")], {"s": image(report([]))}) == {}


def test_hours() -> None:
    hours = [called(0) + timedelta(hours=h) for h in range(10)]
    rows = [row(at, "a", "7" if n == 9 else "1") for n, at in enumerate(hours)]
    ones = [alerting(TOTAL, now=hours[9:], before=hours[:9]), alerting(SERVICE, "a", now=hours[9:], before=hours[:9])]
    found = between(ones, {"s": image(report(rows), grain=Grain.HOUR)})
    assert found["total", "service/a"] == pytest.approx(6.0)


# --- a source that tells two monitors' money apart by different dimensions ------------------------------------


def apart(rows: list[Row], *ones: Alerting) -> dict[tuple[str, str], float]:
    """Each circuit cut from a breakdown by its monitor's own dimension alone."""
    wide = report(rows, ("service", "region"))
    views = {name: image(wide.drop_columns(name)) for name in ("ServiceName", "RegionId")}
    by = {"service": views["RegionId"], "by_region": views["ServiceName"]}
    return shared_excess([replace(one, images={"s": by[one.monitor.name]}) for one in ones])


BY_REGION = monitor("by_region", per=("region",))


def test_two_breakdowns_share_at_least_what_they_have_beyond_the_whole() -> None:
    glue = [row(n, ("a", "x"), "60" if n > 2 else "10") for n in range(5)]
    more = [row(n, ("b", "y"), "20" if n > 2 else "10") for n in range(5)]
    found = apart(glue + more, alerting(SERVICE, "a"), alerting(BY_REGION, "x"), alerting(BY_REGION, "y"))
    # a has 100 of the excess and x has 100, of 120 in all: 80 of it at least is the same money.
    assert found["service/a", "by_region/x"] == found["by_region/x", "service/a"] == 80.0
    assert ("service/a", "by_region/y") not in found


def test_what_is_anomalous_at_another_time_shares_nothing() -> None:
    rows = [row(n, ("a", "x"), "60" if n > 2 else "10") for n in range(5)]
    found = apart(rows, alerting(SERVICE, "a"), alerting(BY_REGION, "x", now=[called(4)]))
    assert ("service/a", "by_region/x") not in found


def test_what_fell_meanwhile_makes_no_two_matters_one() -> None:
    rose = [row(n, pair, "60" if n > 2 else "10") for n in range(5) for pair in (("a", "y"), ("b", "x"))]
    fell = [row(n, ("c", "z"), "10" if n > 2 else "60") for n in range(5)]
    found = apart(rose + fell, alerting(SERVICE, "a"), alerting(BY_REGION, "x"))
    # The source as a whole has an excess of 100, a and x have 100 each, and none of it is the same.
    assert ("service/a", "by_region/x") not in found


@pytest.mark.parametrize(
    "counted", [{"currency": "EUR"}, {"run_rate_cost": Cost.BILLED}, {"run_rate_charges": ("Usage", "Tax")}]
)
def test_what_is_counted_differently_shares_nothing(counted: dict[str, Any]) -> None:
    rows = [row(n, ("a", "x"), "60" if n > 2 else "10", currency=c) for n in range(5) for c in ("USD", "EUR")]
    other = replace(BY_REGION, **counted)
    assert ("service/a", "by_region/x") not in apart(rows, alerting(SERVICE, "a"), alerting(other, "x"))


def test_a_storm_of_alerts_is_compared_in_time() -> None:
    """Two thousand circuits; what grows with the charges for each of them, or with their pairs in Python, hangs."""
    names = range(1000)
    rows = [row(n, (f"a{i}", f"x{i}"), "60" if n > 2 else "10") for n in range(5) for i in names]
    ones = [alerting(SERVICE, f"a{i}") for i in names] + [alerting(BY_REGION, f"x{i}") for i in names]
    begun = perf_counter()
    found = apart(rows, *ones)
    assert perf_counter() - begun < 20
    assert len(found) == len(ones)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS.map(lambda r: r._replace(effective=abs(r.effective))), max_size=20))
def test_no_more_than_what_really_is_shared(rows: list[Row]) -> None:
    """Where nothing falls, the bound never says more than the charges do."""
    rising = [r for r in rows if r.start in NOW]
    ones = [alerting(SERVICE, "a"), alerting(BY_REGION, "x")]
    found = apart(rising, *ones)
    real = excess(rising, *ones)
    assert found.get(("service/a", "by_region/x"), 0.0) <= real + 1e-6
