"""Cutting circuits: filters, fan-out, what is known and settled, circuits that stopped, several sources."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloudcircuit.engine.periods import charge_day, day_start
from cloudcircuit.errors import AdapterError, ConfigError
from cloudcircuit.model import Cost, Grain, Match, circuit_id
from cloudcircuit.service.cells import SourceImage
from cloudcircuit.service.series import Cut, cut, overlap
from tests.series.world import DAY, FIRST, Row, called, day, image, monitor, report, row

TEXT = st.text(alphabet="aB*?/%(é\n ", max_size=3)
VALUES = st.one_of(st.none(), TEXT, st.sampled_from(["(none)", "a", "ab", "a/b"]))
PATTERNS = st.one_of(TEXT, st.sampled_from(["*", "a*", "?", "(none)", "(n*", "ab"]))
MATCHES = st.builds(
    Match,
    st.sampled_from(["service", "region"]),
    st.lists(PATTERNS, min_size=1, max_size=3).map(tuple),
    st.booleans(),
    st.booleans(),
)
AMOUNTS = st.decimals(min_value=-(10**6), max_value=10**6, places=6, allow_nan=False, allow_infinity=False)
ROWS = st.builds(
    Row,
    st.integers(0, 3).map(called),
    st.tuples(VALUES, VALUES),
    AMOUNTS,
    AMOUNTS,
    st.just("USD"),
    st.sampled_from(["Usage", "Tax", "Credit"]),
)


def series(found: Cut) -> dict[str, list[float]]:
    return {circuit.id: found.usage[place].tolist() for place, circuit in enumerate(found.circuits)}


def cut4(*images: SourceImage, **settings: object) -> Cut:
    """The first four days of one monitor over as many sources as there are images."""
    named = {f"s{place}": image for place, image in enumerate(images)} if len(images) > 1 else {"s": images[0]}
    settings.setdefault("sources", tuple(named))
    options = {key: settings.pop(key) for key in ("existing", "fx") if key in settings}
    return cut(monitor(**settings), named, start=FIRST, end=day(4), **options)  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(ROWS, max_size=12), where=st.lists(MATCHES, max_size=2).map(tuple), per=st.integers(0, 2))
@example(rows=[row(0, (None, "(none)"), "1"), row(0, ("(none)", None), "2")], where=(), per=2)
def test_a_cut_counts_what_a_plain_loop_counts(rows: list[Row], where: tuple[Match, ...], per: int) -> None:
    dimensions = ("service", "region")
    found = cut4(image(report(rows, dimensions)), per=dimensions[:per], where=where)
    expected: dict[str, list[Decimal]] = {} if per else {"m": [Decimal(0)] * 4}
    for r in rows:
        values = dict(zip(dimensions, r.values, strict=True))
        if all(match.accepts(values[match.dimension]) for match in where):
            line = expected.setdefault(circuit_id("m", r.values[:per]), [Decimal(0)] * 4)
            line[(r.start - called(0)).days] += r.effective if r.category == "Usage" else 0
    said = {(r.start - called(0)).days for r in rows}
    assert [circuit.id for circuit in found.circuits] == sorted(expected)
    for name, values_found in series(found).items():
        for number, value in enumerate(values_found):
            if number in said:
                assert value == pytest.approx(float(expected[name][number]), rel=1e-15, abs=1e-15)
            else:
                assert np.isnan(value)
    assert found.known.tolist() == [number in said for number in range(4)]


def test_exact_match_takes_globs_literally() -> None:
    assert Match("service", ("a*",), exact=True).accepts("a*")
    assert not Match("service", ("a*",), exact=True).accepts("ab")
    assert Match("service", ("(none)",), exact=True).accepts(None)
    assert not Match("service", ("a",), negate=True, exact=True).accepts("a")


def test_sums_are_exact_before_they_are_floats() -> None:
    rows = [row(0, (f"s{n}", "r"), "0.1") for n in range(10)] + [row(0, ("s", "r"), "-1")]
    found = cut4(image(report(rows, ("service", "region"))), per=("region",))
    assert found.usage[0, 0] == 0.0


def test_zero_where_the_day_is_known_and_nan_where_it_is_not() -> None:
    found = cut4(image(report([row(0, "a", "1"), row(1, "b", "2"), row(3, "a", "4")])))
    assert series(found)["m/a"] == pytest.approx([1, 0, np.nan, 4], nan_ok=True)
    assert series(found)["m/b"] == pytest.approx([0, 2, np.nan, 0], nan_ok=True)
    assert found.known.tolist() == [True, True, False, True]
    assert found.starts[1] == datetime(2026, 3, 2, tzinfo=UTC)


def test_a_day_without_a_row_of_the_circuit_is_known_by_the_rows_of_others() -> None:
    found = cut4(image(report([row(0, "a", "1"), row(1, "b", "2")])), per=(), where=(Match("service", ("a",)),))
    assert series(found)["m"] == pytest.approx([1, 0, np.nan, np.nan], nan_ok=True)


def test_settled_is_known_before_the_watermark_and_not_broken() -> None:
    table = report([row(n, "a", "1") for n in (0, 1, 3)])
    assert cut4(image(table, 3)).settled.tolist() == [True, True, False, False]
    assert cut4(image(table, 3, broken=frozenset({day(0)}))).settled.tolist() == [False, True, False, False]
    assert cut4(image(table, None)).settled.tolist() == [False] * 4
    almost = image(table, watermark=called(1) - timedelta(microseconds=1))
    assert not cut4(almost).settled.any()


def test_a_circuit_that_stopped_keeps_its_place() -> None:
    found = cut4(image(report([row(0, "a", "1")])), existing=["m/gone", "m/(none)", "m/x%2Fy", "m/a"])
    assert [c.id for c in found.circuits] == ["m/(none)", "m/a", "m/gone", "m/x%2Fy"]
    assert [c.values for c in found.circuits] == [(None,), ("a",), ("gone",), ("x/y",)]
    assert series(found)["m/gone"] == pytest.approx([0, np.nan, np.nan, np.nan], nan_ok=True)


def test_a_circuit_that_the_monitor_no_longer_cuts_gets_no_zeroes() -> None:
    found = cut4(
        image(report([row(0, "a", "1")])),
        where=(Match("service", ("b*",), negate=True),),
        existing=["other/a", "m", "m/a/x", "m/bad"],
    )
    assert [c.id for c in found.circuits] == ["m/a"]


def test_a_monitor_without_per_is_its_own_circuit_even_without_charges() -> None:
    found = cut4(image(report([row(0, "a", "1")])), per=(), where=(Match("service", ("nothing",)),))
    assert series(found)["m"][0] == 0.0


def test_nothing_at_all_is_unknown() -> None:
    found = cut4(image(report([]), 4), per=())
    assert np.isnan(found.usage).all() and not found.known.any() and not found.settled.any()
    assert cut4(image(report([]), 4)).usage.shape == (0, 4)
    none = cut(monitor(per=()), {}, start=FIRST, end=day(2))
    assert none.usage.shape == (1, 2) and np.isnan(none.usage).all() and not none.settled.any()
    assert cut(monitor(), {"s": image(report([row(0, "a", "1")]))}, start=FIRST, end=FIRST).usage.shape == (0, 0)


# --- several sources ----------------------------------------------------------------------------------------


def test_sources_add_up_and_the_slowest_settles() -> None:
    one = image(report([row(n, "a", "1") for n in range(3)]), 3)
    two = image(report([row(n, "a", "10") for n in range(2)] + [row(0, "b", "5")]), 1)
    found = cut4(one, two)
    assert series(found)["m/a"] == pytest.approx([11, 11, 1, np.nan], nan_ok=True)
    assert found.known.tolist() == [True, True, False, False]
    assert found.settled.tolist() == [True, False, False, False]
    assert found.periods.passed.tolist() == [True, False, False, False]


def test_a_source_that_has_said_nothing_leaves_all_unknown() -> None:
    found = cut4(image(report([row(0, "a", "1")]), 4), sources=("s", "silent"))
    assert series(found)["m/a"][0] == 1
    assert not found.known.any() and not found.settled.any()


def test_each_source_is_cut_to_days_of_its_own_zone() -> None:
    pacific = ZoneInfo("America/Los_Angeles")
    evening = datetime(2026, 3, 2, 5, tzinfo=UTC)  # the first of March in California
    one = image(report([row(evening, "a", "1"), row(evening + DAY, "a", "1")]), zone=pacific, watermark=called(1))
    two = image(report([row(0, "a", "10"), row(1, "a", "10")]), 1)
    found = cut4(one, two)
    assert series(found)["m/a"][:2] == [11, 11]
    assert found.settled.tolist() == [False] * 4  # the Pacific day ends eight hours after the watermark
    late = image(one.table, zone=pacific, watermark=called(1) + timedelta(hours=8))
    assert cut4(late, two).settled.tolist() == [True, False, False, False]


def test_the_same_billing_account_twice_is_seen() -> None:
    empty = report([])
    images = {
        "b": image(empty, accounts=frozenset({"1", "2"})),
        "a": image(empty, accounts=frozenset({"2", "3"})),
        "c": image(empty),
    }
    assert overlap(images) == {"2": ("a", "b")}
    assert overlap({"a": images["a"]}) == {}


# --- hours --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Beirut", "Asia/Kolkata"])
@pytest.mark.parametrize("first", [datetime(2026, 3, 7), datetime(2026, 3, 28), datetime(2026, 10, 31)])
def test_hours_around_a_change_of_clocks(zone: str, first: datetime) -> None:
    begin, local = first.date(), ZoneInfo(zone)
    start = day_start(begin, local)
    hour = start.replace(minute=0)
    hours = int((day_start(begin + 3 * DAY, local) - start) / timedelta(hours=1))
    table = report([row(hour + n * timedelta(hours=1), "a", "1") for n in range(-2, hours + 3)])
    mark = hour + timedelta(hours=30, minutes=59)
    hourly = image(table, zone=local, grain=Grain.HOUR, watermark=mark)
    found = cut(monitor(), {"s": hourly}, start=begin, end=begin + 3 * DAY)
    assert found.grain is Grain.HOUR
    within = [at for at in found.starts if begin <= charge_day(at, local) < begin + 3 * DAY]
    assert np.nansum(found.usage) == len(within)
    assert found.settled.sum() == sum(at + timedelta(hours=1) <= mark for at in found.starts)
    assert found.days.settled.tolist() == [True, False, False]
    broken = image(table, zone=local, grain=Grain.HOUR, watermark=mark, broken=frozenset({begin}))
    kept = cut(monitor(), {"s": broken}, start=begin, end=begin + 3 * DAY)
    settled = [at for at, yes in zip(kept.starts, kept.settled, strict=True) if yes]
    assert settled and all(charge_day(at, local) != begin for at in settled)


def test_an_hourly_and_a_daily_source_meet_in_days() -> None:
    hourly = image(report([row(called(0) + timedelta(hours=h), "a", "1") for h in range(24)]), 1, grain=Grain.HOUR)
    found = cut4(hourly, image(report([row(0, "a", "10")]), 1))
    assert found.grain is Grain.DAY
    assert series(found)["m/a"][0] == 34


# --- costs --------------------------------------------------------------------------------------------------


def test_run_rate_is_the_effective_cost_of_usage_unless_told_otherwise() -> None:
    table = report([row(0, "a", "5", "1"), row(0, "a", "7", "7", category="Tax")])
    assert series(cut4(image(table)))["m/a"][0] == 1
    other = cut4(image(table), run_rate_cost=Cost.BILLED, run_rate_charges=("Usage", "Tax"))
    assert series(other)["m/a"][0] == 12


def test_billed_stands_in_for_a_missing_effective_cost_and_is_named() -> None:
    billed = image(report([row(0, "a", "5")], costs=[Cost.BILLED]))
    both = image(report([row(0, "a", "5", "1")]))
    found = cut4(both, billed)
    assert series(found)["m/a"][0] == 6
    assert found.stood_in == {"s1"}


def test_a_run_rate_in_a_cost_that_is_not_there_is_refused() -> None:
    effective = image(report([row(0, "a", "5")], costs=[Cost.EFFECTIVE]))
    assert series(cut4(effective))["m/a"][0] == 5
    with pytest.raises(ConfigError, match=r"monitors\.m: its run rate is in billed cost"):
        cut4(effective, run_rate_cost=Cost.BILLED)


def test_sources_whose_sums_pass_the_limit_together_are_refused() -> None:
    big = image(report([row(0, "a", "6e19")]))
    assert series(cut4(big))["m/a"][0] == 6e19
    with pytest.raises(AdapterError, match=r"source s0 \+ s1: the amounts add up to 1\.2e\+20"):
        cut4(big, big)


def test_ten_thousand_circuits() -> None:
    rows = [row(n % 4, f"s{n // 4}", str(n % 7)) for n in range(40_000)]
    found = cut4(image(report(rows)), existing=["m/s3", "m/old"])
    assert found.usage.shape == (10_001, 4)
    assert [c.id for c in found.circuits] == sorted(c.id for c in found.circuits)
    assert series(found)["m/s9"] == [36 % 7, 37 % 7, 38 % 7, 39 % 7]


def test_sums_are_sorted_however_a_report_is() -> None:
    rows = [row(n, name, str(n + 1), category=kind) for n in range(3) for name in "cab" for kind in ("Usage", "Tax")]
    for lines in (rows[::-1], [*rows[::-1], row(1, "a", "5", currency="USD", category="Credit")]):
        sums = cut(monitor(per=("service",)), {"s": image(report(lines))}, start=day(0), end=day(4)).sums
        keys = list(zip(sums.circuit.tolist(), sums.place.tolist(), sums.usage.tolist(), strict=True))
        assert keys == sorted(set(keys))
        assert len(sums.amounts[Cost.BILLED]) == len(keys)
