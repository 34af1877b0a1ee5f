"""Realistic situations, as a cycle would hand them over.

The figures of AWS Glue are those of the real bill in `examples/`: about $53 a day, $105.71 from 10 October 2018 on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from cloudcircuit.engine.alerts import envelopes
from cloudcircuit.engine.decide import SENTENCES
from cloudcircuit.engine.incidents import group
from cloudcircuit.model import (
    BACK_TO_NORMAL,
    BELOW_BUDGET,
    GROWTH,
    NEW_LEVEL,
    SPEND,
    Action,
    AlertKind,
    AnomalyPolicy,
    BreakerState,
    Budget,
    BudgetView,
    Change,
    ChannelRule,
    CircuitAlert,
    Decision,
    Delivery,
    Driver,
    Grain,
    Mode,
    Monitor,
    Phase,
    Point,
    Reason,
    ReportStatus,
    Severity,
    SourceAlert,
    SourceState,
    Verdict,
    WhenStale,
)

NOW = datetime(2018, 10, 12, 6, 0, tzinfo=UTC)
FIRST = datetime(2018, 10, 10, tzinfo=UTC)
PAGE = "https://circuit.example.org/"
RULES = {"ops": ChannelRule("ops")}

MONITOR = Monitor(
    name="production",
    sources=("bill",),
    currency="USD",
    per=("service",),
    budget=Budget(Decimal(2000), "USD"),
    channels=("ops",),
    owner="platform@example.org",
    anomaly=AnomalyPolicy(method="spike", lookback=14),
)
SOURCE = SourceState(
    source="bill", version=7, watermark=datetime(2018, 10, 12, tzinfo=UTC), status=ReportStatus.COMPLETE
)
VIEW = BudgetView(
    start=date(2018, 10, 1),
    end=date(2018, 11, 1),
    limit=Decimal(2000),
    spend=Decimal("687.17"),
    settled_days=11,
    settled_through=date(2018, 10, 11),
    known_through=date(2018, 10, 11),
    complete=True,
    warning_ratio=0.9,
    projected=Decimal("1936.57"),
)
LATEST = Verdict(
    at=FIRST + timedelta(days=1),
    value=105.71,
    expected=53.02,
    limit=79.53,
    excess=52.69,
    failure=True,
    provisional=False,
    reasons=(Reason.ANOMALY,),
)
DRIVERS = (
    Driver("region", "us-east-1", Decimal("79.10"), 0.7506),
    Driver("sub_account", "111122223333", Decimal("26.28"), 0.2494, label="Data platform"),
)


def month(until: datetime, *newest: float, usual: float = 53.02, found: int | None = None) -> tuple[Point, ...]:
    """Thirty days up to one: a week's rhythm about the usual, and the newest days, of which some were found."""
    rhythm = (1.0, 1.02, 0.98, 1.03, 0.99, 0.9, 0.88)
    values = [*(round(usual * rhythm[n % 7], 2) for n in range(30 - len(newest))), *newest]
    starts = [until - timedelta(days=29 - n) for n in range(30)]
    first = 30 - (len(newest) if found is None else found)
    return tuple(
        Point(start, value, usual if n >= first else None, found=n >= first)
        for n, (start, value) in enumerate(zip(starts, values, strict=True))
    )


def decision(
    state: BreakerState, monitor: Monitor, action: Action, would: Action, *reasons: Reason, **more: Any
) -> Decision:
    """What is served on a circuit, as `engine.decide` would put it."""
    worst = Severity.CRITICAL if would is Action.BLOCK else Severity.WARNING
    made = Decision(
        circuit=state.circuit,
        monitor=monitor.name,
        id="dec_0f3c2b9a5e7d41c8a6b1",
        version=state.version,
        at=NOW,
        since=NOW,
        action=action,
        would=would,
        mode=monitor.mode,
        severity=Severity.INFO if reasons in ((), (Reason.HEALTHY,)) else worst,
        reasons=reasons or (Reason.HEALTHY,),
        text="; ".join(SENTENCES[reason] for reason in reasons or (Reason.HEALTHY,)),
        phase=state.phase,
        data_as_of=SOURCE.watermark,
        stale=False,
        stale_at=NOW + timedelta(days=3),
        when_stale=WhenStale.HOLD,
        valid_until=NOW + timedelta(hours=12),
        currency=monitor.currency,
        owner=monitor.owner,
    )
    return replace(made, **more)


