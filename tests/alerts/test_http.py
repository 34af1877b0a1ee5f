from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
import trustme
import urllib3.exceptions

from cloudcircuit.clock import Deadline, FixedClock
from cloudcircuit.errors import ConfigError, NotifyError, Problem
from cloudcircuit.model import Secret
from cloudcircuit.notifiers import connect, http
from cloudcircuit.notifiers.addresses import Refused, is_loopback, refuse
from cloudcircuit.notifiers.http import MOST_BYTES, parse_retry_after, post, reach
from cloudcircuit.notifiers.target import Answer, Target, raise_for_passing
from tests.alerts.receivers import (
    BOMB,
    dozes,
    drips,
    http_receiver,
    raw_receiver,
    says,
    secret,
    utters,
)

BODY = b'{"a": 1}'
CLOCK = FixedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


def target(url: Secret, **more: object) -> Target:
    return Target("hook", url, CLOCK, **more)  # type: ignore[arg-type]  # any option of a target


def send(url: Secret, seconds: float = 5.0, **more: object) -> Answer:
    return post(target(url, **more), BODY, {"X-Test": "1"}, Deadline(seconds))


def failure(url: Secret, seconds: float = 5.0, **more: object) -> NotifyError:
    with pytest.raises(NotifyError) as caught:
        send(url, seconds, **more)
    return caught.value


# --- well-behaved ---------------------------------------------------------------------------------------


def test_a_post_arrives_whole() -> None:
    with http_receiver(says(200, b"thanks")) as receiver:
        answer = send(receiver.secret)
    (request,) = receiver.requests
    assert answer == Answer(200, b"thanks", None)
    assert (request.method, request.path, request.body) == ("POST", "/services/T0/B0/tok3n", BODY)
    assert (request.headers["X-Test"], request.headers["User-Agent"]) == ("1", "CloudCircuit")
    assert request.headers["Accept-Encoding"] == "identity"


def test_reaching_sends_nothing() -> None:
    with http_receiver(says(405)) as receiver:
        assert reach(target(receiver.secret), Deadline(5)).status == 405
    assert [(r.method, r.body) for r in receiver.requests] == [("HEAD", b"")]


def test_a_secret_file_that_ends_in_a_newline_is_fine() -> None:
    with http_receiver(says(200)) as receiver:
        assert send(secret(receiver.url + "\n")).status == 200


@pytest.mark.parametrize(("status", "passes"), [(408, True), (429, True), (500, True), (503, True), (404, False)])
def test_which_statuses_pass(status: int, passes: bool) -> None:
    answer = Answer(status, b"", 7.0)
    if not passes:
        raise_for_passing("hook", answer)
        return
    with pytest.raises(NotifyError) as caught:
        raise_for_passing("hook", answer)
    error = caught.value
    assert (error.permanent, error.rejected, error.retry_after) == (False, False, 7.0)
    assert str(error) == f"hook: the receiver answered {status}"


