from __future__ import annotations

import json
import shlex
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cloudcircuit.engine.alerts import build_payload, link_to
from cloudcircuit.engine.facts import data_line
from cloudcircuit.engine.payload import LONGEST_LINK, LONGEST_TEXT, stops
from cloudcircuit.engine.wording import NOUNS, event_title
from cloudcircuit.model import (
    ACKNOWLEDGED,
    BACK_TO_NORMAL,
    BELOW_BUDGET,
    CLEARED,
    NEW_PERIOD,
    Action,
    AlertKind,
    BreakerState,
    Change,
    CircuitAlert,
    Driver,
    Mode,
    Phase,
    Reason,
    ReportStatus,
    Severity,
)
from tests.alerts.situations import (
    CIRCUITS,
    FIRST,
    LATEST,
    MONITOR,
    NOW,
    SOURCE,
    TOTAL,
    VIEW,
    alert,
    decision,
    delivery,
    state,
)


def title(one: CircuitAlert) -> str:
    return str(build_payload(one)["title"])


def anomaly(**more: Any) -> CircuitAlert:
    return alert(AlertKind.ANOMALY, Severity.WARNING, **more)


# --- the contract ---------------------------------------------------------------------------------------


def test_the_library_s_own_keys_come_first_with_its_own_words() -> None:
    payload = build_payload(CIRCUITS["tripped"]()[0])
    keys = list(payload)
    assert keys[:5] == ["service", "environment", "action", "severity", "reason"]
    assert keys[5:9] == ["budget", "anomaly", "breaker", "forecast"]
    assert (payload["service"], payload["environment"]) == ("AWS Glue", "production")
    assert (payload["action"], payload["severity"]) == ("block", "critical")
    assert payload["reason"] == "Budget breached or circuit breaker open"
    assert payload["anomaly"] == {
        "latest_spend": 105.71,
        "baseline_mean": 53.02,
        "threshold": 79.53,
        "is_spike": True,
    }
    assert payload["breaker"] == {"is_open": True, "allow_operation": False, "retry_after_steps": 2}


def test_what_is_recommended_is_not_what_is_served() -> None:
    payload = build_payload(CIRCUITS["tripped"]()[0])
    assert payload["action"] == "block"
    assert (payload["decision"]["action"], payload["decision"]["would"]) == ("allow", "block")


def test_what_there_is_not_is_null() -> None:
    bare = BreakerState("production/x", "production", ("x",))
    payload = build_payload(anomaly(state=bare, sources=(), drivers=(), owner=None, cause=None))
    for key in ("budget", "anomaly", "budget_period", "decision", "expected", "actual", "link", "cause"):
        assert payload[key] is None
    assert payload["data"] == {"as_of": None, "age_seconds": None, "stale": True, "sources": []}
    assert payload["owner"] == MONITOR.owner
    assert payload["action"] == "allow"


def test_a_monitor_without_per_is_its_own_service() -> None:
    one = anomaly(monitor=TOTAL, state=state(monitor=TOTAL))
    assert build_payload(one)["service"] == "all-of-aws"
    assert build_payload(one)["dimensions"] == {}


def test_a_missing_value_and_an_empty_environment_have_a_name() -> None:
    payload = build_payload(anomaly(monitor=replace(MONITOR, environment=""), state=state(None)))
    assert (payload["service"], payload["environment"]) == ("(none)", "(none)")
    assert payload["dimensions"] == {"service": None}
    assert payload["title"].startswith("(none) costs")


def test_a_hot_burn_rate_throttles() -> None:
    latest = replace(LATEST, reasons=(Reason.BURN_RATE,))
    payload = build_payload(anomaly(state=state(latest=latest)))
    assert payload["burn_rate"] == {
        "latest_spend": 105.71,
        "average_spend": 53.02,
        "burn_rate_ratio": pytest.approx(1.9938, abs=1e-4),
        "is_hot": True,
    }
    assert payload["reason"] == "Hot burn rate detected"


