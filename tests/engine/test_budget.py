"""Budgets: breach, hold, release, rollover, and what late data and forecasts say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from cloudcircuit.engine import budget
from cloudcircuit.engine.budget import PeriodSums, Projection
from cloudcircuit.model import BreakerState, BudgetView
from tests.engine.world import STATE, view

APRIL = 4


def stepped(*views: BudgetView | tuple[BudgetView, BudgetView], state: BreakerState = STATE) -> BreakerState:
    """The state after these views of the present period, or of the present and the one before."""
    for seen in views:
        now, before = seen if isinstance(seen, tuple) else (seen, None)
        state = budget.step(state, now, before)
        assert budget.step(state, now, before) == state, "reading it again changes nothing"
    return state


def spent(state: BreakerState) -> Decimal:
    assert state.budget is not None
    return state.budget.spend


# --- what is seen ----------------------------------------------------------------------------------------


def sums(
    settled: str, known: str | None = None, usage: str | None = None, *, days: int = 10, end: date = date(2027, 4, 1)
) -> PeriodSums:
    return PeriodSums(
        start=date(2027, 3, 1),
        end=end,
        settled=Decimal(settled),
        known=Decimal(known or settled),
        usage=Decimal(usage or settled),
        settled_days=days,
        settled_through=date(2027, 3, days) if days else None,
        known_through=date(2027, 3, days + 1),
        complete=True,
    )


@pytest.mark.parametrize(
    ("settled", "known", "spend"),
    [("50", "60", "60"), ("50", "40", "50"), ("-30", "-20", "0")],
    ids=["provisional spend counts", "a provisional credit lowers nothing", "never below zero"],
)
def test_spend_is_the_larger_of_settled_and_known(settled: str, known: str, spend: str) -> None:
    assert budget.view(sums(settled, known), Decimal(100), 0.9).spend == Decimal(spend)


@pytest.mark.parametrize(
    ("spend", "warned", "breached"),
    [("89.99", False, False), ("90", True, False), ("99.99", True, False), ("100", True, True), ("101", True, True)],
)
def test_a_view_warns_and_breaches_from_its_limits_on(spend: str, warned: bool, breached: bool) -> None:
    seen = budget.view(sums(spend), Decimal(100), 0.9)
    assert (seen.warned, seen.breached, seen.projected) == (warned, breached, None)


PROJECTION = Projection(310.0, 290.0, 340.0, 0.25, date(2027, 3, 28))


@pytest.mark.parametrize(
    ("seen", "projected"),
    [
        (sums("20", days=2), None),
        (sums("0", days=0), None),
        (sums("30", days=3), "310"),
        (sums("30", known="900", days=3), "900"),  # never below what is spent
        (sums("5", days=1, end=date(2027, 3, 2)), "310"),  # a period of a day needs one day
    ],
)
def test_a_projection_is_taken_from_the_third_settled_day_on(seen: PeriodSums, projected: str | None) -> None:
    found = budget.view(seen, Decimal(1000), 0.9, PROJECTION)
    assert found.projected == (None if projected is None else Decimal(projected))
    if projected == "310":
        assert (found.low, found.high, found.p_breach) == (Decimal(290), Decimal(340), 0.25)
        assert found.breach_on == date(2027, 3, 28)
    if projected is None:
        assert (found.low, found.high, found.p_breach, found.breach_on) == (None, None, None, None)
    assert budget.view(seen, Decimal(1000), 0.9).projected is None, "nothing is projected where nothing was asked"


def test_a_projection_has_no_more_digits_than_it_may_have() -> None:
    found = budget.view(sums("30", days=3), Decimal(1000), 0.9, Projection(1 / 3 + 100, 3e20, 3e20))
    assert (found.projected, found.low) == (Decimal("100.333333"), Decimal("3e20"))


# --- breach, hold, release -------------------------------------------------------------------------------


def test_a_breach_blocks_at_once_and_a_provisional_day_is_proof_enough() -> None:
    assert stepped(view("100", settled=None, known=1, complete=False)).budget_breached
    assert not stepped(view("99.99")).budget_breached


@pytest.mark.parametrize(
    ("then", "breached"),
    [
        (view("80", settled=5, known=6), True),  # the 6th made it and has not settled
        (view("80", settled=6, known=7), False),
        (view("80", settled=6, known=7, complete=False), True),
        (view("100", settled=6, known=7), True),
        (view("120", "150", settled=5), False),  # the limit was raised above
        (view("120", "110", settled=6), True),  # raised, but not above
        (view("80", "90", settled=5), True),  # lowered
        (view("80", "150", settled=5, complete=False), False),
    ],
)
def test_a_breach_ends_when_the_limit_is_raised_or_complete_data_lie_below(then: BudgetView, breached: bool) -> None:
    assert stepped(view("120", settled=5, known=6), then).budget_breached is breached


def test_every_day_that_was_known_while_it_was_breached_must_settle() -> None:
    breach = [view("120", settled=5, known=6), view("120", settled=6, known=7)]
    assert stepped(*breach, view("80", settled=6, known=7)).budget_breached
    assert not stepped(*breach, view("80", settled=7, known=8)).budget_breached


def test_incomplete_data_never_lower_spend() -> None:
    state = stepped(view("80"), view("30", complete=False))
    assert spent(state) == 80
    assert spent(stepped(view("85", complete=False), state=state)) == 85
    assert spent(stepped(view("30"), state=state)) == 30


def test_incomplete_data_release_nothing_either() -> None:
    """The figures lie below already; the day that made the breach settles, but something else is missing."""
    below = [view("120", settled=5, known=6), view("80", settled=5, known=6)]
    assert stepped(*below, view("80", settled=6, known=7, complete=False)).budget_breached
    assert not stepped(*below, view("80", settled=6, known=7)).budget_breached


def test_nothing_known_leaves_a_breach_alone() -> None:
    state = stepped(view("120"), view("0", settled=None, known=None, complete=False))
    assert (state.budget_breached, spent(state)) == (True, Decimal(120))
    assert state.breached_by == date(2027, 3, 6)


def test_a_limit_raised_again_and_again() -> None:
    state = stepped(view("120"), view("120", "110"))
    assert (state.budget_breached, state.budget_limit) == (True, Decimal(110))
    assert not stepped(view("120", "121"), state=state).budget_breached
    assert stepped(view("120", "121"), view("120", "100"), state=state).budget_breached


# --- the period's end ------------------------------------------------------------------------------------


def test_the_period_after_a_breach_begins_half_open_until_its_first_settled_day() -> None:
    first = view("0", settled=None, known=None, month=APRIL)
    state = stepped(view("120"), first)
    assert (state.budget_breached, state.after_breach) == (False, True)
    known = stepped(view("5", settled=None, known=1, month=APRIL), state=state)
    assert known.after_breach
    assert not stepped(view("5", settled=1, known=2, month=APRIL), state=known).after_breach


def test_a_new_period_is_not_breached_by_the_old_one_though_its_data_are_not_whole() -> None:
    state = stepped(view("120"), view("0", settled=None, known=None, complete=False, month=APRIL))
    assert (state.budget_breached, state.after_breach, spent(state)) == (False, True, Decimal(0))


def test_a_period_after_a_good_one_begins_closed() -> None:
    assert not stepped(view("99"), view("0", settled=None, month=APRIL)).after_breach


def test_a_period_may_be_breached_before_a_day_of_it_settles() -> None:
    state = stepped(view("120"), view("130", settled=None, known=1, month=APRIL))
    assert (state.budget_breached, state.after_breach) == (True, True)


def test_what_was_held_in_one_period_does_not_reach_the_next() -> None:
    assert spent(stepped(view("80"), view("5", complete=False, month=APRIL))) == 5


def test_a_clock_that_goes_back_leaves_the_period_that_was_seen() -> None:
    state = stepped(view("120", month=APRIL))
    assert budget.step(state, view("50"), None) == state


LATE = view("0", settled=None, month=APRIL)


@pytest.mark.parametrize(
    ("as_it_closed", "late", "over"),
    [
        (view("95"), view("99"), False),
        (view("95"), view("101"), True),
        (view("95"), view("95", "90"), False),  # the limit of the new period is not that of the old one
        (view("95"), view("101", "200"), True),
        (view("120"), view("130"), False),  # it was told when it was breached
        (view("95"), view("101", month=2), False),  # some other period
        (view("95"), None, False),
    ],
)
def test_late_data_may_push_a_closed_period_over(as_it_closed: BudgetView, late: BudgetView, over: bool) -> None:
    state = budget.step(stepped(as_it_closed), LATE, late)
    assert state.closed_over is over
    assert not state.budget_breached
    assert budget.step(state, LATE, view("0")).closed_over is over, "once"


def test_the_next_period_begins_with_a_clean_past() -> None:
    state = budget.step(budget.step(stepped(view("95")), LATE, view("101")), LATE, None)
    may = view("0", month=5)
    after = budget.step(state, may, view("20", month=APRIL))
    assert (after.closed_over, after.closed_start) == (False, date(2027, 4, 1))


# --- budgets that come, go and change --------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [stepped(view("120")), stepped(view("120"), LATE), stepped(view("95"), (LATE, view("120")))],
    ids=["breached", "after a breach", "closed over"],
)
def test_a_budget_that_is_taken_away_leaves_nothing_behind(state: BreakerState) -> None:
    assert budget.step(state, None, None) == STATE


@pytest.mark.parametrize(
    ("quarter", "breached"), [(view("120", "300"), False), (view("120", "100"), True)], ids=["raised", "not raised"]
)
def test_months_that_become_quarters_are_no_new_period(quarter: BudgetView, breached: bool) -> None:
    quarter = replace(quarter, start=date(2027, 1, 1))
    state = stepped(view("120"), quarter)
    assert (state.budget_breached, state.after_breach, state.closed_start) == (breached, False, None)
    assert state.budget_start == date(2027, 1, 1)
    assert stepped(replace(quarter, spend=Decimal(400)), state=state).budget_breached, "and it is watched"
