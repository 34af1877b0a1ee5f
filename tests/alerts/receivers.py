"""Receivers on loopback: real HTTP over real sockets, well-behaved and hostile ones."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cloudcircuit.model import Secret


@dataclass
class Received:
    """What a receiver got of one request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A running receiver. `url` holds a path that must not leak."""

    url: str
    requests: list[Received] = field(default_factory=list)

    @property
    def secret(self) -> Secret:
        return secret(self.url)


def secret(text: str, reference: str = "env:CHANNEL_URL") -> Secret:
    return Secret(reference, lambda: text)


class Real:
    """The machine's clock, as `clock.SystemClock` gives it."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        import time

        return time.monotonic()


@contextmanager
def http_receiver(
    answer: Callable[[BaseHTTPRequestHandler], None],
    *,
    tls: ssl.SSLContext | None = None,
    path: str = "/services/T0/B0/tok3n",
) -> Iterator[Receiver]:
    """A receiver that logs each request and answers with `answer`."""
    host = "localhost" if tls else "127.0.0.1"
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            receiver.requests.append(Received(self.command, self.path, dict(self.headers), body))
            with suppress(OSError):
                answer(self)

        do_HEAD = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    receiver.url = f"{'https' if tls else 'http'}://{host}:{server.server_address[1]}{path}"
    with running(lambda: server.serve_forever(0.02), server.shutdown, server.server_close):
        yield receiver


@contextmanager
def raw_receiver(talk: Callable[[socket.socket], None]) -> Iterator[Receiver]:
    """A receiver that speaks bytes: `talk` gets each accepted connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    stopped = threading.Event()
    receiver = Receiver(f"http://127.0.0.1:{listener.getsockname()[1]}/services/T0/B0/tok3n")

    def serve() -> None:
        while not stopped.is_set():
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                receiver.requests.append(Received("", "", {}, b""))
                with connection, suppress(OSError):
                    talk(connection)

    with running(serve, stopped.set, listener.close):
        yield receiver


@contextmanager
def running(serve: Callable[[], None], stop: Callable[[], None], close: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join(5)
        close()


# --- answers --------------------------------------------------------------------------------------------


def says(status: int, body: bytes = b"ok", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """A plain answer; `Retry_After="7"` becomes the header `Retry-After: 7`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return answer


def dozes(seconds: float) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(_handler: BaseHTTPRequestHandler) -> None:
        threading.Event().wait(seconds)

    return answer


def drips(text: bytes, pause: float = 0.1) -> Callable[[socket.socket], None]:
    """Sends a byte at a time."""

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        for byte in text:
            connection.sendall(bytes([byte]))
            if threading.Event().wait(pause):
                return

    return talk


def utters(text: bytes) -> Callable[[socket.socket], None]:
    """Reads the request, says these bytes and hangs up."""

    def talk(connection: socket.socket) -> None:
        connection.settimeout(2)
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(65536)
        connection.sendall(text)

    return talk


BOMB = gzip.compress(b"\0" * 50_000_000)
