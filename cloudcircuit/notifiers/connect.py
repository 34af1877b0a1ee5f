"""Connections whose every wait ends with one deadline, and that go to no address that `addresses` refuses.

A timeout of `requests` holds for each read: a receiver that sends one byte a second holds it up for as long as it
likes. Here the time that is left is set anew before every read and write, in the connection, the TLS handshake, the
status line, the headers and the body.
"""

from __future__ import annotations

import http.client
import io
import socket
from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from cloudcircuit.notifiers.addresses import Address, Refused, is_loopback, look_up
from cloudcircuit.ports import Deadline


class BoundedAdapter(HTTPAdapter):
    """The transport of one request. `plain_http`: whether a URL without TLS may lead beyond this machine."""

    def __init__(self, deadline: Deadline, *, plain_http: bool) -> None:
        self._bounds: dict[str, Any] = {"deadline": deadline, "plain_http": plain_http}
        super().__init__()

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(request, *args, **kwargs)
        kind = _TlsConnection if pool.scheme == "https" else _PlainConnection
        pool.ConnectionCls = partial(kind, **self._bounds)  # it is only ever called
        return pool


def time_left(deadline: Deadline) -> float:
    """Seconds for the next wait. Raises TimeoutError when there are none: a socket reads 0 as "do not wait"."""
    left = deadline.left()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


class _Bounded(HTTPConnection):
    """What both kinds of connection share."""

    def __init__(self, *args: Any, deadline: Deadline, plain_http: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline = deadline
        self._plain_http = plain_http
        self.response_class = partial(_BoundedResponse, deadline=deadline)  # type: ignore[assignment]  # only called

    def _new_conn(self) -> socket.socket:
        port = self.port or self.default_port
        failure: OSError = OSError("it has no address")
        for family, address in look_up(self._dns_host, port, self._deadline):
            self._require_tls_beyond(address)
            try:
                return self._dial(family, (str(address), port))
            except OSError as error:
                failure = error
        raise failure

    def _require_tls_beyond(self, address: Address) -> None:
        encrypted = isinstance(self, HTTPSConnection)
        if not (encrypted or self._plain_http or is_loopback(address)):
            raise Refused("http:// is for this machine alone; use https://, or set allow_http = true")

    def _dial(self, family: socket.AddressFamily, where: tuple[str, int]) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(time_left(self._deadline))
            sock.connect(where)
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