def state(
    service: str | None = "AWS Glue",
    *,
    monitor: Monitor = MONITOR,
    serve: tuple[Action, Action] = (Action.ALLOW, Action.ALLOW),
    reasons: tuple[Reason, ...] = (Reason.ANOMALY,),
    **more: Any,
) -> BreakerState:
    values = (service,) if monitor.per else ()
    made = BreakerState(
        circuit=f"{monitor.name}/{service}" if monitor.per else monitor.name,
        monitor=monitor.name,
        values=values,
        version=12,
        latest=LATEST,
        budget=VIEW,
    )
    made = replace(made, **more)
    return replace(made, decision=decision(made, monitor, *serve, *reasons))


def alert(kind: AlertKind, severity: Severity, *reasons: Reason, **more: Any) -> CircuitAlert:
    """An alert on AWS Glue after two anomalous days, unless `more` says otherwise."""
    made = CircuitAlert(
        change=Change(kind, severity, reasons or (Reason.ANOMALY,), since=FIRST, excess=105.38, periods=2),
        at=NOW,
        monitor=MONITOR,
        state=state(),
        sources=(SOURCE,),
        drivers=DRIVERS,
        cause="usage",
        owner="data@example.org",
        channels=("ops",),
        points=month(LATEST.at, 105.71, 105.71),
    )
    return replace(made, **more)


TRIPPED_STATE = state(
    phase=Phase.OPEN,
    cooldown_until=NOW + timedelta(hours=48),
    serve=(Action.ALLOW, Action.BLOCK),
    reasons=(Reason.BREAKER_OPEN, Reason.ANOMALY),
)
ENFORCING = replace(MONITOR, mode=Mode.ENFORCE)
TOTAL = replace(MONITOR, name="all-of-aws", per=(), budget=Budget(Decimal(4000), "USD"))


def anomaly_first_day() -> list[CircuitAlert]:
    latest = replace(LATEST, at=FIRST, value=105.71)
    points = month(FIRST, 105.71)
    change = Change(AlertKind.ANOMALY, Severity.WARNING, (Reason.ANOMALY,), since=FIRST, excess=52.69, periods=1)
    return [
        alert(
            AlertKind.ANOMALY,
            Severity.WARNING,
            change=change,
            state=state(latest=latest),
            at=NOW - timedelta(days=1),
            points=points,
        )
    ]


def slow_leak() -> list[CircuitAlert]:
    """A few dollars more each day: no day is unusual by itself, the week is."""
    days = (54.1, 55.9, 57.3, 58.8, 60.2, 61.7, 63.1)
    latest = replace(
        LATEST,
        value=63.1,
        limit=66.4,
        excess=10.08,
        low=48.1,
        high=58.2,
        score=2.35,
        window=7,
        window_excess=39.96,
    )
    change = Change(AlertKind.ANOMALY, Severity.WARNING, (Reason.ANOMALY,), since=latest.at, excess=10.08, periods=1)
    price = Driver("sku", "AWS-GLUE-ETL-DPU", Decimal("10.08"), 1.0)
    return [
        alert(
            AlertKind.ANOMALY,
            Severity.WARNING,
            change=change,
            state=state(latest=latest),
            points=month(latest.at, *days),
            drivers=(price, Driver("region", "us-east-1", Decimal("9.80"), 0.9722)),
            cause="price",
        )
    ]


def anomaly_before_the_day_is_over() -> list[CircuitAlert]:
    latest = replace(LATEST, at=datetime(2018, 10, 12, tzinfo=UTC), value=88.4, provisional=True, excess=35.38)
    change = Change(AlertKind.ANOMALY, Severity.WARNING, (Reason.ANOMALY,), since=latest.at, excess=35.38, periods=1)
    points = month(latest.at, 88.4)
    return [alert(AlertKind.ANOMALY, Severity.WARNING, change=change, state=state(latest=latest), points=points)]


def tripped() -> list[CircuitAlert]:
    return [alert(AlertKind.TRIPPED, Severity.CRITICAL, Reason.BREAKER_OPEN, Reason.ANOMALY, state=TRIPPED_STATE)]


