"""Thresholds for an alert budget: from the scores, from what was acknowledged, the largest money first."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cloudcircuit.model import Act, AnomalyPolicy, Grain, Monitor
from cloudcircuit.service.backtest.advise import advise, allowed_a_week
from cloudcircuit.service.backtest.result import Backtest, CircuitHistory, Point, Run
from cloudcircuit.service.backtest.summary import summarize
from cloudcircuit.service.backtest.thresholds import Grid, Setting
from tests.backtest.past import a_bill, circuit, replayed, spiky
from tests.service.world import an_act, day, watching

DAYS = 70
SEASONAL = watching("m", per=("service",), anomaly=AnomalyPolicy(), min_impact=Decimal(10))


def scored(name: str, *unusual: tuple[int, float, float], monitor: str = "m") -> CircuitHistory:
    """A circuit by hand: (day, score, excess) of what is unusual; each was told if its score is above 1."""
    found = {number: (score, excess) for number, score, excess in unusual}
    points = tuple(_point(number, *found.get(number, (-1.0, 0.0))) for number in range(DAYS))
    runs = tuple(_run(name, monitor, number, excess) for number, score, excess in unusual if score > 1)
    return CircuitHistory(name, monitor, "USD", Grain.DAY, points, (), (), (), runs, ())


def _point(number: int, score: float, excess: float) -> Point:
    failure = score > 1 and excess >= 10
    return Point(day(number), 100 + excess, 100, 95, 105, 120, score, excess, failure)


def _run(name: str, monitor: str, number: int, excess: float) -> Run:
    at = day(number)
    return Run(name, monitor, "USD", at, at, 1, excess, day(number + 2), 2.0, 0.0, is_open=False)


def of(*circuits: CircuitHistory) -> Backtest:
    return Backtest("c.toml", day(0), day(DAYS - 1), 0, (), circuits, (), summarize(circuits, (), DAYS))


def settings(
    result: Backtest, allowed: float, *acts: Act, monitors: tuple[Monitor, ...] = (SEASONAL,)
) -> dict[str, str]:
    return {one.key: one.value for one in advise(result, monitors, acts, allowed).suggestions}


# --- what other thresholds would have told -----------------------------------------------------------------


def grid(monitor: Monitor, *circuits: CircuitHistory) -> Grid:
    found = Grid(monitor, day(0))
    for each in circuits:
        found.add(each)
    return found


def test_a_run_fires_when_score_and_money_are_above_the_setting() -> None:
    found = grid(SEASONAL, scored("m/a", (20, 2.5, 40), (40, 1.5, 900)))
    assert [run.since for run in found.runs(Setting(0.1, 10))] == [day(20), day(40)]
    assert [run.since for run in found.runs(Setting(0.01, 10))] == [day(20)]
    assert [run.since for run in found.runs(Setting(0.1, 50))] == [day(40)]
    assert found.runs(Setting(0.001, 10)) == []


def test_days_in_a_row_are_one_run_and_good_ones_between_end_it() -> None:
    close = grid(SEASONAL, scored("m/a", (20, 2, 40), (21, 2, 50), (23, 2, 60)))
    (run,) = close.runs(Setting(0.1, 10))
    assert (run.since, run.through, run.excess) == (day(20), day(23), 150)
    apart = grid(SEASONAL, scored("m/a", (20, 2, 40), (23, 2, 50)))
    assert len(apart.runs(Setting(0.1, 10))) == 2


def test_what_is_found_in_a_longer_window_must_show_in_the_day_itself() -> None:
    circuit_ = scored("m/a", (20, 2, 40))
    inside = replace(circuit_.points[20], window=7, value=100.0, failure=False)
    points = (*circuit_.points[:20], inside, *circuit_.points[21:])
    assert grid(SEASONAL, replace(circuit_, points=points)).runs(Setting(1.0, 10)) == []


@pytest.mark.parametrize("method", ["spike", "mad", "seasonal"])
def test_the_present_setting_would_tell_what_the_replay_told(method: str) -> None:
    monitor = spiky(anomaly=AnomalyPolicy(method=method, lookback=28), min_impact=Decimal(60))
    unusual = {"d16": 300.0, "d17": 320.0, "d24": 150.0, "d30": 190.0, "d31": 400.0}
    bill = a_bill(0)
    for number in range(38):
        bill.spend(number, unusual.get(f"d{number}", 100 + number % 3))
    found = circuit(replayed(monitor, bill, start=10))
    told = grid(monitor, found).runs(grid(monitor).own)
    assert [run.since for run in told] == [run.since for run in found.runs]
    assert len(told) >= 1


# --- the advice ---------------------------------------------------------------------------------------------


def test_the_budget_is_kept_and_the_largest_money_stays() -> None:
    small = [scored(f"m/s{n}", (20 + n, 1.5, 20), (45 + n, 1.4, 30)) for n in range(5)]
    large = scored("m/large", (30, 1.2, 5000))
    found = advise(of(*small, large), (SEASONAL,), (), allowed=0.1)  # ten weeks: one run
    assert (found.allowed_a_week, found.before_a_week, found.after_a_week) == (0.1, 1.1, 0.1)
    assert [run.circuit for run in found.quietened] == [run.circuit for each in small for run in each.runs]
    assert {(one.key, one.runs_before, one.runs_after) for one in found.suggestions} == {("min_impact", 11, 1)}


def test_nothing_changes_where_nothing_must() -> None:
    assert settings(of(scored("m/a", (30, 1.2, 5000))), 5) == {}


def test_noise_goes_quiet_and_what_was_real_is_still_told() -> None:
    noisy = scored("m/noisy", (20, 1.5, 300))
    real = scored("m/real", (30, 2.4, 40))
    acts = [an_act("ack", "m/noisy", at=23, noise=True), an_act("ack", "m/real", at=33)]
    found = advise(of(noisy, real), (SEASONAL,), acts, allowed=9)
    assert [run.circuit for run in found.quietened] == ["m/noisy"]
    assert (found.noise_acknowledged, found.noise_told) == (1, ())
    assert (found.real_acknowledged, found.real_missed) == (1, ())
    assert [(one.key, one.value) for one in found.suggestions] == [("anomaly.false_alerts", "0.03")]


def test_the_last_word_on_a_run_counts_and_globs_speak_for_many() -> None:
    found = of(scored("m/a", (20, 1.5, 300)), scored("m/b", (20, 1.6, 300)))
    noise, real = an_act("ack", "m/*", at=23, noise=True), an_act("ack", "m/b", at=24)
    advice = advise(found, (SEASONAL,), [real, noise], allowed=9)
    assert (advice.noise_acknowledged, advice.real_acknowledged) == (1, 1)
    assert [run.circuit for run in advice.quietened] == ["m/a"]


@pytest.mark.parametrize(
    "act",
    [
        an_act("ack", "m/a", at=21, noise=True),  # before it was told
        an_act("ack", "m/a", at=60, noise=True),  # long after
        an_act("ack", "m/other", at=23, noise=True),
        an_act("ack", "source:aws", at=23, noise=True),
        an_act("silence", "m/a", at=23, until=30),
    ],
    ids=str,
)
def test_an_act_that_speaks_of_no_run_teaches_nothing(act: Act) -> None:
    advice = advise(of(scored("m/a", (20, 1.5, 300))), (SEASONAL,), [act], allowed=9)
    assert advice.noise_acknowledged == 0
    assert advice.suggestions == ()


def test_noise_that_cannot_be_told_from_what_was_real_is_said() -> None:
    both = [scored("m/a", (20, 1.5, 300)), scored("m/b", (20, 1.5, 300))]
    acts = [an_act("ack", "m/a", at=23, noise=True), an_act("ack", "m/b", at=23)]
    advice = advise(of(*both), (SEASONAL,), acts, allowed=9)
    assert len(advice.noise_told) + len(advice.real_missed) == 1


def test_what_was_acknowledged_goes_before_the_budget() -> None:
    real = scored("m/a", (20, 1.5, 300))
    advice = advise(of(real), (SEASONAL,), [an_act("ack", "m/a", at=23)], allowed=0.01)
    assert advice.after_a_week > advice.allowed_a_week
    assert advice.real_missed == ()


def test_a_method_without_scores_gets_a_least_impact() -> None:
    simple = spiky("m", per=("service",), min_impact=Decimal(10))
    result = of(scored("m/a", (20, 1.5, 30)), scored("m/b", (30, 1.5, 500)))
    assert settings(result, 0.1, monitors=(simple,)) == {"min_impact": "50"}


def test_each_monitor_gets_its_own_and_one_without_a_check_none() -> None:
    other = replace(SEASONAL, name="n")
    blind = replace(SEASONAL, name="budget-only", anomaly=None)
    result = of(scored("m/a", (20, 1.5, 30)), scored("n/b", (30, 1.2, 5000), monitor="n"))
    advice = advise(result, (SEASONAL, other, blind), (), 0.1)
    assert {one.monitor for one in advice.suggestions} == {"m"}
    assert advice.after_a_week == pytest.approx(0.1)


def test_the_same_money_is_counted_once() -> None:
    folded = scored("m/all", (20, 1.5, 300))
    folded = replace(folded, runs=(replace(folded.runs[0], told_by="m/a"),))
    advice = advise(of(scored("m/a", (20, 1.5, 300)), folded), (SEASONAL,), (), 9)
    assert advice.before_a_week == pytest.approx(0.1)
    assert advice.after_a_week == pytest.approx(0.1)


def test_an_allowance_of_the_channel_is_shown_as_it_is_written() -> None:
    shared = replace(SEASONAL, anomaly=AnomalyPolicy(false_alerts_a_week=2))
    result = of(scored("m/a", (20, 1.1, 300)), scored("m/b", (20, 4, 300)))
    (one,) = advise(result, (shared,), [an_act("ack", "m/a", at=23, noise=True)], 9).suggestions
    assert one.before == '"2/week"'


def test_a_budget_per_circuit_and_quarter_is_one_of_all_circuits_and_a_week() -> None:
    assert allowed_a_week(0.1, 900) == pytest.approx(7.0)
