"""From what happened to what arrived: real notifiers, real sockets, a receiver that misbehaves."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import cast

import pytest
from standardwebhooks import Webhook

from cloudcircuit.engine.alerts import envelopes
from cloudcircuit.model import ChannelRule
from cloudcircuit.notifiers import SlackNotifier, WebhookNotifier
from cloudcircuit.ports import Notifier, Store
from cloudcircuit.service.deliver import Outbox
from tests.alerts.memory import Clock, MemoryStore
from tests.alerts.receivers import Real, Receiver, dozes, http_receiver, says, secret
from tests.alerts.situations import NOW, tripped

KEY = "whsec_" + base64.b64encode(b"thirty-two bytes of a test key!!").decode()
Answer = Callable[[BaseHTTPRequestHandler], None]


def in_turn(*answers: Answer) -> Answer:
    """One answer after the other; the last one stays."""
    left = list(answers)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(handler)

    return answer


def cut(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "20")
    handler.end_headers()
    handler.wfile.write(b"ok")


OK = says(200, b"ok")


class Bench:
    """An outbox with Slack first and a webhook behind it, both on loopback."""

    def __init__(self, slack: Receiver, hook: Receiver) -> None:
        self.clock = Clock()
        rules = {"ops": ChannelRule("ops", fallback="desk"), "desk": ChannelRule("desk")}
        self.store = MemoryStore(envelopes(tripped(), [], rules, NOW))
        notifiers: dict[str, Notifier] = {
            "ops": SlackNotifier("ops", slack.secret, Real(), allow_http=True),
            "desk": WebhookNotifier("desk", hook.secret, secret(KEY), Real()),
        }
        self.outbox = Outbox(cast(Store, self.store), notifiers, rules, self.clock, lambda: 0.0, seconds=0.5)

    def run(self, minutes: float = 5.0) -> None:
        for _ in range(int(minutes * 2)):
            while self.outbox.run_once():
                pass
            self.clock.pass_time(30)

    @property
    def row(self) -> tuple[str, str, str | None]:
        (row,) = self.store.rows.values()
        return row.state, row.channel, row.error


@pytest.mark.parametrize(
    "trouble",
    [
        (says(503),),
        (says(429, b"rate_limited", Retry_After="60"), says(500)),
        (dozes(2),),
        (cut,),
        (says(200, b"<html>portal</html>"),),
    ],
    ids=["503", "429-then-500", "hangs", "cut", "portal"],
)
def test_what_passes_is_told_in_the_end(trouble: tuple[Answer, ...]) -> None:
    with http_receiver(in_turn(*trouble, OK)) as slack, http_receiver(OK) as hook:
        bench = Bench(slack, hook)
        bench.run()
    assert bench.row == ("sent", "ops", None)
    assert len(slack.requests) == len(trouble) + 1
    assert len({request.body for request in slack.requests}) == 1, "the same message each time"
    assert hook.requests == []


def test_a_layout_that_slack_refuses_is_sent_plain() -> None:
    with http_receiver(in_turn(says(400, b"invalid_blocks"), OK)) as slack, http_receiver(OK) as hook:
        bench = Bench(slack, hook)
        bench.run(0.5)
    first, second = (json.loads(request.body) for request in slack.requests)
    assert bench.row == ("sent", "ops", None)
    assert "blocks" in first
    assert "blocks" not in second
    assert "AWS Glue costs $105.71 a day" in second["text"]


@pytest.mark.parametrize(
    "answer", [says(404, b"no_service"), says(410, b"channel_is_archived"), says(400, b"invalid_blocks"), says(307)]
)
def test_a_dead_channel_hands_over_with_the_id_and_a_signature(answer: Answer) -> None:
    with http_receiver(answer) as slack, http_receiver(OK) as hook:
        bench = Bench(slack, hook)
        bench.run(0.5)
    (request,) = hook.requests
    (row,) = bench.store.rows.values()
    assert bench.row == ("sent", "desk", None)
    assert request.headers["webhook-id"] == row.id
    assert Webhook(KEY).verify(request.body, request.headers)["id"] == row.id


def test_nobody_takes_it_and_everybody_can_see_that() -> None:
    with http_receiver(says(403, b"invalid_token")) as slack, http_receiver(says(410)) as hook:
        bench = Bench(slack, hook)
        bench.run(0.5)
    assert bench.row == ("failed", "desk", "desk: the receiver answered 410")
    assert (len(slack.requests), len(hook.requests)) == (1, 1)
