"""The alerts of a cycle, read from what it owes to its channels: each once, however many channels hear it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from cloudcircuit.model import AlertKind, Commit, Severity
from cloudcircuit.service.backtest.result import Alert

CALMING = frozenset({AlertKind.RESOLVED, AlertKind.SOURCE_BACK})
"""Kinds that say that something is over: told, and not counted as alerts."""


def alerts_in(commits: Iterable[Commit]) -> list[Alert]:
    """What was told of circuits, sources and monitors, in order."""
    found: dict[object, Alert] = {}
    for commit in commits:
        for delivery in commit.deliveries:
            for key, alert in _alerts(delivery.envelope):
                found.setdefault(key, alert)
    return list(found.values())


def told_in(commits: Iterable[Commit]) -> dict[str, set[AlertKind]]:
    """What was told of each circuit, by itself or as a member of an incident."""
    found: dict[str, set[AlertKind]] = {}
    for commit in commits:
        for entry in commit.history:
            kinds = entry.detail.get("told")
            if kinds and not entry.detail.get("silenced"):
                found.setdefault(entry.subject, set()).update(map(AlertKind, kinds))
    return found


def _alerts(envelope: Mapping[str, Any]) -> Iterator[tuple[object, Alert]]:
    for payload in envelope["alerts"]:
        yield payload["id"], _of_circuit(payload)
    event = envelope["event"]
    if event:
        yield (event["at"], event["kind"], event["subject"], event["text"]), _of_source(event)


def _of_circuit(payload: Mapping[str, Any]) -> Alert:
    excess = payload["excess"]
    return Alert(
        at=datetime.fromisoformat(payload["at"]),
        subject=payload["circuit"],
        circuit=payload["circuit"],
        monitor=payload["monitor"],
        kind=AlertKind(payload["kind"]),
        severity=Severity(payload["alert_severity"]),
        title=payload["title"],
        currency=payload["currency"],
        excess=excess and excess["total"],
        since=payload["since"] and datetime.fromisoformat(payload["since"]),
        members=tuple(payload["members"]),
        resolution=payload["resolution"],
    )


def _of_source(event: Mapping[str, Any]) -> Alert:
    monitors = event["monitors"]
    return Alert(
        at=datetime.fromisoformat(event["at"]),
        subject=event["subject"],
        circuit=None,
        monitor=monitors[0] if len(monitors) == 1 else None,
        kind=AlertKind(event["kind"]),
        severity=Severity(event["severity"]),
        title=event["title"],
    )
