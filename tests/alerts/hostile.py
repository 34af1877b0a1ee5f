"""Names that somebody who can tag a resource may send us, put into every field of an alert and of an event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from cloudcircuit.engine.alerts import envelopes
from cloudcircuit.model import (
    AlertKind,
    BudgetView,
    Change,
    ChannelRule,
    CircuitAlert,
    Delivery,
    Driver,
    Reason,
    Severity,
    SourceAlert,
)
from tests.alerts.situations import FIRST, MONITOR, NOW, SOURCE, VIEW, alert, event, state

NASTY = (
    "<!channel> <!here> <!everyone>",
    "<@U123> <#C123> <!subteam^S1>",
    "<https://evil.example|Click here> https://evil.example",
    "&lt;!channel&gt; &amp;",
    "a\nb\r\n*bold* _it_ ~gone~ > quote",
    "```code``` `x`",
    "\u202e\u2066txt.exe\u200f",
    "nul\0 bell\a esc\x1b[2J\x1b]0;title\a del\x7f c1\x9b31m",
    "👨‍👩‍👧‍👦🇫🇷👋🏽" * 40,
    "e" + "\u0301" * 500,
    "\ud800\udfff lone",
    "",
    " \n ",
    "'; rm -rf / #",
    "${jndi:ldap://evil}",
    "&" * 3000,
    "x" * 200_000,
    "🧑‍🔬" * 4_000,
)


def alerts_of(name: str, *, view: BudgetView = VIEW) -> list[CircuitAlert]:
    """Every kind of alert with this name in every field that comes from outside."""
    monitor = replace(MONITOR, name=f"m{name}", environment=name, per=("service", f"tag:{name}"), currency=name)
    made = state(name, monitor=MONITOR, budget=view)
    made = replace(made, monitor=monitor.name, circuit=f"{monitor.name}/{name}/{name}", values=(name, name))
    return [
        alert(
            kind,
            Severity.WARNING,
            change=Change(kind, Severity.WARNING, (Reason.ANOMALY,), FIRST, 105.38, 2),
            monitor=monitor,
            state=made,
            sources=(replace(SOURCE, source=name, status=None),),
            drivers=(Driver(name, name, Decimal("52.69"), 1.0, label=name),) * 8,
            members=(name,) * 12,
            cause=name,
            owner=name,
        )
        for kind in AlertKind
    ]


def events_of(name: str) -> list[SourceAlert]:
    source = replace(SOURCE, source=name, error=name)
    return [event(kind, Severity.CRITICAL, name, name, source=source, monitors=(name,) * 30) for kind in AlertKind]


def deliveries_of(name: str) -> Iterable[Delivery]:
    """A message for each alert and each event by itself, and one for all alerts together."""
    rules = {"ops": ChannelRule("ops")}
    found = alerts_of(name)
    for one in found:
        yield from envelopes([one], [], rules, NOW, page=f"https://circuit.example.org/{name[:100]}")
    yield from envelopes(found, events_of(name), rules, NOW)
