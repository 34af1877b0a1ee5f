from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from cloudcircuit.clock import Deadline
from cloudcircuit.engine.alerts import envelopes
from cloudcircuit.errors import NotifyError
from cloudcircuit.notifiers import SlackNotifier
from cloudcircuit.notifiers.slack import escaped, render, render_plain
from tests.alerts.hostile import NASTY, alerts_of, deliveries_of
from tests.alerts.receivers import Real, Receiver, http_receiver, says
from tests.alerts.situations import NAMES, NOW, RULES, delivery

SCHEMAS = Path(__file__).parent.parent / "data" / "slack-schemas"


@lru_cache
def validator(name: str) -> Draft7Validator:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def check_message(message: dict[str, Any]) -> None:
    """Everything that Slack demands of a message: its schemas, and the limits that they do not cover."""
    assert list(validator("webhook").iter_errors(message)) == []
    blocks = message.get("blocks", [])
    assert len(blocks) <= 50
    assert 0 < units(message["text"]) <= 4000
    for block in blocks:
        assert list(validator("knownblock").iter_errors(block)) == []
        check_block(block)


def check_block(block: dict[str, Any]) -> None:
    if block["type"] == "header":
        assert block["text"]["type"] == "plain_text"
        assert 0 < units(block["text"]["text"]) <= 150
    elif block["type"] == "section":
        assert ("text" in block) != ("fields" in block)
        assert 1 <= len(block.get("fields", [1])) <= 10
        assert all(0 < units(field["text"]) <= 2000 for field in block.get("fields", []))
        assert "text" not in block or 0 < units(block["text"]["text"]) <= 3000
    else:
        assert block["type"] == "context"
        assert 1 <= len(block["elements"]) <= 10
        assert all(0 < units(element["text"]) <= 3000 for element in block["elements"])


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def check_harmless(message: dict[str, Any]) -> None:
    """Nothing from outside is markup: the only angle brackets are those of our own link."""
    for text, kind in texts_of(message):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]", text)
        bare = re.sub(r"^<https://circuit\.example\.org/[^<>|]*\|Open the circuit>$", "", text, flags=re.MULTILINE)
        if kind != "plain_text":
            assert "<" not in bare
            assert ">" not in bare
            assert not re.search(r"&(?!amp;|lt;|gt;)", bare), "an escape was cut in two"
            assert bare.count("`") % 2 == 0


def texts_of(message: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield message["text"], "mrkdwn"
    for block in message.get("blocks", []):
        for part in [block.get("text"), *block.get("fields", []), *block.get("elements", [])]:
            if part is not None:
                yield part["text"], part["type"]
                assert part["type"] == "plain_text" or part["verbatim"] is True


@pytest.mark.parametrize("name", NAMES)
def test_every_situation_is_a_valid_message(name: str) -> None:
    envelope = delivery(name).envelope
    for message in (render(envelope), render_plain(envelope)):
        check_message(message)
        check_harmless(message)


@pytest.mark.parametrize("name", NASTY, ids=[repr(name[:12]) for name in NASTY])
def test_hostile_names_in_every_field(name: str) -> None:
    for owed in deliveries_of(name):
        for message in (render(owed.envelope), render_plain(owed.envelope)):
            check_message(message)
            check_harmless(message)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(), max_size=400), st.integers(1, 3))
def test_any_name_in_every_field(name: str, repeat: int) -> None:
    found = alerts_of(name * repeat)
    for group in ([found[0]], [found[3]], found):
        (owed,) = envelopes(group, [], RULES, NOW)
        for message in (render(owed.envelope), render_plain(owed.envelope)):
            check_message(message)
            check_harmless(message)


@settings(deadline=None)
@given(st.text(st.characters(), max_size=200), st.integers(1, 120))
def test_escaped_text_fits_whole_escapes_only(text: str, limit: int) -> None:
    safe = escaped(text, limit)
    assert units(safe) <= max(limit, 1)
    assert not re.search(r"[<>`]|&(?!amp;|lt;|gt;)", safe)


