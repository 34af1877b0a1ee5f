from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from cloudcircuit.clock import Deadline, FixedClock
from cloudcircuit.errors import ConfigError, NotifyError, Problem
from cloudcircuit.model import Secret
from cloudcircuit.notifiers import WebhookNotifier
from cloudcircuit.notifiers.webhook import render
from cloudcircuit.ports import Clock
from tests.alerts.hostile import NASTY, deliveries_of
from tests.alerts.receivers import Real, Receiver, http_receiver, says, secret
from tests.alerts.situations import NAMES, delivery

KEY = "whsec_" + base64.b64encode(b"thirty-two bytes of a test key!!").decode()


@contextmanager
def receiving(
    status: int = 200, clock: Clock | None = None, key: str | None = KEY
) -> Iterator[tuple[Receiver, WebhookNotifier]]:
    with http_receiver(says(status, b"")) as receiver:
        yield receiver, WebhookNotifier("hook", receiver.secret, secret(key) if key else None, clock or Real())


@pytest.mark.parametrize("name", NAMES)
def test_a_receiver_can_verify_every_message(name: str) -> None:
    owed = delivery(name)
    with receiving() as (receiver, hook):
        hook.send(owed, Deadline(5))
    (request,) = receiver.requests
    assert Webhook(KEY).verify(request.body, request.headers) == json.loads(json.dumps(owed.envelope))
    assert request.headers["webhook-id"] == owed.id
    assert request.headers["Content-Type"] == "application/json; charset=utf-8"


def test_a_changed_body_does_not_verify() -> None:
    with receiving() as (receiver, hook):
        hook.send(delivery("tripped"), Deadline(5))
    (request,) = receiver.requests
    with pytest.raises(WebhookVerificationError):
        Webhook(KEY).verify(request.body.replace(b"105.71", b"5.71"), request.headers)


def test_a_retry_has_the_same_id_and_body_and_its_own_time() -> None:
    start = datetime.now(UTC) - timedelta(minutes=2)
    clock = FixedClock(start)
    with receiving(clock=clock) as (receiver, hook):
        hook.send(delivery("tripped"), Deadline(5))
        clock.at = start + timedelta(minutes=1)
        hook.send(delivery("tripped"), Deadline(5))
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 60
    for request in (first, second):
        Webhook(KEY).verify(request.body, request.headers)


def test_a_clock_in_another_zone_signs_the_same_instant() -> None:
    clock = FixedClock(datetime.now(timezone(timedelta(hours=-7))))
    with receiving(clock=clock) as (receiver, hook):
        hook.send(delivery("tripped"), Deadline(5))
    Webhook(KEY).verify(receiver.requests[0].body, receiver.requests[0].headers)


def test_without_a_secret_nothing_is_signed() -> None:
    with receiving(key=None) as (receiver, hook):
        hook.send(delivery("tripped"), Deadline(5))
        assert "not signed" in hook.check(Deadline(5))
    assert "webhook-signature" not in receiver.requests[0].headers
    assert receiver.requests[0].headers["webhook-id"].startswith("msg_")


@pytest.mark.parametrize("key", ["whsec_", "whsec_a", "", "plain-password", "whsec_äöü", "whsec_" + "A" * 5])
def test_a_secret_of_another_form_is_told_without_it(key: str) -> None:
    with http_receiver(says(200)) as receiver, pytest.raises(NotifyError) as caught:
        WebhookNotifier("hook", receiver.secret, secret(key), Real()).send(delivery("tripped"), Deadline(5))
    assert str(caught.value) == "hook: its secret is not whsec_ and base64"
    assert caught.value.permanent
    assert receiver.requests == []


def test_a_secret_that_is_not_there_may_come_back() -> None:
    def missing() -> str:
        raise ConfigError((Problem("notifiers.hook.secret", "not set"),))

    hook = WebhookNotifier("hook", secret("http://127.0.0.1:1/"), Secret("env:HOOK_KEY", missing), Real())
    with pytest.raises(NotifyError, match=r"hook: its secret is not there \(env:HOOK_KEY\)") as caught:
        hook.send(delivery("tripped"), Deadline(5))
    assert not caught.value.permanent


@pytest.mark.parametrize(
    ("status", "fate"),
    [(400, "rejected"), (413, "rejected"), (422, "rejected")]
    + [(status, "permanent") for status in (401, 403, 404, 405, 410, 302, 418)]
    + [(status, "passing") for status in (408, 425, 429, 500, 502, 503, 599)],
)
def test_what_a_status_means(status: int, fate: str) -> None:
    with receiving(status) as (_, hook), pytest.raises(NotifyError) as caught:
        hook.send(delivery("tripped"), Deadline(5))
    error = caught.value
    assert (error.rejected, error.permanent) == (fate == "rejected", fate == "permanent")
    assert f"answered {status}" in str(error)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_is_one(status: int) -> None:
    with receiving(status) as (receiver, hook):
        hook.send(delivery("tripped"), Deadline(5))
    assert len(receiver.requests) == 1


def test_a_check_sends_nothing() -> None:
    with receiving(405) as (receiver, hook):
        assert hook.check(Deadline(5)) == "hook: reached (it answered 405; nothing was sent); messages are signed"
    assert [(r.method, r.body) for r in receiver.requests] == [("HEAD", b"")]


def test_a_receiver_that_refuses_the_whole_gets_its_beginning() -> None:
    with receiving() as (receiver, hook):
        hook.send(replace(delivery("digest_of_25"), plain=True), Deadline(5))
    body = Webhook(KEY).verify(receiver.requests[0].body, receiver.requests[0].headers)
    assert (len(body["alerts"]), body["counts"]["alerts"], body["short"]) == (20, 25, True)
    assert body["alerts"][0]["title"] == "AWS Glue costs $105.71 a day instead of $53.02 since 10 October (tripped)"
    short = json.loads(render(delivery("source_blind").envelope, short=True))
    assert short["event"]["text"].startswith("Nothing new for 75 hours")


@pytest.mark.parametrize("name", NASTY, ids=[repr(name[:12]) for name in NASTY])
def test_hostile_names_are_valid_json_of_a_sane_size(name: str) -> None:
    for owed in deliveries_of(name):
        for short in (False, True):
            text = render(owed.envelope, short=short)
            text.encode("utf-8")
            assert "\0" not in text
            assert "\\u0000" not in text
            assert len(text) < 100_000 * max(1, len(owed.envelope["alerts"]))
            assert json.loads(text)["id"] == owed.id