def test_a_burn_rate_from_nothing_is_valid_json() -> None:
    latest = replace(LATEST, expected=0.0, reasons=(Reason.BURN_RATE,))
    payload = build_payload(anomaly(state=state(latest=latest)))
    assert payload["burn_rate"]["burn_rate_ratio"] is None
    json.dumps(payload, allow_nan=False)


def test_numbers_that_no_check_takes_do_not_stop_an_alert() -> None:
    """An alert is made inside the cycle's transaction: it must not be the one that fails."""
    huge = replace(VIEW, spend=Decimal("1e400"), limit=Decimal("1e400"), projected=Decimal("1e500"))
    latest = replace(LATEST, value=float("inf"), excess=float("nan"), limit=float("nan"))
    change = Change(AlertKind.ANOMALY, Severity.WARNING, (Reason.ANOMALY,), FIRST, float("nan"), 3)
    payload = build_payload(anomaly(state=state(budget=huge, latest=latest), change=change))
    json.dumps(payload, allow_nan=False)
    assert payload["budget"] is None
    assert (payload["excess"]["per_day"], payload["excess"]["total"], payload["excess"]["periods"]) == (None, None, 3)
    assert payload["budget_period"]["spend"] == "1" + "0" * 400


# --- the figures ----------------------------------------------------------------------------------------


def excess_of(one: CircuitAlert) -> tuple[float, float, int]:
    found = build_payload(one)["excess"]
    return found["per_day"], found["total"], found["periods"]


def test_excess_is_per_day_and_in_all() -> None:
    assert excess_of(anomaly()) == (52.69, 105.38, 2)
    assert excess_of(CIRCUITS["hourly"]()[0]) == (52.8, 4.4, 2)
    assert build_payload(CIRCUITS["budget_warning"]()[0])["excess"] is None


def test_money_is_exact_and_estimates_are_numbers() -> None:
    payload = build_payload(anomaly(drivers=(Driver("region", None, Decimal("0.1000000000000000055"), 1.0),)))
    assert payload["drivers"] == [
        {"dimension": "region", "value": None, "label": None, "excess": "0.1000000000000000055", "share": 1.0}
    ]
    assert payload["budget_period"]["spend"] == "687.17"
    assert payload["actual"]["amount"] == 105.71


def test_the_age_of_the_data_is_that_of_the_slowest_source() -> None:
    slow = replace(SOURCE, source="slow", watermark=NOW - timedelta(hours=50), status=ReportStatus.SUSPICIOUS)
    blind = replace(SOURCE, source="blind", blind_since=NOW)
    silent = replace(SOURCE, source="silent", watermark=None, status=None)
    data = build_payload(anomaly(sources=(SOURCE, slow, blind)))["data"]
    assert data["as_of"] == (NOW - timedelta(hours=50)).isoformat()
    assert data["age_seconds"] == 50 * 3600
    assert [(s["name"], s["status"]) for s in data["sources"]] == [
        ("bill", "complete"),
        ("slow", "suspicious"),
        ("blind", "blind"),
    ]
    without = build_payload(anomaly(sources=(SOURCE, silent)))["data"]
    assert (without["as_of"], without["sources"][1]["behind_seconds"]) == (None, None)


@pytest.mark.parametrize(
    ("served", "would", "more", "text"),
    [
        (Action.BLOCK, Action.BLOCK, {}, "programs that ask before they spend are refused"),
        (Action.THROTTLE, Action.THROTTLE, {}, "programs that ask before they spend are told to slow down"),
        (Action.ALLOW, Action.ALLOW, {}, "nothing is stopped"),
        (
            Action.ALLOW,
            Action.BLOCK,
            {},
            "nothing is stopped: the monitor only observes; enforcing, it would block",
        ),
        (
            Action.ALLOW,
            Action.BLOCK,
            {"override": "act_1"},
            "nothing is stopped: a person overrode it; otherwise it would block",
        ),
        (
            Action.ALLOW,
            Action.BLOCK,
            {"reasons": (Reason.HELD_BACK,)},
            "nothing is stopped: too many new blocks within an hour; otherwise it would block",
        ),
        (
            Action.ALLOW,
            Action.THROTTLE,
            {"mode": Mode.ENFORCE},
            "nothing is stopped: as it stands it would throttle",
        ),
    ],
)
def test_what_is_actually_stopped(served: Action, would: Action, more: dict[str, Any], text: str) -> None:
    assert stops(decision(state(), MONITOR, served, would, **more)) == text


