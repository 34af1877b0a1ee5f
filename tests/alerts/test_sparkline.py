"""The chart of text: what a bar, a line and a mark mean, and that it fits a telephone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.engine.alerts import build_payload
from cloudcircuit.engine.sparkline import CAPTION, HEIGHT, WIDTH, draw
from cloudcircuit.model import AlertKind, Point, Severity
from cloudcircuit.notifiers import console, slack
from tests.alerts.situations import CIRCUITS, FIRST, LATEST, alert, delivery, month, state


def chart(*values: float | None, limit: float | None = None, found: int = 0) -> list[str]:
    first = len(values) - found
    points = [Point(FIRST + timedelta(days=n), value, found=n >= first) for n, value in enumerate(values)]
    judged = state(latest=None if limit is None else replace(LATEST, limit=limit))
    return draw(build_payload(alert(AlertKind.ANOMALY, Severity.WARNING, points=tuple(points), state=judged)))


def test_bars_are_as_high_as_their_share_of_the_highest() -> None:
    assert chart(4, 3, 2, 1, 0.5) == [
        "█    ",
        "██   ",
        "███  ",
        "████▄",
        "10 Oct – 14 Oct",
        "top $4.00",
    ]


def test_nothing_known_is_not_zero_and_refunds_are_no_holes() -> None:
    assert chart(4, None, 0, -3)[HEIGHT - 1] == "█·▁▁"


def test_the_limit_is_a_line_where_no_bar_hides_it() -> None:
    bars = chart(1, 1, 4, limit=2.5, found=1)
    assert bars == ["  █", "┄┄█", "  █", "███", "  ▲", "10 Oct – 12 Oct", "top $4.00, ┄ $2.50, ▲ unusual"]


def test_a_limit_above_all_bars_is_within_the_chart() -> None:
    assert chart(1, 1, limit=4)[0] == "┄┄"


@pytest.mark.parametrize("values", [(), (4,), (4, None), (0, 0, 0), (-1, -2)])
def test_what_has_no_shape_has_no_chart(values: tuple[float | None, ...]) -> None:
    assert chart(*values) == []


def test_hours_say_their_hour() -> None:
    assert draw(build_payload(CIRCUITS["hourly"]()[0]))[-2] == "10 Oct 22:00 – 12 Oct 03:00"


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.floats(-1e12, 1e12)), max_size=40),
    st.one_of(st.none(), st.floats(0, 1e12)),
    st.integers(0, 3),
)
def test_it_always_fits_a_telephone(values: list[float | None], limit: float | None, found: int) -> None:
    lines = chart(*values, limit=limit, found=found)
    assert len(lines) in (0, HEIGHT + 2, HEIGHT + 3)
    assert all(len(line) == min(len(values), WIDTH) for line in lines[:HEIGHT])
    assert all(len(line) <= CAPTION for line in lines)


def test_channels_show_it_for_an_alert_by_itself() -> None:
    lines = draw(delivery("tripped").envelope["alerts"][0])
    told = console.render(delivery("tripped").envelope)
    assert all(line in told for line in lines)
    blocks = slack.render(delivery("tripped").envelope)["blocks"]
    fenced = [block["text"]["text"] for block in blocks if block.get("text", {}).get("text", "").startswith("```")]
    assert fenced == ["```\n" + "\n".join(lines) + "\n```"]
    assert "█" not in str(slack.render(delivery("digest_of_25").envelope))
    assert "█" not in console.render(delivery("digest_of_25").envelope)


def test_what_an_older_version_stored_is_shown_without_one() -> None:
    envelope = delivery("tripped").envelope
    old = {key: value for key, value in envelope["alerts"][0].items() if key not in {"series", "finding", "drivers_of"}}
    old["excess"] = {key: value for key, value in old["excess"].items() if key != "days"}
    old["expected"] = {key: old["expected"][key] for key in ("low", "high", "mean")}
    budget = {"low", "high", "p_breach", "breach_on"}
    old["budget_period"] = {key: value for key, value in old["budget_period"].items() if key not in budget}
    stored = {**envelope, "alerts": [old]}
    assert "AWS Glue costs $105.71 a day" in console.render(stored)
    assert "$687.17 of $2,000.00 for October (34%); heading for $1,936.57" in console.render(stored)
    assert slack.render(stored)["blocks"]


def test_a_month_of_points_is_a_month_wide() -> None:
    assert [len(line) for line in draw(build_payload(CIRCUITS["tripped"]()[0]))[:HEIGHT]] == [30] * HEIGHT
    assert len(month(FIRST)) == 30
