"""What `report` makes of charges, against the same in plain Python, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.charges import Charge, day_start, report
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import CallCost, Cost, Grain, Match, ReportStatus, SpendQuery, column_of
from cloudcircuit.ports import SpendReport
from cloudcircuit.testing import adapter_context

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NAMES = ("service", "tag:team")
CHANGES = {  # days on which the clock changes; in Santiago the first hour is skipped
    "UTC": date(2024, 11, 3),
    "America/Los_Angeles": date(2024, 11, 3),
    "Australia/Lord_Howe": date(2024, 10, 6),
    "America/Santiago": date(2024, 9, 8),
    "America/Havana": date(2024, 11, 3),
    "Asia/Kathmandu": date(2024, 11, 3),
}


# --- the model: by counting through all days or hours there are ---------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One question, and when it is put."""

    charges: list[Charge]
    query: SpendQuery
    now: datetime
    lag: timedelta


def bounds(asked: Asked) -> list[datetime]:
    """The starts of all periods from two weeks before the window to two weeks after it."""
    query = asked.query
    if query.grain is Grain.HOUR:
        first = query.start.replace(minute=0) - 14 * DAY
        return [first + n * HOUR for n in range(24 * 40)]
    return [day_start(CHANGES[query.zone] + n * DAY, query.zone) for n in range(-20, 20)]


def period(at: datetime, starts: Sequence[datetime]) -> datetime:
    return max(start for start in starts if start <= at)


def holds(match: Match, charge: Charge) -> bool:
    value = places(charge)[match.dimension]
    starred = match.patterns == ("C*",) and value in {"Compute", "C"}
    return (starred or ("(none)" if value is None else value) in match.patterns) is not match.negate


def places(charge: Charge) -> dict[str, str | None]:
    return {"service": charge.values[0], "tag:team": charge.values[1], "charge_category": charge.category}


def model(asked: Asked) -> tuple[dict[tuple[Any, ...], Fraction], datetime | None, set[date]]:
    """The sums, the watermark, and the days that are told."""
    query, starts = asked.query, bounds(asked)
    sums: dict[tuple[Any, ...], Fraction] = {}
    told: set[date] = set()
    newest: datetime | None = None
    for charge in asked.charges:
        if charge.start >= (query.visible_until or asked.now):
            continue
        start = period(charge.start, starts)
        newest = max(newest or start, start)
        if not query.start <= start < query.end:
            continue
        if query.where:
            told |= {day for n in range(-9, 9) if has(day := CHANGES[query.zone] + n * DAY, query.zone, start)}
        if all(holds(match, charge) for match in query.where):
            key = (start, charge.currency, charge.category, *(places(charge)[name] for name in query.dimensions))
            sums[key] = sums.get(key, Fraction(0)) + Fraction(charge.billed or 0)
    return sums, None if newest is None else min(newest, asked.now - asked.lag), told


def has(day: date, zone: str, at: datetime) -> bool:
    return day_start(day, zone) <= at < day_start(day + DAY, zone)


# --- questions ----------------------------------------------------------------------------------------------------


def charges(middle: datetime) -> st.SearchStrategy[Charge]:
    """Of any quarter of an hour, and more often of those around midnights."""
    near = st.builds(lambda days, quarters: 96 * days + quarters, st.integers(-6, 6), st.integers(-5, 5))
    starts = (near | st.integers(-7 * 96, 7 * 96)).map(lambda quarters: middle + quarters * HOUR / 4)
    values = st.tuples(st.sampled_from(("Compute", "C", "compute", "", None)), st.sampled_from(("red", "(none)", None)))
    amounts = st.integers(-(10**24), 10**24).map(lambda units: Decimal(f"{units}e-18"))
    return st.builds(
        Charge, starts, st.sampled_from(("USD", "EUR")), st.sampled_from(("Usage", "Tax")), values, billed=amounts
    )


MATCHES = st.builds(
    Match,
    st.sampled_from(("service", "tag:team", "charge_category")),
    st.sampled_from((("C*",), ("(none)",), ("Compute", "red"), ("Usage",), ("nothing",))),
    st.booleans(),
)


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    zone = draw(st.sampled_from(sorted(CHANGES)))
    middle = day_start(CHANGES[zone], zone)
    first, length = draw(st.integers(-4, 2)), draw(st.integers(1, 5))
    query = SpendQuery(
        day_start(CHANGES[zone] + first * DAY, zone),
        day_start(CHANGES[zone] + (first + length) * DAY, zone),
        zone,
        draw(st.sampled_from(Grain)),
        tuple(draw(st.lists(st.sampled_from((*NAMES, "charge_category")), unique=True))),
        tuple(draw(st.lists(MATCHES, max_size=2))),
        draw(st.none() | st.integers(-150, 150).map(lambda hours: middle + hours * HOUR)),
    )
    now = middle + draw(st.integers(-150, 400)) * HOUR
    return Asked(draw(st.lists(charges(middle), max_size=12)), query, now, draw(st.integers(0, 80)) * HOUR)


def put(asked: Asked, **more: Any) -> SpendReport:
    context = adapter_context(asked.now, lag=asked.lag)
    return report(asked.charges, NAMES, asked.query, context, [Cost.BILLED], **more)