def test_a_page_that_ends_its_own_link_is_no_link() -> None:
    for page in ("https://c.example/>x<!channel>", "javascript:alert(1)", "https://c.example/|x", "https://c example/"):
        (owed,) = envelopes(alerts_of("x")[:1], [], RULES, NOW, page=page)
        assert "Open the circuit" not in json.dumps(render(owed.envelope))


def test_a_command_is_shown_whole_or_not_at_all() -> None:
    (owed,) = envelopes(alerts_of("&" * 60)[:1], [], RULES, NOW)
    text = json.dumps(render(owed.envelope))
    shown = re.findall(r"`(cloudcircuit [^`]*)`", text)
    assert shown
    assert all("more" not in command for command in shown)
    (owed,) = envelopes(alerts_of("a`b")[:1], [], RULES, NOW)
    assert "cannot be copied" in json.dumps(render(owed.envelope))


# --- sending --------------------------------------------------------------------------------------------


def notifier(receiver: Receiver) -> SlackNotifier:
    return SlackNotifier("ops", receiver.secret, Real(), allow_http=True)


def failure(status: int, body: bytes, **headers: str) -> NotifyError:
    with http_receiver(says(status, body, **headers)) as receiver, pytest.raises(NotifyError) as caught:
        notifier(receiver).send(delivery("tripped"), Deadline(5))
    return caught.value


def test_ok_is_ok() -> None:
    with http_receiver(says(200, b"ok")) as receiver:
        notifier(receiver).send(delivery("tripped"), Deadline(5))
    (request,) = receiver.requests
    assert json.loads(request.body) == render(delivery("tripped").envelope)
    assert request.headers["Content-Type"] == "application/json"


def test_plain_when_the_delivery_says_so() -> None:
    from dataclasses import replace

    with http_receiver(says(200, b"ok\n")) as receiver:
        notifier(receiver).send(replace(delivery("tripped"), plain=True), Deadline(5))
    assert "blocks" not in json.loads(receiver.requests[0].body)


@pytest.mark.parametrize(
    ("status", "body", "fate"),
    [
        (400, b"invalid_blocks", "rejected"),
        (400, b"invalid_blocks_format", "rejected"),
        (400, b"invalid_payload", "rejected"),
        (400, b"no_text", "rejected"),
        (400, b"", "rejected"),
        (413, b"<html>too large</html>", "rejected"),
        (400, b"user_not_found", "permanent"),
        (400, b"channel_not_found", "permanent"),
        (403, b"invalid_token", "permanent"),
        (403, b"action_prohibited", "permanent"),
        (404, b"no_service", "permanent"),
        (404, b"no_team", "permanent"),
        (404, b"<html>not found</html>", "permanent"),
        (410, b"channel_is_archived", "permanent"),
        (401, b"", "permanent"),
        (301, b"", "permanent"),
        (429, b"rate_limited", "passing"),
        (500, b"rollup_error", "passing"),
        (503, b"<html>down</html>", "passing"),
        (200, b"<html>Welcome to Hotel WiFi</html>", "passing"),
        (200, b"", "passing"),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, fate: str) -> None:
    error = failure(status, body)
    assert (error.rejected, error.permanent) == (fate == "rejected", fate == "permanent")
    assert str(status) in str(error)
    assert "html" not in str(error), "what is no word of Slack's is not repeated"


def test_slack_s_word_and_retry_after_are_told() -> None:
    assert str(failure(404, b"no_service")) == "ops: Slack answered 404 no_service"
    assert failure(429, b"rate_limited", Retry_After="30").retry_after == 30.0


def test_a_check_posts_nothing_that_anybody_sees() -> None:
    with http_receiver(says(400, b"no_text")) as receiver:
        assert notifier(receiver).check(Deadline(5)) == "ops: Slack knows this webhook; nothing was posted"
    assert json.loads(receiver.requests[0].body) == {"text": ""}
    with http_receiver(says(404, b"no_service")) as receiver, pytest.raises(NotifyError, match="no_service"):
        notifier(receiver).check(Deadline(5))
