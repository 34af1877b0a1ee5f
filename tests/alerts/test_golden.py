"""What each channel makes of realistic situations. `python -m tests.alerts.regenerate` writes the files anew."""

from __future__ import annotations

import json

import pytest

from cloudcircuit.notifiers import console, slack, webhook
from tests.alerts.regenerate import GOLDEN, rendered
from tests.alerts.situations import NAMES, delivery


@pytest.mark.parametrize("name", NAMES)
def test_a_situation_is_told_as_it_was(name: str) -> None:
    for file, text in rendered(name).items():
        assert (GOLDEN / file).read_text(encoding="utf-8") == text, file


def test_no_golden_file_is_left_over() -> None:
    expected = {file for name in NAMES for file in rendered(name)}
    assert {file.name for file in GOLDEN.iterdir()} == expected


@pytest.mark.parametrize("name", NAMES)
def test_storage_changes_no_message(name: str) -> None:
    """An envelope comes back from a database as JSON, perhaps with its keys in another order."""
    envelope = delivery(name).envelope
    stored = json.loads(json.dumps(envelope, sort_keys=True, allow_nan=False))
    assert slack.render(stored) == slack.render(envelope)
    assert webhook.render(stored) == webhook.render(envelope)
    assert console.render(stored) == console.render(envelope)


@pytest.mark.parametrize("name", NAMES)
def test_the_channels_say_the_same(name: str) -> None:
    envelope = delivery(name).envelope
    for text in (console.render(envelope), slack.render(envelope)["text"], slack.render_plain(envelope)["text"]):
        assert str(envelope["title"]) in text.replace("&amp;", "&")


def test_a_minute_is_enough() -> None:
    """Whose money, how much a day, why, what is stopped, and what to do next: in a dozen lines and a chart."""
    text = (GOLDEN / "tripped.txt").read_text(encoding="utf-8")
    words, _, chart = text.partition("  chart ")
    assert len(words.splitlines()) <= 12
    assert len(chart.splitlines()) <= 9
    for part in ("AWS Glue costs $105.71 a day instead of $53.02 since 10 October (tripped)", "$52.69 a day"):
        assert part in text
    for label in ("why", "drivers", "budget", "effect", "owner", "data", "next"):
        assert f"  {label} " in text
