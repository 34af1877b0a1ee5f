"""The payload of one alert: the library's own, grown by what a person needs to act on it."""

from __future__ import annotations

import hashlib
import json
import shlex
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from cloudcircuit.engine import wording
from cloudcircuit.engine.grounds import estimate, excess, expected, finding, series
from cloudcircuit.engine.recommend import recommend
from cloudcircuit.engine.text import cut, number, storable
from cloudcircuit.model import (
    NONE_VALUE,
    Action,
    BreakerState,
    CircuitAlert,
    Decision,
    Driver,
    Mode,
    Reason,
    SourceState,
    Verdict,
)
from cloudcircuit.safeguards import make_alert_payload

VERSION = 1
LONGEST_TEXT = 1000
"""The most characters of any one text in a payload; longer ones end in `… n more`."""
LONGEST_LINK = 2000


def build_payload(alert: CircuitAlert, *, link: str | None = None) -> dict[str, Any]:
    """What a receiver gets of one alert: `make_alert_payload`, grown by what a person needs to act.

    The contract's own keys come first: `action` and `severity` are what the library's policy recommends, `decision`
    is what is served. Exact money is a decimal string, an estimate a number. It is valid JSON whatever the state
    holds, and no text in it is longer than `LONGEST_TEXT`.
    """
    payload = make_alert_payload(
        recommend(alert),
        _service(alert),
        alert.monitor.environment or NONE_VALUE,
        details=_details(alert, link),
    )
    found: dict[str, Any] = bounded(payload)
    found["title"] = wording.title(found)
    return found


def _details(alert: CircuitAlert, link: str | None) -> dict[str, object]:
    state, change, decision = alert.state, alert.change, alert.state.decision
    return {
        "version": VERSION,
        "id": make_id("alert", state.circuit, change.kind, alert.at.isoformat(), state.version),
        "kind": change.kind,
        "title": "",  # written once everything else is there
        "at": alert.at,
        "alert_severity": change.severity,
        "monitor": state.monitor,
        "circuit": state.circuit,
        "dimensions": dict(zip(alert.monitor.per, state.values, strict=False)),
        "grain": alert.grain,
        "currency": alert.monitor.currency,
        "reasons": list(change.reasons),
        "since": change.since,
        "resolution": change.resolution,
        "excess": excess(alert),
        "expected": expected(state.latest),
        "actual": _actual(state.latest),
        "drivers": [_driver(driver) for driver in alert.drivers],
        "drivers_of": alert.drivers_of,
        "cause": alert.cause,
        "finding": finding(alert),
        "series": series(alert.points),
        "budget_period": _budget_period(state),
        "data": _data(alert),
        "decision": _decision(decision),
        "members": list(alert.members),
        "owner": alert.owner or (decision.owner if decision else None) or alert.monitor.owner,
        "commands": _commands(state),
        "link": link if link is not None and len(link) <= LONGEST_LINK else None,
    }


def _service(alert: CircuitAlert) -> str:
    dimensions = dict(zip(alert.monitor.per, alert.state.values, strict=False))
    return dimensions["service"] or NONE_VALUE if "service" in dimensions else alert.state.circuit or NONE_VALUE


def _actual(latest: Verdict | None) -> dict[str, object] | None:
    if latest is None:
        return None
    return {
        "at": latest.at,
        "amount": estimate(latest.value),
        "provisional": latest.provisional,
        "unusual": latest.failure,
    }


def _driver(driver: Driver) -> dict[str, object]:
    return {
        "dimension": driver.dimension,
        "value": driver.value,
        "label": driver.label,
        "excess": driver.excess,
        "share": driver.share,
    }