def escalated() -> list[CircuitAlert]:
    blocked = state(
        monitor=ENFORCING,
        phase=Phase.OPEN,
        serve=(Action.BLOCK, Action.BLOCK),
        reasons=(Reason.BREAKER_OPEN, Reason.ANOMALY),
    )
    return [
        alert(
            AlertKind.ESCALATED,
            Severity.CRITICAL,
            Reason.BREAKER_OPEN,
            Reason.ANOMALY,
            monitor=ENFORCING,
            state=blocked,
        )
    ]


def reminder() -> list[CircuitAlert]:
    change = Change(AlertKind.REMINDER, Severity.WARNING, (Reason.BREAKER_OPEN,), since=FIRST, excess=474.21, periods=9)
    at = NOW + timedelta(days=7)
    latest = replace(LATEST, at=datetime(2018, 10, 18, tzinfo=UTC))
    late = replace(SOURCE, watermark=at - timedelta(hours=30), status=ReportStatus.PARTIAL)
    return [
        alert(
            AlertKind.REMINDER,
            Severity.WARNING,
            change=change,
            at=at,
            state=replace(TRIPPED_STATE, latest=latest),
            sources=(late,),
        )
    ]


def resolved_back_to_normal() -> list[CircuitAlert]:
    change = Change(
        AlertKind.RESOLVED, Severity.CRITICAL, (), since=FIRST, excess=313.2, periods=6, resolution=BACK_TO_NORMAL
    )
    latest = replace(LATEST, at=datetime(2018, 10, 17, tzinfo=UTC), value=45.82, excess=0.0, failure=False, reasons=())
    at = NOW + timedelta(days=6)
    after = state(latest=latest, reasons=(Reason.HEALTHY,))
    fresh = replace(SOURCE, watermark=at - timedelta(hours=6))
    return [
        alert(
            AlertKind.RESOLVED,
            Severity.INFO,
            change=change,
            at=at,
            state=after,
            sources=(fresh,),
            drivers=(),
            cause=None,
            points=month(latest.at, 105.71, 105.71, 105.2, 106.0, 105.5, 104.9, 45.82),
        )
    ]


def resolved_new_level() -> list[CircuitAlert]:
    change = Change(
        AlertKind.RESOLVED, Severity.CRITICAL, (), since=FIRST, excess=737.66, periods=14, resolution=NEW_LEVEL
    )
    at = NOW + timedelta(days=14)
    latest = replace(
        LATEST, at=at - timedelta(days=2, hours=6), excess=0.0, failure=False, expected=105.71, limit=158.56
    )
    after = state(latest=latest, reasons=(Reason.HEALTHY,))
    fresh = replace(SOURCE, watermark=at - timedelta(hours=6))
    return [
        alert(
            AlertKind.RESOLVED,
            Severity.INFO,
            change=change,
            at=at,
            state=after,
            sources=(fresh,),
            drivers=(),
            cause=None,
        )
    ]


def _of_the_total(kind: AlertKind, severity: Severity, reason: Reason, view: BudgetView, **more: Any) -> CircuitAlert:
    served = (Action.ALLOW, Action.BLOCK if more.get("budget_breached") else Action.ALLOW)
    quiet = replace(LATEST, value=131.1, expected=129.0, limit=193.5, excess=0.0, failure=False, reasons=())
    after = state(monitor=TOTAL, budget=view, latest=quiet, serve=served, reasons=(reason,), **more)
    change = Change(kind, severity, (reason,), since=NOW)
    points = month(quiet.at, usual=129.0)
    return alert(kind, severity, monitor=TOTAL, change=change, state=after, drivers=(), cause=None, points=points)


TOTAL_VIEW = replace(VIEW, limit=Decimal(4000), spend=Decimal("3612.40"), projected=Decimal("4310.20"))


def budget_warning() -> list[CircuitAlert]:
    return [_of_the_total(AlertKind.BUDGET_WARNING, Severity.WARNING, Reason.BUDGET_WARNING, TOTAL_VIEW)]