# --- Retry-After ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("1.5", 1.5),
        ("99999999999", 366 * 86400.0),
        (format_datetime(CLOCK.at + timedelta(minutes=5), usegmt=True), 300.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 366 * 86400.0),
        (None, None),
        ("-5", None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("٣", None),
        ("9" * 400, 366 * 86400.0),
        ("Sun, 99 Mar 2026 99:00:00 GMT", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, CLOCK.at) == seconds


def test_retry_after_comes_with_the_answer() -> None:
    with http_receiver(says(429, b"", Retry_After="17")) as receiver:
        assert send(receiver.secret).retry_after == 17.0


# --- hostile --------------------------------------------------------------------------------------------


def test_a_redirect_is_not_followed_and_its_body_is_not_read() -> None:
    with http_receiver(says(200)) as inner:
        for status in (301, 302, 303, 307, 308):
            with http_receiver(says(status, b"x" * 10_000_000, Location=inner.url)) as receiver:
                error = failure(receiver.secret)
            assert str(error) == f"hook: the receiver answered {status}; redirects are not followed"
            assert error.permanent
        assert inner.requests == []


def test_a_redirect_that_leads_nowhere_is_one_all_the_same() -> None:
    with http_receiver(says(302, b"", Location="http://[broken")) as receiver:
        assert failure(receiver.secret).permanent


def test_a_receiver_that_hangs_ends_with_the_deadline() -> None:
    with http_receiver(dozes(10)) as receiver:
        error = timed(0.5, lambda: failure(receiver.secret, 0.5))
    assert str(error) == "hook: no answer in time"
    assert not error.permanent


SLOW = {
    "status line": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: 1\r\n" * 90,
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"o" * 1000,
}


@pytest.mark.parametrize("where", SLOW)
def test_a_byte_at_a_time_does_not_extend_the_deadline(where: str) -> None:
    skip = SLOW[where].index(b"\r\n\r\n") + 4 if where == "body" else 0

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(SLOW[where][:skip])
        drips(SLOW[where][skip:])(connection)

    with raw_receiver(talk) as receiver:
        error = timed(0.6, lambda: failure(receiver.secret, 0.6))
    assert str(error) == "hook: no answer in time"


def test_a_receiver_that_does_not_read_ends_with_the_deadline() -> None:
    with raw_receiver(idle) as receiver:
        began = time.monotonic()
        with pytest.raises(NotifyError, match="no answer in time"):
            post(target(receiver.secret), b"x" * 50_000_000, {}, Deadline(0.6))
        assert time.monotonic() - began < 2.6


def idle(_connection: socket.socket) -> None:
    threading.Event().wait(1.2)


def timed(limit: float, work: Callable[[], NotifyError]) -> NotifyError:
    began = time.monotonic()
    error = work()
    assert limit * 0.8 <= time.monotonic() - began < limit + 2
    return error


def test_a_huge_body_is_read_up_to_a_cap() -> None:
    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(b"x" * 100_000)

    with http_receiver(pour) as receiver:
        assert send(receiver.secret).body == b"x" * MOST_BYTES


def test_a_gzip_bomb_does_not_go_off() -> None:
    with http_receiver(says(200, BOMB, Content_Encoding="gzip")) as receiver:
        body = send(receiver.secret).body
    assert len(body) <= MOST_BYTES
    assert body == BOMB[:MOST_BYTES]


CUT = "hook: the connection was cut before the answer was whole"


@pytest.mark.parametrize(
    ("bytes_", "text"),
    [
        (b"", CUT),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok", CUT),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", CUT),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "hook: the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70000, "hook: the answer is not HTTP"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "hook: the answer is not HTTP"),
    ],
)
def test_answers_that_are_cut_or_are_none(bytes_: bytes, text: str) -> None:
    with raw_receiver(utters(bytes_)) as receiver:
        error = failure(receiver.secret)
    assert str(error) == text
    assert not error.permanent


def test_connection_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(secret(f"http://127.0.0.1:{port}/tok3n"))
    assert (str(error), error.permanent) == ("hook: connection refused", False)


def test_a_name_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failure(secret("https://hooks.example/tok3n"))
    assert (str(error), error.permanent) == ("hook: its name cannot be resolved", False)


def test_a_resolver_that_hangs_ends_with_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: threading.Event().wait(1) or [])
    assert str(timed(0.4, lambda: failure(secret("http://localhost/tok3n"), 0.4))) == "hook: no answer in time"


# --- where no message goes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
    ],
)
def test_addresses_that_are_refused(address: str) -> None:
    with pytest.raises(Refused):
        refuse(ip_address(address))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "192.168.0.5", "fd12::1", "1.1.1.1", "2606:4700::1111"])
def test_addresses_that_are_not(address: str) -> None:
    refuse(ip_address(address))


@pytest.mark.parametrize(("address", "local"), [("::1", True), ("64:ff9b::7f00:1", True), ("10.0.0.1", False)])
def test_what_is_this_machine(address: str, local: bool) -> None:
    assert is_loopback(ip_address(address)) is local


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "0xa9.0xfe.0xa9.0xfe", "[::ffff:a9fe:a9fe]"])
def test_the_metadata_service_is_refused_however_it_is_written(host: str) -> None:
    error = failure(secret(f"https://{host}/latest/tok3n"), 2)
    assert error.permanent
    assert str(error) == "hook: its address is link-local or reserved; no message goes there"


