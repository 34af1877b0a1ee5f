"""What a payload says, in sentences: every channel and page says the same thing in the same words.

All functions are pure and read a payload of `alerts.build_payload`, or an envelope, as it comes back from storage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from cloudcircuit.engine.decide import SENTENCES
from cloudcircuit.engine.text import (
    UNKNOWN,
    charge_day,
    count,
    day,
    moment,
    money,
    number,
    shown,
    span,
)
from cloudcircuit.model import (
    ACKNOWLEDGED,
    BACK_TO_NORMAL,
    BELOW_BUDGET,
    CLEARED,
    NEW_LEVEL,
    NEW_PERIOD,
    NONE_VALUE,
    AlertKind,
    Reason,
)

Payload = Mapping[str, Any]

NOUNS: Mapping[str, tuple[str, str]] = {
    AlertKind.TRIPPED: ("tripped", "tripped"),
    AlertKind.ESCALATED: ("escalated", "escalated"),
    AlertKind.ANOMALY: ("anomaly", "anomalies"),
    AlertKind.BUDGET_WARNING: ("budget warning", "budget warnings"),
    AlertKind.FORECAST: ("forecast breach", "forecast breaches"),
    AlertKind.REMINDER: ("reminder", "reminders"),
    AlertKind.RESOLVED: ("resolved", "resolved"),
    AlertKind.CLOSED_OVER: ("closed over budget", "closed over budget"),
    AlertKind.SOURCE_BLIND: ("source blind", "sources blind"),
    AlertKind.SOURCE_BACK: ("source back", "sources back"),
    AlertKind.RESTATED: ("restated", "restated"),
    AlertKind.BROKEN_ROWS: ("broken rows", "broken rows"),
    AlertKind.CURRENCY: ("foreign currency", "foreign currencies"),
    AlertKind.CONFIG_REJECTED: ("configuration refused", "configurations refused"),
    AlertKind.BLOCKS_HELD: ("block held back", "blocks held back"),
    AlertKind.UNLISTED: ("unlisted", "unlisted"),
    AlertKind.STATE_FAILING: ("state failing", "states failing"),
    AlertKind.CLOCK_JUMPED: ("clock jump", "clock jumps"),
    AlertKind.TEST: ("test", "tests"),
}
"""How a summary counts: `3 tripped, 1 anomaly`, in this order."""

_EVENTS: Mapping[str, str] = {
    AlertKind.SOURCE_BLIND: "{subject} is blind",
    AlertKind.SOURCE_BACK: "{subject} sees again",
    AlertKind.RESTATED: "{subject} says something else of its past",
    AlertKind.BROKEN_ROWS: "{subject} has rows that cannot be read",
    AlertKind.CURRENCY: "{subject} brings charges in a currency that was not expected",
    AlertKind.CONFIG_REJECTED: "The new configuration was refused; the old one stays in force",
    AlertKind.BLOCKS_HELD: "New blocks are held back: too many within an hour",
    AlertKind.UNLISTED: "Circuits without a line in the owners table",
    AlertKind.STATE_FAILING: "The state cannot be written or read",
    AlertKind.CLOCK_JUMPED: "The clock of this machine jumped",
    AlertKind.TEST: "A test message: nothing happened",
}

_OTHERS: Mapping[str, str] = {
    AlertKind.CURRENCY: "has charges in a currency other than its own: it is held",
    AlertKind.UNLISTED: "has no line in the owners table: the monitor's default holds",
    AlertKind.BLOCKS_HELD: "would be blocked; the block is held back, too many within an hour",
    AlertKind.RESTATED: "had its past restated",
    AlertKind.TEST: "is fine: this is a test message",
}

_SERVED = {"block": "blocked", "throttle": "throttled", "allow": "allowed"}


# --- the sentence ---------------------------------------------------------------------------------------


def name(payload: Payload) -> str:
    """What people call a circuit: the values of its dimensions, or its monitor."""
    values = payload["dimensions"].values()
    return shown(" / ".join(NONE_VALUE if v is None else v for v in values) if values else payload["circuit"])


def title(payload: Payload) -> str:
    """One plain sentence: whose money, how much, instead of what, since when."""
    kind = payload["kind"]
    if kind == AlertKind.RESOLVED:
        return _resolved(payload)
    if kind == AlertKind.REMINDER:
        return f"Still: {_matter(payload)}"
    if kind == AlertKind.ESCALATED:
        return f"{name(payload)} is now {_SERVED.get(_action(payload), UNKNOWN)}: {sentences(payload['reasons'][:1])}"
    if kind in _OTHERS:
        return f"{name(payload)} {_OTHERS[kind]}"
    return f"{_matter(payload)} (tripped)" if kind == AlertKind.TRIPPED else _matter(payload)


def _matter(payload: Payload) -> str:
    kind, reasons = payload["kind"], payload["reasons"]
    if kind == AlertKind.CLOSED_OVER:
        return _closed_over(payload)
    if kind == AlertKind.FORECAST:
        return _heading_for(payload)
    if kind == AlertKind.BUDGET_WARNING or Reason.BUDGET_BREACHED in reasons:
        return _spent(payload)
    return _costs(payload)


def _costs(payload: Payload) -> str:
    who, actual, since = name(payload), payload["actual"], start_of(payload, _began(payload))
    if actual is None or not actual["unusual"]:
        return _cost_more(payload)
    amount = money(actual["amount"], payload["currency"])
    usual = money(payload["expected"]["mean"], payload["currency"]) if payload["expected"] else UNKNOWN
    period, unit = start_of(payload, actual["at"]), unit_of(payload)
    if actual["provisional"]:
        before = "" if since in (None, period) else f"; high since {since}"
        return f"{who} has already cost {amount} on {period}, where a whole {unit} usually costs {usual}{before}"
    if since is None or since == period:
        return f"{who} cost {amount} on {period} instead of {usual}"
    return f"{who} costs {amount} {per(payload)} instead of {usual} since {since}"


def _began(payload: Payload) -> str | None:
    """When it began: a slow leak is found over periods that lie before the first unusual one.

    Only the series tells which; and a run that cost more by itself began with itself.
    """
    since: str | None = payload["since"]
    found, excess = payload.get("finding"), payload["excess"]
    if since is None or not found or not excess or not payload.get("series") or found["excess"] != excess["total"]:
        return since
    start: str = found["start"]
    return min(since, start, key=datetime.fromisoformat)


def _cost_more(payload: Payload) -> str:
    since, excess = start_of(payload, payload["since"]), payload["excess"]
    if excess is None:
        return f"{name(payload)} costs more than usual"
    more = money(excess["total"], payload["currency"])
    return f"{name(payload)} cost {more} more than usual" + (f" since {since}" if since else "")


def _spent(payload: Payload) -> str:
    budget = payload["budget_period"]
    if budget is None:
        return f"{name(payload)} has used up its budget"
    spend, limit = (money(budget[key], payload["currency"]) for key in ("spend", "limit"))
    return f"{name(payload)} has spent {spend} of its {limit} budget for {budget_span(payload)}"


def _heading_for(payload: Payload) -> str:
    budget = payload["budget_period"]
    if budget is None:
        return f"{name(payload)} is heading over its budget"
    projected, limit = (money(budget[key], payload["currency"]) for key in ("projected", "limit"))
    return f"{name(payload)} is heading for {projected} in {budget_span(payload)}, over its budget of {limit}"


def _closed_over(payload: Payload) -> str:
    budget = payload["budget_period"]
    before = budget and budget["previous_start"]
    period = "the last period"
    if before:
        period = span(date.fromisoformat(before), date.fromisoformat(budget["start"]), told_on(payload))
    if budget is None or budget["previous_spend"] is None or budget["previous_limit"] is None:
        return f"{name(payload)} went over its budget for {period}, when the last of its days came in"
    spend, limit = (money(budget[key], payload["currency"]) for key in ("previous_spend", "previous_limit"))
    return (
        f"{name(payload)} spent {spend} of its {limit} budget for {period}: over it when the last of its days came in"
    )


def _resolved(payload: Payload) -> str:
    who, actual = name(payload), payload["actual"]
    rate = f"{money(actual['amount'], payload['currency'])} {per(payload)}" if actual else "an unknown rate"
    sentences: dict[str | None, Callable[[], str]] = {
        BACK_TO_NORMAL: lambda: f"{who} is back to normal at {rate}{_cost_in_all(payload)}",
        NEW_LEVEL: lambda: f"{who} stays at {rate}: that is its new level",
        ACKNOWLEDGED: lambda: f"{who} is settled at {rate}: it was acknowledged",
        CLEARED: lambda: f"{who} was cleared by hand",
        NEW_PERIOD: lambda: f"{who} begins a new budget period after a breach",
        BELOW_BUDGET: lambda: f"{who} is below its budget again{_of_budget(payload)}",
    }
    return sentences.get(payload["resolution"], lambda: f"{who} is resolved")()


def _cost_in_all(payload: Payload) -> str:
    since, excess = start_of(payload, payload["since"]), payload["excess"]
    if since is None or excess is None:
        return ""
    return f", after {money(excess['total'], payload['currency'])} more than usual since {since}"


def _of_budget(payload: Payload) -> str:
    budget = payload["budget_period"]
    if budget is None:
        return ""
    spend, limit = (money(budget[key], payload["currency"]) for key in ("spend", "limit"))
    return f": {spend} of {limit} for {budget_span(payload)}"


# --- envelopes ------------------------------------------------------------------------------------------


def summary(monitor: str, counts: Payload, payloads: Sequence[Payload]) -> str:
    """The title of an envelope: of its one alert, or the counts."""
    if len(payloads) == 1:
        return str(payloads[0]["title"])
    kinds = ", ".join(count(counts["kinds"][kind], *noun) for kind, noun in NOUNS.items() if kind in counts["kinds"])
    rates = [number(p["excess"]["per_day"]) or 0.0 for p in payloads if p["excess"] and p["kind"] != "resolved"]
    total = f"; {money(sum(rates), payloads[0]['currency'])} a day above expected" if any(rates) else ""
    return f"{count(len(payloads), 'change')} in {shown(monitor)}: {kinds}{total}"


def event_title(event: Payload) -> str:
    if event["kind"] == AlertKind.CONFIG_REJECTED and event["subject"] != "configuration":
        return f"{shown(event['subject'])} cannot be judged"
    template = _EVENTS.get(event["kind"], "{subject}: " + event["kind"].replace("_", " "))
    return str(template).replace("{subject}", shown(event["subject"]))


def sign_of(kind: str, severity: str) -> str:
    """What a reader sees first: resolved, critical, warning or info."""
    return "resolved" if kind in {AlertKind.RESOLVED, AlertKind.SOURCE_BACK} else severity


def sign_of_all(envelope: Payload) -> str:
    """The sign of a whole envelope: that of the worst in it that is not resolved."""
    if envelope["event"] is not None:
        return sign_of(envelope["event"]["kind"], envelope["event"]["severity"])
    signs = {sign_of(alert["kind"], alert["alert_severity"]) for alert in envelope["alerts"]}
    return next((sign for sign in ("critical", "warning", "info") if sign in signs), "resolved")


def sentences(reasons: Iterable[str]) -> str:
    """The reasons in words."""
    return "; ".join(SENTENCES[Reason(reason)] for reason in reasons if reason in SENTENCES) or "no reason is given"


# --- small parts ----------------------------------------------------------------------------------------


def _action(payload: Payload) -> str:
    return str(payload["decision"]["action"]) if payload["decision"] else ""


def told_on(payload: Payload) -> date:
    return datetime.fromisoformat(payload["at"]).date()


def unit_of(payload: Payload) -> str:
    return "hour" if payload["grain"] == "hour" else "day"


def per(payload: Payload) -> str:
    return "an hour" if payload["grain"] == "hour" else "a day"


def start_of(payload: Payload, instant: str | None) -> str | None:
    """The day, or the hour, that begins at an instant."""
    if instant is None:
        return None
    start = datetime.fromisoformat(instant)
    if payload["grain"] == "hour":
        return moment(start, told_on(payload))
    return day(charge_day(start), told_on(payload))


def budget_span(payload: Payload) -> str:
    budget = payload["budget_period"]
    return span(date.fromisoformat(budget["start"]), date.fromisoformat(budget["end"]), told_on(payload))
