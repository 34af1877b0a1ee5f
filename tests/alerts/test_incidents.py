from __future__ import annotations

import time
from dataclasses import replace

import pytest

from cloudcircuit.engine.incidents import group
from cloudcircuit.model import (
    BACK_TO_NORMAL,
    BELOW_BUDGET,
    NEW_LEVEL,
    Action,
    AlertKind,
    Change,
    CircuitAlert,
    Match,
    Mode,
    Monitor,
    Reason,
    Severity,
)
from tests.alerts.situations import FIRST, LATEST, MONITOR, NOW, SOURCE, incident, state

TOTAL = replace(MONITOR, name="total", per=())
ACCOUNT = replace(MONITOR, name="account", per=("sub_account",))
FINE = replace(MONITOR, name="fine", per=("sub_account", "service"))


def of(
    monitor: Monitor,
    value: str = "x",
    excess: float = 100.0,
    kind: AlertKind = AlertKind.ANOMALY,
    severity: Severity = Severity.WARNING,
    reasons: tuple[Reason, ...] = (Reason.ANOMALY,),
    resolution: str | None = None,
    served: Action = Action.ALLOW,
    spend: float = 150.0,
    channels: tuple[str, ...] = ("ops",),
) -> CircuitAlert:
    after = state(value, monitor=monitor, serve=(served, served), latest=replace(LATEST, value=spend))
    change = Change(kind, severity, reasons, FIRST, excess, 2, resolution)
    return CircuitAlert(change, NOW, monitor, after, (SOURCE,), channels=channels)


def told(alerts: list[CircuitAlert]) -> dict[str, tuple[str, ...]]:
    return {one.state.circuit: one.members for one in alerts}


def test_the_narrowest_speaks_and_names_the_others_by_their_money() -> None:
    found = group(
        [of(TOTAL, excess=130.0), of(ACCOUNT, excess=110.0), of(FINE, excess=100.0)],
        {("total", "fine/x"): 100.0, ("account/x", "fine/x"): 100.0, ("total", "account/x"): 110.0},
    )
    assert told(found) == {"fine/x": ("total", "account/x")}


def test_too_little_of_the_same_money_is_two_matters() -> None:
    alerts = [of(TOTAL, excess=200.0), of(FINE, excess=100.0)]
    assert told(group(alerts, {("total", "fine/x"): 119.9})) == {"total": (), "fine/x": ()}
    assert told(group(alerts, {("total", "fine/x"): 120.0})) == {"fine/x": ("total",)}


def test_what_counts_is_the_wider_circuit_s_own_excess() -> None:
    """`shared[one, other]` is of the excess of `one`: the total's 200 count, not the service's 100."""
    alerts = [of(TOTAL, excess=200.0), of(FINE, excess=100.0)]
    assert len(group(alerts, {("fine/x", "total"): 100.0, ("total", "fine/x"): 90.0})) == 2
    assert len(group(alerts, {("fine/x", "total"): 100.0, ("total", "fine/x"): 130.0})) == 1


def test_a_pair_given_one_way_holds_both_ways() -> None:
    alerts = [of(TOTAL), of(FINE)]
    assert len(group(alerts, {("fine/x", "total"): 100.0})) == len(group(alerts, {("total", "fine/x"): 100.0})) == 1


def test_a_circuit_paired_with_itself_and_strangers_mean_nothing() -> None:
    alerts = [of(TOTAL)]
    assert group(alerts, {("total", "total"): 100.0, ("total", "who"): 100.0, ("who", "else"): 1.0}) == alerts


def test_ties_go_to_the_smaller_spend_and_then_to_the_name() -> None:
    twin = replace(FINE, name="twin")
    assert told(group([of(FINE, spend=90.0), of(twin, spend=80.0)], {("fine/x", "twin/x"): 100.0})) == {
        "twin/x": ("fine/x",)
    }
    assert told(group([of(twin), of(FINE)], {("fine/x", "twin/x"): 100.0})) == {"fine/x": ("twin/x",)}


def test_a_filter_makes_narrow_too() -> None:
    filtered = replace(TOTAL, name="filtered", where=(Match("region", ("us-east-1",)),))
    assert told(group([of(TOTAL), of(filtered)], {("total", "filtered"): 100.0})) == {"filtered": ("total",)}


def test_nobody_is_named_by_one_who_does_not_speak() -> None:
    """The total shares with the account, which is silent; with the service itself it shares too little."""
    found = group(
        [of(TOTAL, excess=300.0), of(ACCOUNT, excess=200.0), of(FINE, excess=150.0)],
        {("total", "account/x"): 200.0, ("account/x", "fine/x"): 150.0, ("total", "fine/x"): 150.0},
    )
    assert told(found) == {"total": (), "fine/x": ("account/x",)}


