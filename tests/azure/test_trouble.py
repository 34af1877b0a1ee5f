"""Azure in trouble: throttling, failures that pass and failures that do not, servers that mean harm."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
import requests
import trustme

from cloudcircuit.clock import Deadline
from cloudcircuit.testing.context import MemoryMeter
from cloudcircuit.wire import WholeAnswers, mount
from cloudcircuit_azure import client
from tests.azure.build import by_day, fetch, open_source, query, refusal
from tests.azure.fake import SECRET, TENANT, TOKEN, Fake, Reply, error, spend

OWN = "x-ms-ratelimit-microsoft.costmanagement-"


@pytest.fixture
def bill(azure: Fake) -> Fake:
    azure.table = [spend("2026-03-02", 1)]
    return azure


@contextmanager
def took(at_least: float, at_most: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert at_least <= time.monotonic() - started <= at_most


# --- throttling -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["qpu", "entity", "tenant", "client", "clienttype"])
def test_a_429_with_only_the_vendors_header_is_waited_for(bill: Fake, name: str) -> None:
    bill.script = [Reply(429, b"{}", {f"{OWN}{name}-retry-after": "1"})]
    with took(1, 5):
        assert by_day(fetch(bill)) == {date(2026, 3, 2): 1}
    assert len(bill.queries) == 3


def test_the_longest_of_all_headers_is_kept_to(bill: Fake) -> None:
    bill.script = [
        Reply(429, b"{}", {"Retry-After": "1", f"{OWN}qpu-retry-after": "2", f"{OWN}entity-retry-after": "0"})
    ]
    with took(2, 6):
        fetch(bill)


def test_a_wait_beyond_the_deadline_is_handed_on_at_once(bill: Fake) -> None:
    bill.script = [error(429, "429", "Too many requests. Please retry.", Retry_After="3000")]
    with took(0, 3):
        found = refusal(bill, seconds=60)
    assert found.retry_after == 3000
    assert not found.permanent
    assert "Too many requests. Please retry." in str(found)
    assert len(bill.queries) == 1


def test_other_sources_wait_as_well(bill: Fake) -> None:
    bill.script = [Reply(429, b"{}", {"Retry-After": "3000"})]
    refusal(bill, seconds=20)
    found = refusal(bill, seconds=5, scope="providers/Microsoft.Management/managementGroups/other")
    assert found.retry_after == pytest.approx(3000, abs=20)
    assert len(bill.queries) == 1


def test_a_429_without_any_header_is_backed_off_from(bill: Fake) -> None:
    bill.script = [Reply(429)]
    found = refusal(bill, seconds=3)
    assert found.retry_after == 5
    assert len(bill.queries) == 1


def test_a_throttling_that_does_not_end_is_given_up(bill: Fake) -> None:
    bill.script = [Reply(429, b"{}", {"Retry-After": "0"})] * 20
    with took(7, 30):  # 1, 2, 4 and what the login takes
        found = refusal(bill, seconds=14)
    assert len(bill.queries) <= 5
    assert found.retry_after


# --- failures that pass ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        error(500, "500", "An error occurred."),
        error(503, "ServiceUnavailable", "busy", Retry_After="1"),
        error(504, "GatewayTimeout"),
        Reply(200, b'{"properties": {"columns"', cut=5),
        Reply(200, b"not gzip", {"Content-Encoding": "gzip"}),
    ],
)
def test_what_passes_is_tried_again(bill: Fake, trouble: Reply) -> None:
    bill.script = [trouble]
    meter = MemoryMeter()
    source = open_source(bill, meter=meter)
    report = source.fetch(query(), Deadline(20))
    source.close()
    assert by_day(report) == {date(2026, 3, 2): 1}
    assert report.cost.requests == meter.spent.requests == len(bill.queries) == 3


def test_a_storm_ends_with_the_deadline(bill: Fake) -> None:
    bill.script = [error(503, "ServiceUnavailable", "busy")] * 50
    with took(0, 5):
        found = refusal(bill, seconds=4)
    assert "Azure has trouble of its own (HTTP 503): ServiceUnavailable: busy" in str(found)
    assert not found.permanent
    assert found.retry_after is None
    assert len(bill.queries) <= 3


def test_a_refused_connection(bill: Fake) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = refusal(bill, endpoint=f"https://localhost:{port}", seconds=3)
    assert "refuses connections" in str(found)
    assert not found.permanent


def test_a_name_that_is_none(bill: Fake) -> None:
    found = refusal(bill, endpoint="https://azure.invalid", seconds=2)
    assert "cannot be resolved" in str(found)
    assert not found.permanent


def test_a_certificate_that_nobody_vouches_for(bill: Fake, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other.pem"))
    found = refusal(bill, seconds=10)
    assert "login to Azure failed" in str(found)
    assert not bill.queries


def test_nothing_is_asked_when_the_deadline_has_passed(bill: Fake) -> None:
    assert "deadline passed" in str(refusal(bill, seconds=0))
    assert not bill.calls


# --- failures that do not -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "says", "permanent"),
    [
        (error(400, "BadRequest", "Invalid query"), "refused the query on billing account /providers", True),
        (error(400, "BadRequest", "Invalid type 'AmortizedCost'"), "set amortized = false", True),
        (error(401, "InvalidAuthenticationToken", "expired"), "does not accept the login", True),
        (error(403, "RBACAccessDenied", "no"), '"Cost Management Reader"', True),
        (error(403, "RBACAccessDenied", "no"), '"view charges"', True),
        (error(404, "NotFound", "no"), "knows no billing account /providers/Microsoft.Billing/billingAccounts", True),
        (error(409, "Conflict", "later"), "cannot answer for", False),
        (error(424, "FailedDependency", "offerType: None"), "HTTP 424): FailedDependency: offerType: None", False),
        (error(418), "HTTP 418", False),
        (Reply(302, b"", {"Location": "https://evil.example/"}), "redirects are not followed", True),
        (Reply(307, b"", {"Location": "/elsewhere"}), "redirects are not followed", True),
        (error(409, "MissingSubscriptionRegistration", "The 'Microsoft.X' is not registered"), "cannot answer", False),
        (Reply(403, b"\xff\xfe<html>"), "may not read costs", True),
        (Reply(403, b"[" * 90_000), "may not read costs", True),
        (Reply(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}), "no whole JSON", False),
    ],
)
def test_what_azure_refuses_says_what_to_do(bill: Fake, reply: Reply, says: str, permanent: bool) -> None:
    bill.script = [reply]
    found = refusal(bill)
    assert says in str(found)
    assert found.permanent is permanent
    assert found.__cause__ is None or "JSON" in str(found)
    assert len(bill.queries) == 1, "it is not tried again, followed or registered"
    assert {command for command, _ in bill.calls} <= {"GET", "POST"}
    assert "evil" not in str(found)


def test_texts_from_outside_are_cut_and_printable(bill: Fake) -> None:
    bill.script = [error(400, "Bad\x1b[31m\r\nRequest", "x" * 5000)]
    text = str(refusal(bill))
    assert text.isprintable()
    assert len(text) < 700


# --- the login ------------------------------------------------------------------------------------------


def test_a_wrong_secret_is_told_in_entras_words_and_without_the_secret(
    bill: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong-one~1")
    found = refusal(bill)
    assert "AADSTS7000215: Invalid client secret provided" in str(found)
    assert found.permanent
    assert "wrong-one" not in str(found)
    assert not bill.queries


def test_no_login_at_all_says_where_one_comes_from(bill: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_CLIENT_SECRET")
    found = refusal(bill)
    assert "no login to Azure was found: set AZURE_TENANT_ID" in str(found)
    assert found.permanent


@pytest.mark.parametrize(
    "reply", [Reply(500, b"oops"), Reply(200, b"<html>"), Reply(200, b"{}"), Reply(200, b"[]"), Reply(429)]
)
def test_a_login_in_trouble_is_no_refused_one(bill: Fake, reply: Reply) -> None:
    bill.login = [reply] * 3
    found = refusal(bill, seconds=10)
    assert "login" in str(found)
    assert not found.permanent


def test_a_program_that_logs_in_does_not_outlive_the_deadline(
    bill: Fake, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "az"
    tool.write_text("#!/bin/sh\nexec sleep 8\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    with took(0.9, 4):
        found = refusal(bill, seconds=1)
    assert "in time" in str(found)


def test_a_token_that_expires_on_the_way(bill: Fake) -> None:
    bill.script = [None, error(401, "ExpiredAuthenticationToken", "The access token has expired.")]
    found = refusal(bill)
    assert "ExpiredAuthenticationToken" in str(found)
    assert len(bill.queries) == 2


# --- servers that mean harm -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [Reply(drip=0.2), Reply(drip=0.2, drip_head=True), Reply(status=500, drip=0.2)],
    ids=["body", "head", "500"],
)
def test_one_byte_now_and_then_does_not_outlive_the_deadline(bill: Fake, reply: Reply) -> None:
    bill.script = [reply]
    before = set(threading.enumerate())
    with took(1.4, 3):
        found = refusal(bill, seconds=1.5)
    assert "no answer in time" in str(found)
    assert not found.permanent
    pause = threading.Event()
    for _ in range(50):
        if not any(thread.name == "cloudcircuit-wire" for thread in {*threading.enumerate()} - before):
            break
        pause.wait(0.05)
    else:
        raise AssertionError("a request goes on")


def test_a_login_that_drips_does_not_either(bill: Fake) -> None:
    bill.login = [Reply(drip=0.2)]
    with took(1, 3):
        found = refusal(bill, seconds=1.2)
    assert "in time" in str(found)


def test_a_shorter_wait_for_a_connection_is_kept_to() -> None:
    """Some logins try whether anybody is there: that may not take the whole deadline."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
        for _ in range(3):  # nobody accepts, so these are all there is room for
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        session = stack.enter_context(mount(requests.Session(), WholeAnswers(Deadline(20), 2**20)))
        with took(0.2, 5), pytest.raises(requests.ConnectTimeout):
            session.get(f"http://127.0.0.1:{full.getsockname()[1]}", timeout=(0.3, 20))


