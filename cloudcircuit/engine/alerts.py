"""From what happened to what is owed: one envelope for each channel and monitor after a cycle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from cloudcircuit.engine import wording
from cloudcircuit.engine.payload import LONGEST_LINK, VERSION, bounded, build_payload, make_id, source_facts
from cloudcircuit.model import AlertKind, ChannelRule, CircuitAlert, Delivery, Severity, SourceAlert, SourceState

__all__ = ["build_payload", "envelopes", "link_to"]


def envelopes(
    alerts: Sequence[CircuitAlert],
    source_alerts: Sequence[SourceAlert],
    channels: Mapping[str, ChannelRule],
    at: datetime,
    *,
    page: str | None = None,
) -> list[Delivery]:
    """What is owed after one cycle: one message for each channel and monitor, one for each event and channel.

    A channel hears what is at least as severe as its rule says; a channel without a rule hears everything (the
    outbox will say that it is unknown). The same input gives the same ids, so a cycle that is repeated owes nothing
    twice. `page` is the address of the status page.
    """
    built = [(alert, build_payload(alert, link=link_to(page, alert.state.circuit))) for alert in alerts]
    owed: dict[tuple[str, str], list[tuple[CircuitAlert, dict[str, Any]]]] = {}
    for alert, payload in built:
        for channel in dict.fromkeys(alert.channels):
            if _hears(channels, channel, alert.change.severity):
                owed.setdefault((channel, alert.monitor.name), []).append((alert, payload))
    found = [_circuit_delivery(channel, found, at) for (channel, _), found in sorted(owed.items(), key=lambda i: i[0])]
    return [*(_event_delivery(channel, event) for channel, event in _events(source_alerts, channels)), *found]


def link_to(page: str | None, circuit: str) -> str | None:
    """The status page of a circuit; none for a name that is too long for an address."""
    return (
        None
        if page is None or len(circuit) > LONGEST_LINK
        else f"{page}?circuit={quote(circuit, safe='', errors='replace')}"
    )


def _hears(channels: Mapping[str, ChannelRule], channel: str, severity: Severity) -> bool:
    rule = channels.get(channel)
    return rule is None or severity.rank >= rule.min_severity.rank


def _events(alerts: Sequence[SourceAlert], channels: Mapping[str, ChannelRule]) -> Iterable[tuple[str, SourceAlert]]:
    for alert in alerts:
        for channel in dict.fromkeys(alert.channels):
            if _hears(channels, channel, alert.severity):
                yield channel, alert


def _circuit_delivery(channel: str, found: list[tuple[CircuitAlert, dict[str, Any]]], at: datetime) -> Delivery:
    first = found[0][0].monitor
    worst = max((alert.change.severity for alert, _ in found), key=lambda severity: severity.rank)
    keys = sorted((a.state.circuit, a.change.kind.value, a.state.version) for a, _ in found)
    payloads = [payload for _, payload in sorted(found, key=_order)]
    counts = _counts(payloads)
    envelope = {
        "version": VERSION,
        "id": make_id("msg", channel, first.name, at.isoformat(), keys),
        "at": at.isoformat(),
        "monitor": bounded(first.name),
        "environment": bounded(first.environment),
        "severity": worst.value,
        "title": wording.summary(first.name, counts, payloads),
        "counts": counts,
        "alerts": payloads,
        "event": None,
    }
    return Delivery(envelope["id"], channel, first.name, at, worst, envelope)


def _order(item: tuple[CircuitAlert, dict[str, Any]]) -> tuple[object, ...]:
    """What is resolved last, the worst first, then by money, then by name."""
    change, state = item[0].change, item[0].state
    return (change.kind is AlertKind.RESOLVED, -change.severity.rank, -change.excess, state.circuit, change.kind.value)


def _counts(payloads: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    severities = Counter(payload["alert_severity"] for payload in payloads)
    kinds = Counter(payload["kind"] for payload in payloads)
    return {
        "alerts": len(payloads),
        "members": sum(len(payload["members"]) for payload in payloads),
        **{severity.value: severities[severity.value] for severity in Severity},
        "kinds": {kind.value: kinds[kind.value] for kind in AlertKind if kinds[kind.value]},
    }


def _event_delivery(channel: str, alert: SourceAlert) -> Delivery:
    body = bounded(
        {
            "kind": alert.kind.value,
            "severity": alert.severity.value,
            "at": alert.at.isoformat(),
            "subject": alert.subject,
            "title": "",
            "text": alert.text,
            "monitors": list(alert.monitors),
            "source": alert.source and _event_source(alert.source, alert.at),
        }
    )
    body["title"] = wording.event_title(body)
    version = alert.source.version if alert.source else 0
    envelope = {
        "version": VERSION,
        "id": make_id("msg", channel, alert.subject, alert.at.isoformat(), alert.kind.value, version, alert.text),
        "at": alert.at.isoformat(),
        "monitor": None,
        "environment": None,
        "severity": alert.severity.value,
        "title": body["title"],
        "counts": _counts(()),
        "alerts": [],
        "event": body,
    }
    return Delivery(envelope["id"], channel, alert.subject, alert.at, alert.severity, envelope)


def _event_source(source: SourceState, at: datetime) -> dict[str, object]:
    return {
        **source_facts(source, at),
        "watermark": source.watermark.isoformat() if source.watermark else None,
        "failures": source.failures,
        "error": source.error,
        "blind_since": source.blind_since.isoformat() if source.blind_since else None,
    }