@settings(max_examples=300, deadline=None)
@given(questions())
def test_an_answer_is_what_counting_gives(asked: Asked) -> None:
    found = put(asked)
    sums, watermark, told = model(asked)
    names = ["ChargePeriodStart", "BillingCurrency", "ChargeCategory", *map(column_of, asked.query.dimensions)]
    rows = found.table.to_pylist()
    assert {tuple(row[name] for name in names): Fraction(row["BilledCost"]) for row in rows} == sums
    assert len(rows) == len(sums)
    assert found.watermark == watermark
    assert (found.status is ReportStatus.SUSPICIOUS) is (watermark is None)
    assert found.told == told
    assert (found.dimensions, found.broken, found.marks) == (NAMES, {}, {})


# --- one by one ---------------------------------------------------------------------------------------------------

MONDAY = datetime(2024, 11, 18, tzinfo=UTC)
WEEK = SpendQuery(MONDAY, MONDAY + 7 * DAY, dimensions=NAMES)
CHARGE = Charge(MONDAY + 5 * HOUR, "USD", "Usage", ("Compute", None), Decimal("1.5"), Decimal("1.2"))


def answer(*found: Charge, query: SpendQuery = WEEK, **more: Any) -> SpendReport:
    return put(Asked(list(found), query, MONDAY + 4 * DAY, DAY), **more)


def test_what_the_caller_knows_is_passed_on() -> None:
    one = put(Asked([CHARGE], WEEK, MONDAY + 4 * DAY, DAY), cost=CallCost(2), accounts=["b", "a", "b"])
    assert (one.cost, one.accounts) == (CallCost(2), frozenset({"a", "b"}))
    other = answer(CHARGE)
    assert (other.cost, other.accounts) == (CallCost(), frozenset())


def test_charges_may_come_one_by_one() -> None:
    def stream() -> Iterator[Charge]:
        yield CHARGE
        yield CHARGE

    found = report(stream(), NAMES, WEEK, adapter_context(MONDAY + 4 * DAY), tuple(Cost))
    assert found.table.to_pylist()[0]["EffectiveCost"] == Decimal("2.4")


def test_a_source_whose_charges_all_lie_elsewhere_is_known_and_has_no_rows() -> None:
    found = answer(replace(CHARGE, start=datetime(1, 1, 1, tzinfo=UTC)), query=replace(WEEK, zone="UTC"))
    assert (found.table.num_rows, found.status) == (0, ReportStatus.COMPLETE)
    assert found.watermark == datetime(1, 1, 1, tzinfo=UTC)


def test_an_hour_is_one_of_utc_and_lies_in_the_window_if_its_start_does() -> None:
    zone = "Asia/Kathmandu"
    start = day_start(date(2024, 11, 18), zone)  # a quarter past an hour
    query = SpendQuery(start, start + DAY, zone, Grain.HOUR)
    found = answer(*(replace(CHARGE, start=start + n * HOUR) for n in range(-1, 26)), query=query)
    hours = sorted(row["ChargePeriodStart"] for row in found.table.to_pylist())
    assert hours == [start + n * HOUR - HOUR / 4 for n in range(1, 25)]


def test_a_date_of_the_year_1_spoils_no_answer() -> None:
    """Programs write it where they know none, and west of Greenwich it lies before all dates there are."""
    query = replace(WEEK, zone="America/Los_Angeles")
    found = answer(CHARGE, replace(CHARGE, start=datetime(1, 1, 1, tzinfo=UTC)), query=query)
    assert found.watermark == datetime(2024, 11, 17, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "name"),
    [(replace(WEEK, dimensions=("region",)), "region"), (replace(WEEK, where=(Match("tag:env", ("a",)),)), "tag:env")],
)
def test_a_dimension_that_is_not_known_is_refused(query: SpendQuery, name: str) -> None:
    with pytest.raises(AdapterError, match=f"does not know the {name} of a charge") as caught:
        answer(CHARGE, query=query)
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("part", "value"),
    [
        *(("billed", each) for each in (None, 1.5, "1.5", Decimal("NaN"), Decimal("-Infinity"))),
        *(("currency", each) for each in (None, 5, "\ud800")),
        *(("category", each) for each in (None, 5, "\ud800")),
        *(("values", (each, None)) for each in (5, ["Compute"], "\ud800")),
    ],
)
def test_a_charge_that_is_none_ends_the_answer(part: str, value: object) -> None:
    broken = replace(CHARGE, start=MONDAY - 300 * DAY, **{part: value})  # type: ignore[arg-type]  # that is the point
    with pytest.raises(AdapterError, match=r"a charge of 2024-01-23 has .* correct it at the provider") as caught:
        answer(CHARGE, broken)
    assert not caught.value.permanent


def test_a_cost_that_the_source_does_not_have_is_not_asked_for() -> None:
    found = answer(replace(CHARGE, effective=None))
    assert "EffectiveCost" not in found.table.column_names


def test_values_that_do_not_fit_the_names_are_a_mistake_of_the_author() -> None:
    with pytest.raises(ValueError, match="zip"):
        answer(replace(CHARGE, values=("Compute",)))
