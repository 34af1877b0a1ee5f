"""A URL or a signing secret never shows: in an error, its traceback with all locals, a log, or a delivery's record."""

from __future__ import annotations

import logging
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import pytest
import structlog

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import NotifyError
from cloudcircuit.model import ChannelRule, Secret
from cloudcircuit.notifiers import SlackNotifier, WebhookNotifier
from cloudcircuit.ports import Notifier, Store
from cloudcircuit.service.deliver import Outbox
from tests.alerts.memory import Clock, MemoryStore
from tests.alerts.receivers import Real, drips, http_receiver, raw_receiver, says, secret, utters
from tests.alerts.situations import delivery

TOKENS = ("tok3n", "s3cret-part", "hooks.example")
KEY = "whsec_czNjcmV0LXBhcnQ="
BROKEN_HEADERS = b"HTTP/1.1 404 Not Found\r\nX: y\r\nbroken header line\r\n : z\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def urls() -> Iterator[dict[str, str]]:
    """A URL for each way in which sending can fail."""
    with ExitStack() as stack:

        def raw(talk: Callable[[socket.socket], None]) -> str:
            return stack.enter_context(raw_receiver(talk)).url

        def web(status: int, body: bytes, **headers: str) -> str:
            return stack.enter_context(http_receiver(says(status, body, **headers))).url

        with socket.create_server(("127.0.0.1", 0)) as closed:
            refused = f"http://127.0.0.1:{closed.getsockname()[1]}/tok3n"
        yield {
            "404": web(404, b"no_service tok3n"),
            "400": web(400, b"tok3n"),
            "429": web(429, b"", Retry_After="5"),
            "500": web(500, b""),
            "redirect": web(302, b"", Location="http://127.0.0.1/tok3n"),
            "broken headers": raw(utters(BROKEN_HEADERS)),
            "cut": raw(utters(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\no")),
            "not http": raw(utters(b"tok3n\r\n")),
            "slow": raw(drips(b"HTTP/1.1 200 OK\r\n", 0.3)),
            "refused": refused,
            "no tls": refused.replace("http://", "https://"),
            "not a url": "tok3n hooks.example",
            "bad port": "https://hooks.example:99999/tok3n",
            "bad host": "https://[tok3n",
            "metadata": "https://169.254.169.254/tok3n",
            "other scheme": "gopher://hooks.example/tok3n",
            "user": "https://user:tok3n@169.254.169.254/",
            "newline": "https://hooks.example/\r\nX: tok3n",
        }


def slack(url: Secret) -> Notifier:
    return SlackNotifier("ops", url, Real(), allow_http=True)


def webhook(url: Secret) -> Notifier:
    return WebhookNotifier("ops", url, secret(KEY), Real())


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("urllib3"):
            caplog.set_level(logging.DEBUG, logger=name)
    return caplog


@pytest.mark.parametrize("make", [slack, webhook])
def test_no_error_and_no_log_holds_a_url_or_a_secret(
    make: Callable[[Secret], Notifier], log: pytest.LogCaptureFixture
) -> None:
    with urls() as all_of_them:
        for case, url in all_of_them.items():
            for act in ("send", "check"):
                error = provoke(make(secret(url)), act)
                if error is not None:
                    check(error, case)
    assert_clean("\n".join(record.getMessage() + str(record.exc_info) for record in log.records), "log")


def provoke(notifier: Notifier, act: str) -> NotifyError | None:
    try:
        if act == "send":
            notifier.send(delivery("tripped"), Deadline(1.0))
        else:
            notifier.check(Deadline(1.0))
    except NotifyError as error:
        return error
    return None


def check(error: NotifyError, case: str) -> None:
    assert error.__cause__ is None, case
    assert error.__context__ is None, case
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert_clean("".join(report.format()), case)
    assert_clean(repr(vars(error)), case)


def assert_clean(text: str, where: str) -> None:
    for token in (*TOKENS, KEY, "s3cret"):
        assert token not in text, f"{where}: {token}"


def test_a_secret_that_cannot_sign_does_not_show() -> None:
    key, url = (secret("".join(parts)) for parts in (("s3c", "ret-part"), ("https://hooks.exam", "ple/tok", "3n")))
    notifier = WebhookNotifier("ops", url, key, Real())
    with pytest.raises(NotifyError) as caught:
        notifier.send(delivery("tripped"), Deadline(1))
    check(caught.value, "signing")


def test_what_others_log_comes_back_when_we_have_sent(log: pytest.LogCaptureFixture) -> None:
    """urllib3 is silenced while we send, and for us alone."""
    with http_receiver(says(200, b"ok")) as receiver:
        slack(receiver.secret).send(delivery("tripped"), Deadline(5))
    logging.getLogger("urllib3.connectionpool").debug("somebody else's request")
    assert [record.getMessage() for record in log.records if record.name.startswith("urllib3")] == [
        "somebody else's request"
    ]


def test_no_record_of_a_delivery_holds_one() -> None:
    lines: list[Any] = []

    def keep(_logger: Any, _name: str, line: Any) -> str:
        lines.append(dict(line))
        return ""

    structlog.configure(processors=[keep])
    try:
        with urls() as all_of_them:
            for url in all_of_them.values():
                store = MemoryStore([delivery("tripped")])
                Outbox(
                    cast(Store, store),
                    {"ops": webhook(secret(url))},
                    {"ops": ChannelRule("ops")},
                    Clock(),
                    lambda: 0.0,
                    seconds=1.0,
                ).run_once()
                (row,) = store.rows.values()
                assert_clean(f"{row.error} {row.channel} {row.state}", "record")
                assert row.error
    finally:
        structlog.reset_defaults()
    assert len(lines) >= 18
    assert_clean(repr(lines), "log")


def test_values_that_hold_a_url_print_without_it() -> None:
    from cloudcircuit.notifiers.target import Target

    assert_clean(repr(Target("ops", secret("https://hooks.example/tok3n"), Real())), "repr")
    assert_clean(repr(vars(slack(secret("https://hooks.example/tok3n")))), "repr")
