"""docs/alerts.md says what is sent, key for key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.engine import backoff
from cloudcircuit.engine.payload import LONGEST_TEXT
from cloudcircuit.model import AlertKind
from cloudcircuit.notifiers import WebhookNotifier
from cloudcircuit.notifiers.http import MOST_BYTES
from cloudcircuit.notifiers.slack import LARGEST
from tests.alerts.receivers import Real, http_receiver, says, secret
from tests.alerts.situations import NAMES, delivery

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
KEY = "whsec_" + base64.b64encode(b"thirty-two bytes of a test key!!").decode()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_the_whole_message_is_what_is_sent() -> None:
    sent = json.loads(json.dumps(delivery("tripped").envelope))
    for alert in sent["alerts"]:
        alert["series"] = alert["series"][-3:]
    assert json.loads(block("json")) == sent


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_documented(name: str) -> None:
    words = set(re.findall(r"`([a-z_]+)`", PAGE))
    free = {"dimensions", "kinds", "budget", "anomaly", "breaker", "burn_rate", "forecast"}  # keys of their own
    assert set(keys_of(dict(delivery(name).envelope), free)) <= words


def keys_of(value: Any, free: set[str]) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            if key not in free:
                yield from keys_of(item, free)
    elif isinstance(value, list):
        for item in value:
            yield from keys_of(item, free)


def test_every_kind_is_documented() -> None:
    assert {kind.value for kind in AlertKind} <= set(re.findall(r"`([a-z_]+)`", PAGE.partition("## How it arrives")[0]))


def test_the_six_lines_verify_a_message() -> None:
    with http_receiver(says(200)) as receiver:
        WebhookNotifier("hook", receiver.secret, secret(KEY), Real()).send(delivery("tripped"), Deadline(5))
    (request,) = receiver.requests
    assert len(block("python").splitlines()) == 6
    assert verify(request.body, request.headers)["id"] == delivery("tripped").id
    assert verify(request.body + b" ", request.headers) is None
    assert verify(request.body, {**request.headers, "webhook-timestamp": "1"}) is None


def verify(body: bytes, headers: dict[str, str]) -> Any:
    modules = {"base64": base64, "hashlib": hashlib, "hmac": hmac, "json": json, "time": time}
    scope: dict[str, Any] = {**modules, "secret": KEY, "body": body, "headers": headers}
    exec(block("python"), scope)
    return scope["envelope"]


def test_the_numbers_on_the_page() -> None:
    assert (backoff.FIRST, backoff.LONGEST, backoff.LONGEST_ASKED) == (30.0, 3600.0, 86_400.0)
    assert (LARGEST, LONGEST_TEXT, MOST_BYTES) == (20, 1000, 64 * 1024)
    assert "after 30 s, 1 min, 2 min … up to\n  once an hour" in PAGE
