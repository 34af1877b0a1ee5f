"""HTTP whose every wait ends with one deadline, and whose answers have a size.

A timeout of `requests` holds for each read: a server that sends one byte a second holds it up for as long as it likes,
and Google's client never waits less than 120 seconds for a page. Here the time that is left is set anew before every
read and write: names, connection, TLS handshake, headers and body.
"""

from __future__ import annotations

import http.client
import io
import socket
from contextlib import closing
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection

from cloudcircuit.ports import Deadline

MOST_BYTES = 100 * 2**20
"""An answer that is larger, unpacked, is none: BigQuery's pages have 20 MB at most."""

_PIECE = 64 * 1024


class TooLarge(requests.RequestException):
    """An answer of more than MOST_BYTES."""


class BoundedSession(requests.Session):
    """A session of its own for logging in."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        bound(self, deadline)


def bound(session: requests.Session, deadline: Deadline) -> None:
    """Make a session keep to a deadline."""
    for prefix in ("https://", "http://"):
        session.mount(prefix, BoundedAdapter(deadline))


class BoundedAdapter(HTTPAdapter):
    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__()

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(request, *args, **kwargs)
        kind = _TlsConnection if pool.scheme == "https" else _PlainConnection
        pool.ConnectionCls = partial(kind, deadline=self._deadline)  # it is only ever called
        return pool

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send, and read the whole answer. Raises what `requests` raises."""
        try:
            kwargs.update(stream=True, timeout=time_left(self._deadline))
            response = super().send(request, *args, **kwargs)
            body = _read(response)
        except TimeoutError as error:
            raise requests.exceptions.ReadTimeout(str(error), request=request) from error
        response.raw = HTTPResponse(io.BytesIO(body), status=response.status_code, preload_content=False)
        return response


def _read(response: requests.Response) -> bytes:
    """The whole body, unpacked piece by piece, so that no small answer becomes a large one unseen."""
    body, raw = bytearray(), response.raw
    with closing(raw):
        for piece in raw.stream(_PIECE, decode_content=True):
            body += piece
            if len(body) > MOST_BYTES:
                raise TooLarge(f"the answer has more than {MOST_BYTES} bytes")
        raw.release_conn()
    return bytes(body)


def time_left(deadline: Deadline) -> float:
    """Seconds for the next wait. Raises TimeoutError when there are none: a socket reads 0 as "do not wait"."""
    left = deadline.left()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


class _Bounded(HTTPConnection):
    """What both kinds of connection share."""

    def __init__(self, *args: Any, deadline: Deadline, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline = deadline
        self.response_class = partial(_BoundedResponse, deadline=deadline)  # type: ignore[assignment]  # only called

    def _new_conn(self) -> socket.socket:
        failure: OSError = OSError("it has no address")
        for family, *_, address in _look_up(self._dns_host, self.port or self.default_port, self._deadline):
            try:
                return self._dial(family, address)
            except OSError as error:
                failure = error
        raise failure

    def _dial(self, family: int, address: Any) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(time_left(self._deadline))
            sock.connect(address)
            sock.settimeout(time_left(self._deadline))
        except BaseException:
            sock.close()
            raise
        return sock

    def send(self, data: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(time_left(self._deadline))
        super().send(data)


class _PlainConnection(_Bounded):
    pass


class _TlsConnection(_Bounded, HTTPSConnection):
    pass


def _look_up(host: str, port: int, deadline: Deadline) -> list[tuple[Any, ...]]:
    """The addresses of a name; the system's resolver knows no timeout, so it works in a thread that may be left."""
    answers: SimpleQueue[list[tuple[Any, ...]] | OSError] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except OSError as error:
            answers.put(error)

    Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=time_left(deadline))
    except Empty:
        raise TimeoutError("the deadline has passed") from None
    if isinstance(found, OSError):
        raise found
    return found


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, deadline: Deadline, **kwargs: Any) -> None:
        super().__init__(_Reading(sock, deadline), *args, **kwargs)  # type: ignore[arg-type]  # it calls makefile


class _Reading:
    """As much of a socket as `http.client` reads from."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_BoundedStream(self._sock, self._deadline))


class _BoundedStream(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._stream = sock.makefile("rb", buffering=0)
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(time_left(self._deadline))
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()
