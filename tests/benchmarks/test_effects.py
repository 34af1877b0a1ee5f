"""The labelled beds: what is told of an anomaly is what was put in, a seed gives the same series, effects are there."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from benchmarks import effects, hourly
from benchmarks.anomalies import LENGTHS, seen_first, shape

BEDS: dict[str, Callable[..., dict[str, Any]]] = {"effects": effects.generate, "hourly": hourly.generate}


@pytest.fixture(scope="module", params=sorted(BEDS))
def bed(request: pytest.FixtureRequest) -> dict[str, Any]:
    return BEDS[request.param](n=60, seed=31)


@pytest.fixture(scope="module")
def daily() -> dict[str, Any]:
    return effects.generate(n=200, seed=32)


def one_effect(name: str) -> tuple[dict[str, Any], list[int]]:
    made = effects.generate(n=60, seed=33, only=name)
    return made, [i for i, flags in enumerate(made["flags"]) if name in flags]


def test_full_is_clean_and_excess(bed: dict[str, Any]) -> None:
    np.testing.assert_array_equal(bed["full"], bed["clean"] + bed["excess"])
    assert np.isfinite(bed["full"]).all()


def test_final_is_full_where_it_is_known(bed: dict[str, Any]) -> None:
    known = ~np.isnan(bed["final"])
    np.testing.assert_array_equal(bed["final"][known], bed["full"][known])
    assert known.mean() > 0.9


def test_every_excess_is_told_and_nothing_else(bed: dict[str, Any]) -> None:
    told = np.zeros_like(bed["excess"])
    for event in bed["events"]:
        days = slice(event["start"], event["end"] + 1)
        told[event["i"], days] += bed["excess"][event["i"], days]
        assert bed["excess"][event["i"], days].sum() == pytest.approx(event["impact"])
        assert event["daily"] * (event["end"] - event["start"] + 1) == pytest.approx(event["impact"])
    np.testing.assert_array_equal(told, bed["excess"])
    assert (bed["excess"] >= 0).all()


def test_events_lie_within_what_is_judged(bed: dict[str, Any]) -> None:
    assert len(bed["events"]) > 30
    assert all(bed["warm"] < e["start"] <= e["end"] < len(bed["dates"]) - 1 for e in bed["events"])
    assert all(e["impact"] > 0 for e in bed["events"])


def test_events_of_a_series_lie_apart(daily: dict[str, Any]) -> None:
    for i in range(200):
        spans = sorted((e["start"], e["end"]) for e in daily["events"] if e["i"] == i)
        assert all(later[0] - earlier[1] > 30 for earlier, later in pairwise(spans))


@pytest.mark.parametrize("generate", BEDS.values(), ids=BEDS)
def test_a_seed_gives_the_same_series_again(generate: Any) -> None:
    once, again, other = (generate(n=12, seed=seed) for seed in (5, 5, 6))
    assert once["events"] == again["events"]
    for name in ("first", "final", "excess"):
        np.testing.assert_array_equal(once[name], again[name])
    assert not np.array_equal(once["full"], other["full"])


@pytest.mark.parametrize("generate", BEDS.values(), ids=BEDS)
def test_no_series_and_few_periods(generate: Any) -> None:
    assert generate(n=0)["final"].shape[0] == 0
    assert generate(3, 5)["events"] == []


def test_every_effect_and_every_kind_is_there(daily: dict[str, Any]) -> None:
    assert set().union(*daily["flags"]) == {*effects.EFFECTS, "shock"}
    assert {e["kind"] for e in daily["events"]} == set(LENGTHS)


@pytest.mark.parametrize("name", sorted(effects.EFFECTS))
def test_one_effect_alone(name: str) -> None:
    made, having = one_effect(name)
    assert having
    assert set().union(*made["flags"]) == {name}


def test_a_batch_recurs_after_a_fortnight() -> None:
    made, having = one_effect("fortnightly")
    series = made["clean"][having]
    usual = np.median(series, axis=1, keepdims=True)
    lags = [np.mean([np.corrcoef(row[lag:], row[:-lag])[0, 1] for row in series / usual]) for lag in (14, 13)]
    assert lags[0] > lags[1] + 0.1


def test_the_books_close_on_the_last_day_of_the_month() -> None:
    made, having = one_effect("month_end")
    last, middle = made["dom"] == made["dim"], np.isin(made["dom"], np.arange(8, 21))
    factors = np.median(made["clean"][having][:, last], axis=1) / np.median(made["clean"][having][:, middle], axis=1)
    assert np.median(factors) > 1.3


def test_net_credit_is_negative_on_most_days() -> None:
    made, having = one_effect("net_credit")
    assert (made["full"][having] < 0).mean() > 0.5


def test_gaps_are_unknown_in_both_or_late_in_the_first() -> None:
    made, having = one_effect("gaps")
    lost, late = np.isnan(made["final"][having]), np.isnan(made["first"][having])
    assert lost.any()
    assert (late >= lost).all()
    assert (late & ~lost).any()


def test_a_cold_start_has_nothing_before() -> None:
    made, having = one_effect("cold_start")
    for row in made["final"][having]:
        assert np.nan_to_num(row[:5]).max() == 0.0


def test_a_price_changes_for_all_of_a_provider_on_one_day() -> None:
    rng = np.random.default_rng(1)
    cloud = effects.Provider.draw(rng, 360)
    series = effects.draw(rng, effects.Days.of(360, "2025-01-01"))
    before = series.usage.copy()
    effects.EFFECTS["price"](series, cloud)
    changed = np.flatnonzero(series.usage != before)
    assert 0.05 <= abs(cloud.price - 1) <= 0.15
    assert series.base == 0 or changed.tolist() == list(range(cloud.price_day, 360))


@pytest.mark.parametrize("kind", sorted(LENGTHS))
def test_an_anomaly_has_the_length_and_sign_of_its_kind(kind: str) -> None:
    rng = np.random.default_rng(2)
    least, most = LENGTHS[kind]
    for _ in range(50):
        added, factor = shape(rng, kind)
        assert least <= len(added) < most
        assert (added > 0).all()
        assert factor > 1


def test_a_late_day_shows_less_and_a_credit_shows_whole() -> None:
    final = np.full((200, 30), 100.0)
    final[:, 3] = -50.0
    first, late = seen_first(np.random.default_rng(3), final)
    outage = first == 0
    assert (first <= final + 1e-9)[:, 4:].all()
    assert (first[:, 3][~outage[:, 3]] == -50.0).all()
    assert 0.25 < late.mean() < 0.55
    assert (first[~late] == np.where(outage, 0.0, final)[~late]).all()
    assert 80 < first[late][:, 5][~outage[late, 5]].mean() < 98


def test_the_calendar_knows_the_ends_of_months_and_quarters() -> None:
    days = effects.Days.of(90, "2024-02-01")
    assert days.left[28] == 0
    assert days.dow[0] == 3
    assert days.month[29] == 1
    assert days.quarter_ends.tolist() == [29 <= i < 60 for i in range(90)]
