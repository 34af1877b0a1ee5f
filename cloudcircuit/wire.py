"""HTTP whose every wait ends with one total deadline, for adapters and for whoever sends alerts.

A timeout of `requests` holds for each read: a server that sends one byte a second holds it up for as long as it likes.
Here the time that is left is set anew before every read and write: name, connection, TLS handshake, status line,
headers and body. It fits whatever stands on a session of `requests`, as the SDKs of Google and Azure do:

    session = mount(requests.Session(), WholeAnswers(deadline, most_bytes=32 * 2**20))

What goes wrong is raised as `requests` raises it; only `TooLarge` is new. Nothing is retried. Importing this module
imports `requests`, so import it where an SDK is imported: in the module that is loaded on use.
"""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Callable, Iterable
from functools import partial
from threading import Thread
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError

from cloudcircuit.ports import Deadline

_PIECE = 64 * 1024

T = TypeVar("T")
Place = tuple[int, Any]
"""An address family, and what `socket.connect` takes of it."""


class TooLarge(requests.RequestException):
    """An answer of more bytes, unpacked, than it may have. Its text is no more than "larger than 32 MiB"."""


def within(deadline: Deadline, work: Callable[[], T]) -> T:
    """What some work gives or raises, or TimeoutError at the deadline.

    For what knows no deadline, as the system's resolver: it is left behind in a thread that ends with it and keeps
    nobody from leaving.
    """
    found: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised below, where somebody waits for it
            failed.append(error)

    thread = Thread(target=run, name="cloudcircuit-wire", daemon=True)
    thread.start()
    thread.join(deadline.left())
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError("the deadline has passed")
    return found[0]


def mount(session: requests.Session, transport: Transport) -> requests.Session:
    """The session, all of whose requests the transport carries from now on."""
    for scheme in ("https://", "http://"):
        session.mount(scheme, transport)
    session.auth = _as_it_is  # or it looks for a password in .netrc, and puts it in the token's place
    return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class Transport(HTTPAdapter):
    """Connections that end with `deadline`, which may be set anew between requests.

    A shorter timeout of a request holds for its connection. Bodies are left to be read.
    """

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        super().__init__()

    def left(self) -> float:
        """Seconds for the next wait. Raises TimeoutError when there are none: a socket reads 0 as "do not wait"."""
        left = self.deadline.left()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left

    def places(self, host: str, port: int, *, tls: bool) -> Iterable[Place]:
        """Where a name leads; the first that answers is connected to. What this raises ends the request."""
        del tls  # for those who go to some places with TLS alone
        try:
            found = within(self.deadline, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except UnicodeError as error:  # a part of the name is too long, say
            raise socket.gaierror(str(error)) from error
        return [(family, where) for family, _, _, _, where in found]

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(request, *args, **kwargs)
        kind = _TlsConnection if pool.scheme == "https" else _Connection
        pool.ConnectionCls = partial(kind, transport=self)  # it is only ever called
        return pool


class WholeAnswers(Transport):
    """A transport that reads answers whole, whatever the caller thinks of streams, up to `most_bytes` unpacked."""

    def __init__(self, deadline: Deadline, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        super().__init__(deadline)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        response = super().send(request, *args, **{**kwargs, "stream": True})
        try:
            response._content = self._read(response)  # how requests itself keeps what it has read
        except requests.ConnectionError as error:
            if self.deadline.left() > 0:
                raise
            raise requests.ReadTimeout("the deadline has passed", request=request) from error
        return response

    def _read(self, response: requests.Response) -> bytes:
        """Unpacked piece by piece, so that no small answer becomes a large one unseen."""
        body = bytearray()
        for piece in response.iter_content(_PIECE):
            body += piece
            if len(body) > self._most_bytes:
                response.close()
                raise TooLarge(f"larger than {self._most_bytes // 2**20} MiB")
        return bytes(body)


class _Connection(HTTPConnection):
    def __init__(self, *args: Any, transport: Transport, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._transport = transport
        self.response_class = partial(_Response, left=transport.left)  # type: ignore[assignment]  # it is only called

    def _new_conn(self) -> socket.socket:
        failure: OSError = OSError("it has no address")
        tls = isinstance(self, HTTPSConnection)
        for family, where in self._transport.places(self._dns_host, self.port or self.default_port, tls=tls):
            try:
                return self._dial(family, where)
            except OSError as error:
                failure = error
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError("nobody answered in time") from failure  # requests.ConnectTimeout
        raise failure

    def _dial(self, family: int, where: Any) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            left = self._transport.left()
            sock.settimeout(left if self.timeout is None else min(left, self.timeout))
            sock.connect(where)
            sock.settimeout(self._transport.left())
        except BaseException:
            sock.close()
            raise
        return sock

    def send(self, data: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(self._transport.left())
        super().send(data)


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, left: Callable[[], float], **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()  # it would read without asking for the time
        self.fp = io.BufferedReader(_Stream(sock, left))


class _Stream(io.RawIOBase):
    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._stream = sock.makefile("rb", buffering=0)
        self._sock = sock
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._left())
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()
