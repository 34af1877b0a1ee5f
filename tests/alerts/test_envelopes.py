from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta

from cloudcircuit.engine.alerts import envelopes
from cloudcircuit.model import AlertKind, Change, ChannelRule, CircuitAlert, Reason, Severity
from cloudcircuit.notifiers import console, slack, webhook
from cloudcircuit.service.explain import CHARTED
from tests.alerts.situations import (
    FIRST,
    LATEST,
    MONITOR,
    NOW,
    RULES,
    TOTAL,
    alert,
    digest_of_25,
    event,
    month,
    source_blind,
    state,
    tripped,
)

BOTH = {"ops": ChannelRule("ops"), "pager": ChannelRule("pager", min_severity=Severity.CRITICAL)}


def to_both(found: list[CircuitAlert]) -> list[CircuitAlert]:
    return [replace(one, channels=("ops", "pager")) for one in found]


def test_one_message_for_each_channel_and_monitor() -> None:
    other = alert(AlertKind.TRIPPED, Severity.CRITICAL, monitor=TOTAL, state=state(monitor=TOTAL))
    owed = envelopes(to_both([*digest_of_25(), other]), [], BOTH, NOW)
    assert [(d.channel, d.monitor, len(d.envelope["alerts"])) for d in owed] == [
        ("ops", "all-of-aws", 1),
        ("ops", "production", 25),
        ("pager", "all-of-aws", 1),
        ("pager", "production", 1),
    ]
    assert all(d.id == d.envelope["id"] and d.state == "owed" and d.owed_at == NOW for d in owed)


def test_a_channel_hears_what_is_severe_enough_for_it() -> None:
    quiet = to_both([alert(AlertKind.ANOMALY, Severity.WARNING)])
    assert [d.channel for d in envelopes(quiet, [], BOTH, NOW)] == ["ops"]
    events = [replace(e, channels=("ops", "pager")) for e in source_blind()]
    assert [d.channel for d in envelopes([], events, BOTH, NOW)] == ["ops", "pager"]


def test_a_channel_without_a_rule_is_owed_its_message() -> None:
    """It is for the outbox to find that it is gone, and to say so: nothing is lost silently."""
    (owed,) = envelopes([alert(AlertKind.ANOMALY, Severity.INFO, channels=("removed",))], [], RULES, NOW)
    assert owed.channel == "removed"


def test_no_channel_no_message() -> None:
    assert envelopes([alert(AlertKind.ANOMALY, Severity.WARNING, channels=())], [], RULES, NOW) == []


def test_a_channel_that_is_named_twice_hears_once() -> None:
    assert len(envelopes([alert(AlertKind.ANOMALY, Severity.WARNING, channels=("ops", "ops"))], [], RULES, NOW)) == 1


def test_the_worst_comes_first_and_what_is_resolved_last() -> None:
    resolved = Change(AlertKind.RESOLVED, Severity.CRITICAL, (), since=FIRST, excess=9000.0, periods=2)
    found = [
        alert(AlertKind.RESOLVED, Severity.CRITICAL, change=resolved, state=state("gone")),
        *digest_of_25()[::-1],
    ]
    (owed,) = envelopes(found, [], RULES, NOW)
    kinds = [a["kind"] for a in owed.envelope["alerts"]]
    excess = [a["excess"]["total"] for a in owed.envelope["alerts"][1:-1]]
    assert (kinds[0], kinds[-1]) == ("tripped", "resolved")
    assert excess == sorted(excess, reverse=True)
    assert owed.severity is Severity.CRITICAL
    assert owed.envelope["counts"] == {
        "alerts": 26,
        "members": 0,
        "info": 0,
        "warning": 24,
        "critical": 2,
        "kinds": {"anomaly": 24, "tripped": 1, "resolved": 1},
    }


def test_the_same_cycle_again_gives_the_same_ids() -> None:
    first = envelopes(to_both(digest_of_25()), source_blind(), BOTH, NOW)
    again = envelopes(to_both(digest_of_25()[::-1]), source_blind(), BOTH, NOW)
    assert [d.id for d in first] == [d.id for d in again]
    assert [d.envelope for d in first] == [d.envelope for d in again]


def test_anything_else_gives_other_ids() -> None:
    base = tripped()[0]
    variants = [
        base,
        replace(base, state=replace(base.state, version=13)),
        replace(base, state=replace(base.state, circuit="production/other")),
        replace(base, change=replace(base.change, kind=AlertKind.REMINDER)),
        replace(base, monitor=replace(MONITOR, name="x")),
        replace(base, channels=("desk",)),
    ]
    ids = [envelopes([one], [], RULES, NOW)[0].id for one in variants]
    ids += [envelopes([base], [], RULES, NOW + timedelta(seconds=1))[0].id]
    ids += [
        envelopes([], [event(AlertKind.TEST, Severity.INFO, s, t)], RULES, NOW)[0].id for s, t in ("ab", "ac", "bb")
    ]
    assert len(set(ids)) == len(ids)
    assert all(one.startswith("msg_") and len(one) == 36 for one in ids)


def test_an_event_has_a_body_of_its_own_in_the_same_envelope() -> None:
    (owed,) = envelopes([], source_blind(), RULES, NOW)
    body = owed.envelope["event"]
    assert (owed.monitor, owed.severity, owed.envelope["alerts"]) == ("bill", Severity.CRITICAL, [])
    assert (body["kind"], body["subject"], body["monitors"]) == ("source_blind", "bill", ["all-of-aws", "production"])
    assert body["source"]["status"] == "blind"
    assert body["source"]["behind_seconds"] == 75 * 3600
    assert set(owed.envelope) == set(envelopes(tripped(), [], RULES, NOW)[0].envelope)


def test_a_channel_in_capitals_of_ten_thousand_circuits() -> None:
    """Ten thousand transitions in one tick: one message for each channel, whole in the webhook, short in Slack."""
    found = [
        replace(
            alert(
                AlertKind.ANOMALY,
                Severity.WARNING,
                change=Change(AlertKind.ANOMALY, Severity.WARNING, (Reason.ANOMALY,), FIRST, float(number), 2),
            ),
            state=state(f"service-{number}"),
            points=month(LATEST.at, 105.71, 105.71) if number < CHARTED else (),
        )
        for number in range(10_000)
    ]
    began = time.perf_counter()
    (owed,) = envelopes(found, [], RULES, NOW)
    took = time.perf_counter() - began
    assert took < 15, f"{took:.1f} s"
    assert len(json.loads(webhook.render(owed.envelope))["alerts"]) == 10_000
    assert len(slack.render(owed.envelope)["blocks"]) == 23
    assert "9,980 more" in json.dumps(slack.render(owed.envelope))
    assert len(console.render(owed.envelope).splitlines()) == 23
    assert len(json.loads(webhook.render(owed.envelope, short=True))["alerts"]) == 20
