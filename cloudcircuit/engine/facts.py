"""What stands below an alert's title: (label, text) pairs, in the order in which one asks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from cloudcircuit.engine.text import count, day, duration, moment, money, number, share, shown
from cloudcircuit.engine.wording import Payload, budget_span, per, sentences, start_of, told_on, unit_of
from cloudcircuit.model import EXCESS, GROWTH, NONE_VALUE, SPEND, AlertKind, Reason

FACT_LIMIT = 600
"""The most characters of one fact."""

_SAID_BY_TITLE = {Reason.BUDGET_BREACHED, Reason.BUDGET_WARNING, Reason.FORECAST_BREACH}
_LEAD = {GROWTH: "more than in the same days of the period before: ", SPEND: "of all that was spent: "}
_QUARTERS = 4
_CENTURY = 100
_CERTAIN = 0.99
_SELDOM = 6.0
"""A score beyond which nobody can tell how seldom something is."""
_STEPS = ("explain", "ack", "expect", "override")
_ROLE = {"usage": "more usage", "price": "a higher price", "commitment": "less cover by commitments"}


def facts(payload: Payload) -> list[tuple[str, str]]:
    """What stands below the title: (label, text), in the order in which one asks."""
    found = [
        ("why", why(payload)),
        ("excess", excess(payload)),
        ("expected", expected(payload)),
        ("when", when(payload)),
        ("drivers", drivers(payload)),
        ("cause", _ROLE.get(payload["cause"], payload["cause"])),
        ("budget", budget_line(payload)),
        ("effect", payload["decision"] and payload["decision"]["stops"]),
        ("same money", some([shown(m) for m in payload["members"]], 5)),
        ("owner", payload["owner"]),
        ("data", data_line(payload)),
    ]
    return [(label, shown(text, FACT_LIMIT)) for label, text in found if text]


def why(payload: Payload) -> str | None:
    """The reasons, unless the title has said it all: a budget's figures are in it."""
    reasons = payload["reasons"]
    return None if set(reasons) <= _SAID_BY_TITLE else sentences(reasons)


def excess(payload: Payload) -> str | None:
    """Money above the expected: `$52.69 a day, $105.38 in 2 days`."""
    figures, currency = payload["excess"], payload["currency"]
    if figures is None:
        return None
    periods = count(figures["periods"], unit_of(payload))
    total = money(figures["total"], currency)
    if figures["periods"] == 1 and unit_of(payload) == "day":
        return f"{total} in {periods}"
    return f"{money(figures['per_day'], currency)} a day, {total} in {periods}"


def expected(payload: Payload) -> str | None:
    """The expected range: `$48.10 to $58.20 a day; unusual above $79.53; by chance about once in 25 years`."""
    band, currency = payload["expected"], payload["currency"]
    if band is None or payload["excess"] is None or payload["kind"] == AlertKind.RESOLVED:
        return None
    low, high = band.get("usual_low"), band.get("usual_high")
    usual = money(band["mean"], currency)
    if low is not None and high is not None:
        usual = f"{money(max(0.0, low), currency)} to {money(high, currency)}"
    above = "" if band["high"] is None else f"; unusual above {money(band['high'], currency)}"
    return f"{usual} {per(payload)}{above}{_by_chance(payload)}"


def _by_chance(payload: Payload) -> str:
    """How seldom chance alone does as much to one circuit; the score counts in quarters."""
    score = number((payload.get("finding") or {}).get("score"))
    if score is None:
        return ""
    years = 10 ** min(score, _SELDOM) / _QUARTERS
    if years >= _CENTURY:
        return "; by chance less than once in 100 years"
    return f"; by chance about once in {count(round(years), 'year')}" if years >= 1 else ""


def when(payload: Payload, most: int = 3) -> str | None:
    """The days (or hours) that carry the excess, where there are several: `11 October $52.69 (50%), 10 October …`."""
    found = (payload["excess"] or {}).get("days") or ()
    if len(found) < 2 or payload["kind"] == AlertKind.RESOLVED:
        return None
    return some([_day(one, payload) for one in found], most)


def _day(one: Payload, payload: Payload) -> str:
    return f"{start_of(payload, one['start'])} {money(one['excess'], payload['currency'])} ({share(one['share'])})"


