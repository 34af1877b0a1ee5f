"""Two configurations on one history: which runs both tell, and how much earlier."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from cloudcircuit.model import AnomalyPolicy
from cloudcircuit.service.backtest.compare import compare
from cloudcircuit.service.backtest.replay import Library, Span, backtest, moments, wanted
from cloudcircuit.service.backtest.tape import Tape
from cloudcircuit.stores import memory_store
from tests.backtest.past import MUCH_LATER, a_bill, replayed, spiky
from tests.service.world import a_house, day


def test_runs_are_told_by_one_or_by_both() -> None:
    bill = a_bill(29, d16=400, d24=170, d25=170)
    keen, slow = spiky(), spiky(anomaly=AnomalyPolicy("spike", lookback=14, spike_multiplier=3))
    found = compare(replayed(keen, bill), replayed(slow, bill))
    assert [run.since for run in found.only_ours] == [day(24)]
    assert found.only_theirs == ()
    (pair,) = found.both
    assert (pair.ours.since, pair.theirs.since, pair.days_earlier) == (day(16), day(16), 0.0)
    back = compare(found.theirs, found.ours)
    assert (back.only_ours, back.only_theirs) == ((), found.only_ours)


def test_a_run_that_is_told_later_is_the_same_run() -> None:
    bill = a_bill(27, d20=160, d21=250, d22=250)
    late = spiky(min_impact=Decimal(100))
    (pair,) = compare(replayed(late, bill), replayed(spiky(), bill)).both
    assert pair.days_earlier == 1.0
    assert pair.theirs.excess > pair.ours.excess > 0


def test_what_was_never_told_is_in_neither() -> None:
    result = replayed(spiky(), a_bill(22, d16=400))
    muted = tuple(replace(run, alerted_at=None) for each in result.circuits for run in each.runs)
    quiet = replace(result, circuits=(replace(result.circuits[0], runs=muted),))
    found = compare(quiet, result)
    assert (found.only_ours, found.both, len(found.only_theirs)) == ((), (), 1)


def test_what_asks_the_same_of_a_source_shares_one_reading() -> None:
    bill = a_bill(22, d16=400)
    houses = [a_house(monitor, store=Tape(), aws=bill) for monitor in (spiky(), spiky(min_impact=Decimal(900)))]
    library, span = Library(memory_store(), {}), Span(None, None, MUCH_LATER)
    whole = wanted(houses, span)
    histories = [library.learn(house, whole) for house in houses]
    when = moments(histories, [monitor for house in houses for monitor in house.monitors], span)
    ours, theirs = (backtest(house, past, (), when) for house, past in zip(houses, histories, strict=True))
    assert len(bill.asked) == 1
    assert (len(ours.circuits[0].runs), len(theirs.circuits[0].runs)) == (1, 0)


def test_what_asks_for_more_reads_for_itself() -> None:
    bill = a_bill(30)
    houses = [a_house(monitor, store=Tape(), aws=bill) for monitor in (spiky(), spiky(per=("service",)))]
    library, span = Library(memory_store(), {}), Span(day(20), None, MUCH_LATER)
    for house in houses:
        library.learn(house, wanted(houses, span))
    assert [query.dimensions for query in bill.asked] == [(), ("service",)]
    assert bill.asked[0].start == bill.asked[1].start