def test_a_member_of_two_goes_to_the_one_with_more_of_its_money() -> None:
    found = group(
        [of(TOTAL, excess=100.0), of(FINE, "a", excess=60.0), of(FINE, "b", excess=70.0)],
        {("total", "fine/a"): 60.0, ("total", "fine/b"): 70.0},
    )
    assert told(found) == {"fine/a": (), "fine/b": ("total",)}


ALL = {("total", "fine/x"): 100.0}


@pytest.mark.parametrize(
    "wide",
    [
        of(TOTAL, kind=AlertKind.TRIPPED, severity=Severity.CRITICAL),
        of(TOTAL, kind=AlertKind.TRIPPED, reasons=(Reason.BUDGET_BREACHED,)),
        of(TOTAL, kind=AlertKind.BUDGET_WARNING, reasons=(Reason.BUDGET_WARNING,)),
        of(TOTAL, kind=AlertKind.FORECAST, reasons=(Reason.FORECAST_BREACH,)),
        of(TOTAL, kind=AlertKind.CLOSED_OVER),
        of(TOTAL, kind=AlertKind.REMINDER),
        of(TOTAL, kind=AlertKind.RESOLVED, resolution=BACK_TO_NORMAL),
        of(replace(TOTAL, mode=Mode.ENFORCE), served=Action.BLOCK),
        of(replace(TOTAL, currency="EUR")),
        of(TOTAL, excess=0.0),
        of(TOTAL, excess=float("nan")),
    ],
)
def test_what_never_hides_behind_another(wide: CircuitAlert) -> None:
    assert told(group([wide, of(FINE)], ALL)) == {"total": (), "fine/x": ()}


def test_a_louder_narrow_circuit_speaks_for_a_quieter_wide_one() -> None:
    loud = of(FINE, kind=AlertKind.TRIPPED, severity=Severity.CRITICAL, served=Action.BLOCK)
    assert told(group([of(TOTAL), loud], ALL)) == {"fine/x": ("total",)}


def test_resolutions_of_the_same_way_go_together() -> None:
    def resolved(monitor: Monitor, how: str) -> CircuitAlert:
        return of(monitor, kind=AlertKind.RESOLVED, severity=Severity.INFO, reasons=(), resolution=how)

    assert told(group([resolved(TOTAL, BACK_TO_NORMAL), resolved(FINE, BACK_TO_NORMAL)], ALL)) == {"fine/x": ("total",)}
    assert len(group([resolved(TOTAL, BACK_TO_NORMAL), resolved(FINE, NEW_LEVEL)], ALL)) == 2
    assert len(group([resolved(TOTAL, BELOW_BUDGET), resolved(FINE, BELOW_BUDGET)], ALL)) == 2
    assert told(group([resolved(TOTAL, BACK_TO_NORMAL)], ALL)) == {"total": ()}, "alone if its speaker is not over yet"


def test_a_circuit_with_two_alerts_keeps_the_one_that_is_another_matter() -> None:
    breach = of(TOTAL, kind=AlertKind.TRIPPED, reasons=(Reason.BUDGET_BREACHED,))
    found = group([breach, of(TOTAL), of(FINE)], ALL)
    assert [(one.state.circuit, one.change.kind) for one in found] == [
        ("total", AlertKind.TRIPPED),
        ("fine/x", AlertKind.ANOMALY),
    ]


def test_the_channels_of_the_silent_hear_the_speaker() -> None:
    (found,) = group([of(TOTAL, channels=("finance", "ops")), of(FINE, channels=("ops",))], ALL)
    assert found.channels == ("ops", "finance")


def test_the_order_of_what_is_left_stays() -> None:
    alerts = [of(FINE, "c"), of(FINE, "a"), of(FINE, "b")]
    assert group(alerts, {}) == alerts


def test_the_real_bill_is_one_incident() -> None:
    assert told(incident()) == {"production/AWS Glue": ("accounts/111122223333", "all-of-aws")}


def test_ten_thousand_circuits() -> None:
    fine = [of(FINE, f"{number:05}") for number in range(9_900)]
    accounts = [of(ACCOUNT, f"{number:02}", excess=9_900.0) for number in range(99)]
    shared = {(f"account/{n // 100:02}", f"fine/{n:05}"): 100.0 for n in range(9_900)}
    shared |= {("total", f"fine/{n:05}"): 100.0 for n in range(9_900)}
    shared |= {("total", f"account/{n:02}"): 9_900.0 for n in range(99)}
    began = time.perf_counter()
    found = group([of(TOTAL, excess=980_100.0), *accounts, *fine], shared)
    assert time.perf_counter() - began < 5
    assert len(found) == 10_000, "each service carries a hundredth of its account: many matters, not one"

    one = {("total", f"fine/{n:05}"): 1.0 for n in range(9_900)} | {
        (f"fine/{n:05}", "fine/00000"): 100.0 for n in range(9_900)
    }
    began = time.perf_counter()
    found = group(fine, one)
    assert time.perf_counter() - began < 5
    assert len(found) == 1
    assert len(found[0].members) == 9_899