def budget_breached() -> list[CircuitAlert]:
    view = replace(TOTAL_VIEW, spend=Decimal("4064.48"), projected=Decimal("4890.00"))
    one = _of_the_total(AlertKind.TRIPPED, Severity.CRITICAL, Reason.BUDGET_BREACHED, view, budget_breached=True)
    spenders = (
        Driver("charge_category", "Purchase", Decimal("2680.00"), 0.6594),
        Driver("service", "AWS Glue", Decimal("1122.36"), 0.2761),
    )
    return [replace(one, drivers=spenders, drivers_of=SPEND)]


def forecast() -> list[CircuitAlert]:
    view = replace(
        TOTAL_VIEW,
        spend=Decimal("1350.55"),
        projected=Decimal("4310.20"),
        low=Decimal("3890.40"),
        high=Decimal("4790.10"),
        p_breach=0.83,
        breach_on=date(2018, 10, 29),
    )
    one = _of_the_total(AlertKind.FORECAST, Severity.WARNING, Reason.FORECAST_BREACH, view)
    growing = (
        Driver("service", "AWS Glue", Decimal("312.40"), 0.8100),
        Driver("sub_account", "111122223333", Decimal("298.15"), 0.7730, label="Data platform"),
    )
    return [replace(one, drivers=growing, drivers_of=GROWTH)]


def closed_over() -> list[CircuitAlert]:
    view = replace(TOTAL_VIEW, spend=Decimal("1350.55"), projected=None)
    started = date(2018, 9, 1)
    return [
        _of_the_total(
            AlertKind.CLOSED_OVER,
            Severity.WARNING,
            Reason.BUDGET_BREACHED,
            view,
            closed_start=started,
            closed_over=True,
            closed_limit=Decimal(5000),
            closed_spend=Decimal("5012.40"),
        )
    ]


def below_budget_again() -> list[CircuitAlert]:
    view = replace(TOTAL_VIEW, limit=Decimal(6000))
    one = _of_the_total(AlertKind.RESOLVED, Severity.CRITICAL, Reason.HEALTHY, view)
    return [replace(one, change=Change(AlertKind.RESOLVED, Severity.CRITICAL, (), since=NOW, resolution=BELOW_BUDGET))]


def no_budget() -> list[CircuitAlert]:
    bare = replace(MONITOR, budget=None, owner=None)
    return [
        alert(
            AlertKind.TRIPPED,
            Severity.CRITICAL,
            Reason.BREAKER_OPEN,
            Reason.BURN_RATE,
            monitor=bare,
            state=replace(TRIPPED_STATE, budget=None, decision=None),
            drivers=(),
            cause=None,
            owner=None,
        )
    ]


def refund_day() -> list[CircuitAlert]:
    """The day before was a refund; the settled day that raises the alarm follows it."""
    latest = replace(LATEST, reasons=(Reason.ANOMALY, Reason.NEGATIVE_DAY))
    credit = Driver("charge_category", "Credit", Decimal("-40.00"), -0.38)
    return [
        alert(
            AlertKind.ANOMALY,
            Severity.WARNING,
            Reason.ANOMALY,
            Reason.NEGATIVE_DAY,
            state=state(latest=latest, reasons=(Reason.ANOMALY, Reason.NEGATIVE_DAY)),
            drivers=(*DRIVERS, credit),
            cause="credit",
        )
    ]


def hourly() -> list[CircuitAlert]:
    start = datetime(2018, 10, 12, 2, tzinfo=UTC)
    latest = replace(LATEST, at=start + timedelta(hours=1), value=4.41, expected=2.21, limit=3.32, excess=2.2)
    change = Change(AlertKind.ANOMALY, Severity.WARNING, (Reason.ANOMALY,), since=start, excess=4.4, periods=2)
    hours = [Point(start - timedelta(hours=28 - n), 2.2) for n in range(28)]
    found = [Point(start + timedelta(hours=n), 4.41, 2.21, found=True) for n in range(2)]
    return [
        alert(
            AlertKind.ANOMALY,
            Severity.WARNING,
            change=change,
            state=state(latest=latest),
            grain=Grain.HOUR,
            drivers=(),
            points=(*hours, *found),
        )
    ]