def test_old_data_and_silent_sources_are_told() -> None:
    stale = state()
    assert stale.decision is not None
    stale = replace(stale, decision=replace(stale.decision, stale=True))
    late = replace(SOURCE, watermark=NOW - timedelta(hours=80))
    silent = replace(SOURCE, watermark=None)
    assert data_line(build_payload(anomaly(state=stale, sources=(late,)))) == (
        "up to 8 October 22:00 UTC, 3 days old, STALE"
    )
    assert data_line(build_payload(anomaly(state=stale, sources=(silent,)))) == (
        "no source has said anything yet, STALE"
    )


# --- commands and links ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["AWS Glue", "it's", "a;rm -rf", "$(reboot)", "--help", 'q"uote', "né\u0301 🧑‍🔬"])
def test_commands_survive_a_shell(value: str) -> None:
    payload = build_payload(anomaly(state=state(value)))
    for command in payload["commands"].values():
        words = shlex.split(command)
        assert words[0] == "cloudcircuit"
        assert words[2] == f"production/{value}"


def test_a_name_that_cannot_be_copied_has_no_commands() -> None:
    assert build_payload(anomaly(state=state("x" * 600)))["commands"] is None
    assert build_payload(anomaly(state=state("a\0b")))["commands"] is None


def test_a_name_that_is_a_pattern_or_an_option_has_no_commands() -> None:
    """Else a tag named `*` would have its reader acknowledge every circuit."""
    assert build_payload(anomaly(state=state("*")))["commands"] is None
    assert build_payload(anomaly(state=state("a?")))["commands"] is None
    option = replace(state("x"), circuit="--help/x")
    assert build_payload(anomaly(state=option))["commands"] is None


def test_planned_spend_is_what_comes_on_top_of_the_usual() -> None:
    assert "--amount 53 " in build_payload(anomaly())["commands"]["expect"]


def test_a_link_to_the_page_carries_the_circuit() -> None:
    assert link_to("https://c.example/", "production/a b&c") == "https://c.example/?circuit=production%2Fa%20b%26c"
    assert link_to(None, "x") is None
    assert build_payload(anomaly(), link="x" * (LONGEST_LINK + 1))["link"] is None


# --- names from outside ---------------------------------------------------------------------------------


def test_every_text_is_bounded_and_storable() -> None:
    vast = "n\0\ud800🧑‍🔬" * 250_000
    payload = build_payload(
        anomaly(
            monitor=replace(MONITOR, name=vast, environment=vast),
            state=state(vast),
            drivers=(Driver(vast, vast, Decimal(1), 1.0, label=vast),),
            members=(vast,),
            owner=vast,
            cause=vast,
        ),
        link=vast,
    )
    for text in texts(payload):
        assert len(text) <= LONGEST_TEXT
        assert "\0" not in text
        text.encode("utf-8")
    assert payload["owner"].endswith(" more")


def texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in (*value, *value.values()) for text in texts(item)]
    return [text for item in value for text in texts(item)] if isinstance(value, list) else []


# --- titles ---------------------------------------------------------------------------------------------