def _budget_period(state: BreakerState) -> dict[str, object] | None:
    view = state.budget
    if view is None:
        return None
    return {
        "start": view.start,
        "end": view.end,
        "spend": view.spend,
        "limit": view.limit,
        "projected": view.projected,
        "low": view.low,
        "high": view.high,
        "p_breach": estimate(view.p_breach),
        "breach_on": view.breach_on,
        "settled_days": view.settled_days,
        "complete": view.complete,
        "previous_start": state.closed_start,
        "previous_spend": state.closed_spend,
        "previous_limit": state.closed_limit,
    }


def _data(alert: CircuitAlert) -> dict[str, object]:
    marks = [source.watermark for source in alert.sources]
    known = [mark for mark in marks if mark is not None]
    as_of = min(known) if known and len(known) == len(marks) else None
    decision = alert.state.decision
    return {
        "as_of": as_of,
        "age_seconds": None if as_of is None else _seconds(alert.at - as_of),
        "stale": decision.stale if decision else as_of is None,
        "sources": [source_facts(source, alert.at) for source in alert.sources],
    }


def source_facts(source: SourceState, at: datetime) -> dict[str, object]:
    behind = None if source.watermark is None else _seconds(at - source.watermark)
    return {"name": source.source, "behind_seconds": behind, "status": source_status(source)}


def source_status(source: SourceState) -> str:
    """`blind` when it cannot be read, else what its last report was: complete, partial, suspicious, or unknown."""
    if source.blind_since is not None:
        return "blind"
    return source.status.value if source.status else "unknown"


def _seconds(length: timedelta) -> int:
    return max(0, int(length.total_seconds()))


def _decision(decision: Decision | None) -> dict[str, object] | None:
    if decision is None:
        return None
    return {
        "id": decision.id,
        "action": decision.action,
        "would": decision.would,
        "mode": decision.mode,
        "since": decision.since,
        "stops": stops(decision),
    }


def stops(decision: Decision) -> str:
    """What is actually stopped, in a sentence."""
    if decision.action is Action.BLOCK:
        return "programs that ask before they spend are refused"
    if decision.action is Action.THROTTLE:
        return "programs that ask before they spend are told to slow down"
    if decision.would is Action.ALLOW:
        return "nothing is stopped"
    return f"nothing is stopped: {_why_not(decision)} it would {decision.would}"


def _why_not(decision: Decision) -> str:
    if decision.override is not None:
        return "a person overrode it; otherwise"
    if Reason.HELD_BACK in decision.reasons:
        return "too many new blocks within an hour; otherwise"
    return "the monitor only observes; enforcing," if decision.mode is Mode.OBSERVE else "as it stands"


def _commands(state: BreakerState) -> dict[str, str] | None:
    """The commands that one can copy into a shell, or none.

    None for a name that is too long or cannot be shown, that reads as an option, or that reads as a pattern: whoever
    names a tag `*` shall not have every circuit acknowledged.
    """
    name, latest = state.circuit, state.latest
    is_whole = storable(name) == name and not any(character < " " or "\x7f" <= character < "\xa0" for character in name)
    if len(name) > LONGEST_TEXT // 2 or not is_whole or name.startswith("-") or set(name) & set("*?"):
        return None
    circuit = shlex.quote(name)
    more = ceil(number(latest.excess if latest else None) or 1.0)
    return {
        "explain": f"cloudcircuit explain {circuit}",
        "ack": f"cloudcircuit ack {circuit}",
        "expect": f"cloudcircuit expect {circuit} --amount {more} --for 14d --reason 'why'",
        "override": f"cloudcircuit override {circuit} allow --for 24h --reason 'why'",
    }


# --- ids and texts ----------------------------------------------------------------------------------------


def make_id(prefix: str, *parts: object) -> str:
    """An id that the same parts always give; JSON keeps `("a", "bc")` and `("ab", "c")` apart."""
    return f"{prefix}_{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"


def bounded(value: Any) -> Any:
    """Cap every text, and take out what databases and receivers choke on."""
    if isinstance(value, str):
        return storable(cut(str(value), LONGEST_TEXT))
    if isinstance(value, dict):
        return {bounded(key): bounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [bounded(item) for item in value]
    return value
