"""What carries the requests of Azure's SDK, the login's too: every wait ends with one deadline, bodies have an end.

A timeout of `requests` holds for each read: a server that sends one byte a second holds it up for as long as it
likes. Here the time that is left is set anew before every read and write.
"""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from cloudcircuit.ports import Deadline

MOST_BYTES = 32 * 2**20
"""An answer has at most 5,000 rows; this is some 6 kB for each."""
_CHUNK = 64 * 1024

T = TypeVar("T")


class TooLarge(requests.RequestException):
    """A body that does not end."""


class Wire(requests.Session):
    """A session whose every request ends with `deadline`, which is set anew for each piece of work."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self.deadline = deadline
        self.auth = _as_it_is  # or the Session looks for a password in .netrc, and puts it in the token's place
        for scheme in ("https://", "http://"):
            self.mount(scheme, _BoundedAdapter(self))

    def left(self) -> float:
        """Seconds for the next wait. Raises TimeoutError when there are none: a socket reads 0 as "do not wait"."""
        left = self.deadline.left()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def within(deadline: Deadline, work: Callable[[], T]) -> T:
    """What some work gives, or TimeoutError at the deadline.

    Looking up a name and the programs that some logins start know no deadline: they are left behind in a thread that
    ends with them and keeps nobody from leaving.
    """
    found: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised below, where somebody waits for it
            failed.append(error)

    thread = Thread(target=run, name="cloudcircuit-azure", daemon=True)
    thread.start()
    thread.join(deadline.left())
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError("the deadline has passed")
    return found[0]


class _BoundedAdapter(HTTPAdapter):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        super().__init__()

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(request, *args, **kwargs)
        kind = _TlsConnection if pool.scheme == "https" else _Bounded
        pool.ConnectionCls = partial(kind, wire=self._wire)  # it is only ever called
        return pool

    def send(self, request: requests.PreparedRequest, *_args: Any, **kwargs: Any) -> requests.Response:
        """The answer with its whole body, whatever the caller thinks of streams.

        A shorter time-out of the caller's holds for the connection: some logins try whether anybody is there.
        """
        left = self._wire.left()
        connect, _ = kwargs.pop("timeout")
        response = super().send(request, **{**kwargs, "stream": True, "timeout": (min(connect, left), left)})
        response._content = _read(response)  # how requests itself keeps what it has read
        return response


def _read(response: requests.Response) -> bytes:
    found = bytearray()
    for chunk in response.iter_content(_CHUNK):
        found += chunk
        if len(found) > MOST_BYTES:
            response.close()
            raise TooLarge(f"more than {MOST_BYTES // 2**20} MiB")
    return bytes(found)


class _Bounded(HTTPConnection):
    def __init__(self, *args: Any, wire: Wire, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._wire = wire
        self.response_class = partial(_BoundedResponse, wire=wire)  # type: ignore[assignment]  # it is only called

    def send(self, data: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(self._wire.left())
        super().send(data)


class _TlsConnection(_Bounded, HTTPSConnection):
    pass


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, wire: Wire, **kwargs: Any) -> None:
        super().__init__(_Reading(sock, wire), *args, **kwargs)  # type: ignore[arg-type]  # it calls makefile


class _Reading:
    """As much of a socket as `http.client` reads from."""

    def __init__(self, sock: socket.socket, wire: Wire) -> None:
        self._sock = sock
        self._wire = wire

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_BoundedStream(self._sock, self._wire))


class _BoundedStream(io.RawIOBase):
    def __init__(self, sock: socket.socket, wire: Wire) -> None:
        self._stream = sock.makefile("rb", buffering=0)
        self._sock = sock
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._wire.left())
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()