@pytest.mark.parametrize("packed", [False, True])
def test_a_body_without_end_is_not_kept(bill: Fake, packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_BYTES", 2**20)
    body = b" " * 2**22
    headers = {"Content-Encoding": "gzip"} if packed else {}
    bill.script = [Reply(200, gzip.compress(body) if packed else body, headers)]
    found = refusal(bill)
    assert "larger than" in str(found)
    assert len(bill.queries) == 1


def test_a_packed_answer_is_unpacked(bill: Fake) -> None:
    found = bill.answer("/x", {"api-version": ["1"]}, _body_of(bill))
    bill.script = [Reply(200, gzip.compress(json.dumps(found).encode()), {"Content-Encoding": "gzip"})]
    assert by_day(fetch(bill, amortized=False)) == {date(2026, 3, 2): 1}


def _body_of(fake: Fake) -> dict[str, Any]:
    fetch(fake, amortized=False)
    return fake.queries[-1]


def test_no_secret_is_in_any_error(bill: Fake) -> None:
    """Nor in its causes, as a traceback would show them."""
    replies = [
        error(401, "x", TOKEN),
        error(403, "y", SECRET),
        Reply(200, TOKEN.encode()),
        Reply(200, b"", cut=0, drip=0.2),
        error(500, "z", "no"),
    ]
    for reply in replies:
        bill.script = [reply] * 6
        found: BaseException | None = refusal(bill, seconds=1.5)
        while found is not None:
            # What Azure itself says is told; a token it has no reason to say.
            text = repr(found).replace(f": x: {TOKEN}", "").replace(f": y: {SECRET}", "")
            assert TOKEN not in text
            assert SECRET not in text
            assert "Bearer" not in text
            found = found.__cause__ or found.__context__
    assert TENANT not in text