def drivers(payload: Payload, most: int = 4) -> str | None:
    """Who carries the excess: `region us-east-1 $40.12 (76%), …`; of a budget, who carries its growth or its spend."""
    found = some([_driver(driver, payload["currency"]) for driver in payload["drivers"]], most)
    lead = _LEAD.get(payload.get("drivers_of", EXCESS), "")
    return found and f"{lead}{found}"


def _driver(driver: Payload, currency: str) -> str:
    value = shown(NONE_VALUE if driver["value"] is None else driver["value"], 48)
    if driver["label"]:
        value = f"{shown(driver['label'], 48)} ({value})"
    dimension = shown(driver["dimension"], 32).replace("_", " ")
    return f"{dimension} {value} {money(driver['excess'], currency)} ({share(driver['share'])})"


def budget_line(payload: Payload) -> str | None:
    """Budget and forecast: `$3,120.00 of $5,000.00 for October (62%); heading for $6,400.00 ($5,900.00 to $7,100.00),
    $1,400.00 over; 83% likely to exceed it, on about 24 October`.
    """
    budget, currency = payload["budget_period"], payload["currency"]
    if budget is None:
        return None
    spend, limit = (number(budget[key]) for key in ("spend", "limit"))
    text = f"{money(spend, currency)} of {money(limit, currency)} for {budget_span(payload)}"
    if spend is not None and limit:
        text += f" ({share(spend / limit)})"
    return f"{text}; {_outlook(payload)}"


def _outlook(payload: Payload) -> str:
    budget, currency = payload["budget_period"], payload["currency"]
    spend, limit, projected, low, high = (
        number(budget.get(key)) for key in ("spend", "limit", "projected", "low", "high")
    )
    if projected is None or spend is None or limit is None:
        return "no forecast"
    band = "" if low is None or high is None else f" ({money(low, currency)} to {money(high, currency)})"
    over = f", {money(projected - limit, currency)} over" if projected > limit else ""
    ahead = "" if spend >= limit else _likelihood(budget.get("p_breach"), budget.get("breach_on"), payload)
    return f"heading for {money(projected, currency)}{band}{over}{ahead}"


def _likelihood(chance: float | None, on: str | None, payload: Payload) -> str:
    """`; 83% likely to exceed it, on about 24 October`"""
    if chance is None:
        return ""
    about = "" if on is None else f", on about {day(date.fromisoformat(on), told_on(payload))}"
    if chance >= _CERTAIN:
        return f"; almost certain to exceed it{about}"
    if chance <= 1 - _CERTAIN:
        return "; almost certain not to exceed it"
    return f"; {share(chance)} likely to exceed it{about}"


def data_line(payload: Payload) -> str:
    """How old the numbers are, and which source keeps them back."""
    data, at = payload["data"], told_on(payload)
    if data["as_of"] is None:
        text = "no source has said anything yet"
    else:
        text = f"up to {moment(datetime.fromisoformat(data['as_of']), at)}, {duration(data['age_seconds'])} old"
    if data["stale"]:
        text += ", STALE"
    troubled = [f"{shown(s['name'])} is {s['status']}" for s in data["sources"] if s["status"] != "complete"]
    behind = some(troubled, 3)
    return f"{text}; {behind}" if behind else text


def next_steps(payload: Payload) -> list[tuple[str, str]]:
    """The commands that can be copied as they stand: (what it does, command)."""
    commands = payload["commands"] or {}
    return [(what, commands[what]) for what in _STEPS if what in commands and is_copyable(commands[what])]


def is_copyable(command: str) -> bool:
    """A command that would not survive being shown is not shown: half a command is worse than none."""
    return "`" not in command and shown(command, 300) == command


def event_facts(event: Payload) -> list[tuple[str, str]]:
    """What stands below the title of a source's event, in the order in which one asks."""
    source = event["source"] or {}
    mark = source.get("watermark")
    found = [
        ("what", event["text"]),
        ("error", source.get("error") if event["kind"] == AlertKind.SOURCE_BLIND else None),
        ("data", f"up to {moment(datetime.fromisoformat(mark), told_on(event))}" if mark else None),
        ("monitors", some([shown(m) for m in event["monitors"]], 10)),
    ]
    return [(label, shown(text, FACT_LIMIT)) for label, text in found if text]


def some(items: Sequence[str], most: int) -> str | None:
    """The first few, and how many more there are."""
    if not items:
        return None
    rest = f", … {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(items[:most]) + rest