def incident() -> list[CircuitAlert]:
    """AWS Glue, its account and the total rise by the same money."""
    accounts = replace(MONITOR, name="accounts", per=("sub_account",))
    wide = replace(
        alert(AlertKind.TRIPPED, Severity.CRITICAL, Reason.BREAKER_OPEN, Reason.ANOMALY),
        monitor=TOTAL,
        state=state(monitor=TOTAL, latest=replace(LATEST, value=182.0, expected=129.3, limit=170.0)),
    )
    middle = replace(
        alert(AlertKind.ANOMALY, Severity.WARNING),
        monitor=accounts,
        state=state("111122223333", monitor=accounts, latest=replace(LATEST, value=160.0, expected=107.2)),
    )
    shared = {
        ("all-of-aws", "production/AWS Glue"): 105.38,
        ("accounts/111122223333", "production/AWS Glue"): 105.38,
        ("all-of-aws", "accounts/111122223333"): 105.38,
    }
    return group([wide, middle, *tripped()], shared)


def digest_of_25() -> list[CircuitAlert]:
    return [*tripped(), *(_small(number) for number in range(1, 25))]


def _small(number: int) -> CircuitAlert:
    usual = 10.0 + number
    latest = replace(LATEST, value=usual * 2.5, expected=usual, limit=usual * 1.5, excess=usual * 1.5)
    change = Change(AlertKind.ANOMALY, Severity.WARNING, (Reason.ANOMALY,), since=FIRST, excess=usual * 3, periods=2)
    return alert(
        AlertKind.ANOMALY,
        Severity.WARNING,
        change=change,
        state=state(f"Service {number:02}", latest=latest, budget=None),
        drivers=DRIVERS[:1],
        points=month(LATEST.at, usual * 2.5, usual * 2.5, usual=usual) if number < 20 else (),
    )


# --- sources and the daemon -----------------------------------------------------------------------------


def event(kind: AlertKind, severity: Severity, subject: str, text: str, **more: Any) -> SourceAlert:
    made = SourceAlert(kind, severity, NOW, subject, text, channels=("ops",))
    return replace(made, **more)


def source_blind() -> list[SourceAlert]:
    blind = replace(
        SOURCE,
        watermark=NOW - timedelta(hours=75),
        failures=12,
        error="bill: data/2018-10.csv: permission denied; let the daemon's user read it",
        blind_since=NOW - timedelta(hours=3),
    )
    text = "Nothing new for 75 hours. Decisions are held as they were until the source can be read."
    return [
        event(
            AlertKind.SOURCE_BLIND, Severity.CRITICAL, "bill", text, source=blind, monitors=("all-of-aws", "production")
        )
    ]


def source_back() -> list[SourceAlert]:
    text = "Read again after 3 hours; what was missed has been judged."
    return [event(AlertKind.SOURCE_BACK, Severity.CRITICAL, "bill", text, source=SOURCE, monitors=("production",))]


def restated() -> list[SourceAlert]:
    text = "8 October moved from $131.20 to $149.90 (14%), 9 October from $128.00 to $140.10 (9%)."
    return [event(AlertKind.RESTATED, Severity.WARNING, "bill", text, source=SOURCE, monitors=("production",))]


def blocks_held() -> list[SourceAlert]:
    text = "20 circuits were blocked within an hour; 7 more would be. Look at them, then raise max_blocks_per_hour."
    return [event(AlertKind.BLOCKS_HELD, Severity.CRITICAL, "daemon", text, monitors=("production",))]


CIRCUITS: dict[str, Callable[[], list[CircuitAlert]]] = {
    make.__name__: make
    for make in (
        anomaly_first_day,
        slow_leak,
        anomaly_before_the_day_is_over,
        tripped,
        escalated,
        reminder,
        resolved_back_to_normal,
        resolved_new_level,
        budget_warning,
        budget_breached,
        forecast,
        closed_over,
        below_budget_again,
        no_budget,
        refund_day,
        hourly,
        incident,
        digest_of_25,
    )
}
EVENTS: dict[str, Callable[[], list[SourceAlert]]] = {
    make.__name__: make for make in (source_blind, source_back, restated, blocks_held)
}
NAMES = (*CIRCUITS, *EVENTS)


def delivery(name: str) -> Delivery:
    """The one delivery that a situation owes to the channel `ops`."""
    alerts = CIRCUITS[name]() if name in CIRCUITS else []
    events = EVENTS[name]() if name in EVENTS else []
    (made,) = envelopes(alerts, events, RULES, NOW, page=PAGE)
    return made