def test_titles_of_the_situations() -> None:
    expected = {
        "anomaly_first_day": "AWS Glue cost $105.71 on 10 October instead of $53.02",
        "anomaly_before_the_day_is_over": (
            "AWS Glue has already cost $88.40 on 12 October, where a whole day usually costs $53.02"
        ),
        "tripped": "AWS Glue costs $105.71 a day instead of $53.02 since 10 October (tripped)",
        "escalated": "AWS Glue is now blocked: the breaker is open after failing periods in a row",
        "reminder": "Still: AWS Glue costs $105.71 a day instead of $53.02 since 10 October",
        "resolved_back_to_normal": (
            "AWS Glue is back to normal at $45.82 a day, after $313.20 more than usual since 10 October"
        ),
        "resolved_new_level": "AWS Glue stays at $105.71 a day: that is its new level",
        "budget_warning": "all-of-aws has spent $3,612.40 of its $4,000.00 budget for October",
        "budget_breached": "all-of-aws has spent $4,064.48 of its $4,000.00 budget for October (tripped)",
        "forecast": "all-of-aws is heading for $4,310.20 in October, over its budget of $4,000.00",
        "closed_over": "all-of-aws spent $5,012.40 of its $5,000.00 budget for September: "
        "over it when the last of its days came in",
        "below_budget_again": "all-of-aws is below its budget again: $3,612.40 of $6,000.00 for October",
        "hourly": "AWS Glue costs $4.41 an hour instead of $2.21 since 12 October 02:00 UTC",
        "source_blind": "bill is blind",
    }
    assert {name: delivery(name).envelope["title"] for name in expected} == expected


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [
        (ACKNOWLEDGED, "AWS Glue is settled at $105.71 a day: it was acknowledged"),
        (CLEARED, "AWS Glue was cleared by hand"),
        (NEW_PERIOD, "AWS Glue begins a new budget period after a breach"),
        (BELOW_BUDGET, "AWS Glue is below its budget again"),
        (BACK_TO_NORMAL, "AWS Glue is back to normal at $105.71 a day"),
        (None, "AWS Glue is resolved"),
    ],
)
def test_other_resolutions(resolution: str | None, expected: str) -> None:
    change = Change(AlertKind.RESOLVED, Severity.INFO, (), resolution=resolution)
    assert title(anomaly(change=change, state=state(budget=None))) == expected


def test_a_day_that_is_not_unusual_by_itself_speaks_of_the_sum() -> None:
    """A reminder while the breaker is half-open, or a trip by a day that settled late: today's figure is no news."""
    quiet = replace(LATEST, value=53.0, excess=0.0, failure=False, reasons=())
    one = anomaly(state=state(latest=quiet, phase=Phase.HALF_OPEN))
    assert title(one) == "AWS Glue cost $105.38 more than usual since 10 October"


def test_a_day_that_is_not_over_says_since_when_it_goes_on() -> None:
    early = replace(LATEST, provisional=True)
    assert title(anomaly(state=state(latest=early))) == (
        "AWS Glue has already cost $105.71 on 11 October, where a whole day usually costs $53.02; high since 10 October"
    )


def test_titles_without_figures() -> None:
    nothing = BreakerState("production/x", "production", ("x",))
    for kind in AlertKind:
        for reason in Reason:
            one = alert(kind, Severity.WARNING, change=Change(kind, Severity.WARNING, (reason,)), state=nothing)
            text = title(one)
            assert "x" in text
            assert "None" not in text


def test_a_day_is_named_in_the_zone_that_cuts_it() -> None:
    for offset in (-10, -7, 0, 5.5, 9, 13):
        start = datetime(2018, 10, 10, tzinfo=UTC) - timedelta(hours=offset)
        latest = replace(LATEST, at=start + timedelta(days=1))
        change = Change(AlertKind.ANOMALY, Severity.WARNING, (Reason.ANOMALY,), start, 105.38, 2)
        assert title(anomaly(state=state(latest=latest), change=change)).endswith("since 10 October"), offset


def test_the_year_is_said_when_it_is_another() -> None:
    late = anomaly(at=datetime(2019, 1, 5, tzinfo=UTC))
    assert title(late).endswith("since 10 October 2018")
    view = replace(VIEW, start=date(2018, 10, 1), end=date(2019, 1, 1))
    warned = Change(AlertKind.BUDGET_WARNING, Severity.WARNING, (Reason.BUDGET_WARNING,))
    one = anomaly(at=datetime(2019, 1, 1, tzinfo=UTC), state=state(budget=view), change=warned)
    assert title(one).endswith("budget for 1 October 2018 to 31 December 2018")


def test_every_kind_has_words() -> None:
    assert set(NOUNS) == set(AlertKind)
    for kind in AlertKind:
        assert event_title({"kind": kind.value, "subject": "bill"})