def test_a_name_that_leads_to_the_metadata_service_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked up once, and what was checked is what is connected to: it cannot lead elsewhere in between."""
    asked = []

    def rebind(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        where = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (where, port))]

    with http_receiver(says(200)) as receiver:
        monkeypatch.setattr(socket, "getaddrinfo", rebind)
        url = secret(receiver.url.replace("127.0.0.1", "rebind.example"))
        assert send(url).status == 200
        assert failure(url).permanent
    assert asked == ["rebind.example", "rebind.example"]
    assert len(receiver.requests) == 1


def test_http_leads_to_this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "is_loopback", lambda _: False)
    with http_receiver(says(200)) as receiver:
        error = failure(receiver.secret)
        assert receiver.requests == []
        assert send(receiver.secret, allow_http=True).status == 200
    assert error.permanent
    assert str(error) == "hook: http:// is for this machine alone; use https://, or set allow_http = true"


def test_slack_wants_tls_even_here() -> None:
    with http_receiver(says(200)) as receiver:
        assert str(failure(receiver.secret, tls_only=True)) == "hook: its URL must begin with https://"
        assert send(receiver.secret, tls_only=True, allow_http=True).status == 200


@pytest.mark.parametrize("url", ["", "hooks.example/tok3n", "ftp://hooks.example/tok3n", "https://", "https://[::1"])
def test_what_is_not_a_url_is_permanent(url: str) -> None:
    error = failure(secret(url))
    assert error.permanent
    assert "tok3n" not in str(error)


def test_a_url_that_is_not_there_names_its_reference_alone() -> None:
    def missing() -> str:
        raise ConfigError((Problem("notifiers.hook.url", "OPS_URL is not set"),))

    error = failure(Secret("env:OPS_URL", missing))
    assert (str(error), error.permanent) == ("hook: its URL is not there (env:OPS_URL)", False)


# --- TLS and proxies ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


def server_side(authority: trustme.CA, *names: str, **more: object) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **more).configure_cert(context)  # type: ignore[arg-type]  # its own options
    return context


def test_tls_with_an_authority_of_ones_own(authority: trustme.CA, bundle: Path) -> None:
    with http_receiver(says(200), tls=server_side(authority, "localhost")) as receiver:
        assert send(receiver.secret, tls_only=True, ca_file=bundle).status == 200


def test_certificates_that_cannot_be_trusted(authority: trustme.CA, bundle: Path) -> None:
    past = datetime.now(UTC) - timedelta(days=2)
    cases = [
        (server_side(authority, "localhost"), None, "is signed by an unknown authority"),
        (server_side(trustme.CA(), "localhost"), bundle, "is signed by an unknown authority"),
        (server_side(authority, "other.example"), bundle, "is for another name"),
        (server_side(authority, "localhost", not_before=past, not_after=past), bundle, "has expired"),
    ]
    for context, ca_file, text in cases:
        with http_receiver(says(200), tls=context) as receiver:
            error = failure(receiver.secret, ca_file=ca_file)
        assert str(error) == f"hook: its certificate {text}"
        assert not error.permanent, "it may be renewed"
        assert receiver.requests == []


def test_a_receiver_without_tls_behind_https() -> None:
    def puzzled(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with raw_receiver(puzzled) as receiver:
        url = secret(receiver.url.replace("http://127.0.0.1", "https://localhost"))
        assert str(failure(url, 2)) == "hook: the TLS handshake failed"


def test_a_tls_handshake_that_hangs_ends_with_the_deadline() -> None:
    with raw_receiver(idle) as receiver:
        url = secret(receiver.url.replace("http://127.0.0.1", "https://localhost"))
        assert str(timed(0.5, lambda: failure(url, 0.5))) == "hook: no answer in time"


def test_https_goes_through_the_proxy_of_the_environment(
    authority: trustme.CA, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_receiver(says(200), tls=server_side(authority, "hooks.example")) as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])
        with raw_receiver(lambda connection: tunnel(connection, port)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("/services/T0/B0/tok3n", ""))
            monkeypatch.setenv("NO_PROXY", "")
            url = secret(receiver.url.replace("localhost", "hooks.example"))
            assert send(url, ca_file=bundle).status == 200
            with raw_receiver(utters(b"HTTP/1.1 407 Login\r\n\r\n")) as surly:
                monkeypatch.setenv("HTTPS_PROXY", surly.url.replace("/services/T0/B0/tok3n", ""))
                text = str(failure(url, ca_file=bundle))
    assert text == "hook: the proxy of the environment did not let it through"
    assert len(receiver.requests) == len(proxy.requests) == 1


def tunnel(connection: socket.socket, port: int) -> None:
    """As much of a CONNECT proxy as one request needs."""
    request = connection.recv(4096)
    assert request.startswith(b"CONNECT hooks.example:")
    with socket.create_connection(("127.0.0.1", port)) as inner:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=pump, args=(inner, connection), daemon=True)
        back.start()
        pump(connection, inner)
        back.join(2)


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while part := source.recv(65536):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


# --- nothing leaks --------------------------------------------------------------------------------------


def test_every_error_of_the_libraries_becomes_words_without_theirs() -> None:
    """Whatever requests and urllib3 raise, now or in a later version, only our own words come out."""
    kinds = [
        kind
        for module in (requests.exceptions, urllib3.exceptions)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ]
    assert len(kinds) > 40
    for kind in kinds:
        error = kind.__new__(kind)
        error.args = ("https://hooks.slack.com/services/T0/B0/tok3n",)
        assert "tok3n" not in http._explain(error, Deadline(5)).text
