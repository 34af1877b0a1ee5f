"""The one place that sends. What goes wrong becomes a NotifyError here, in words that hold no URL and no secret.

No redirect is followed, TLS is always verified, an answer is read up to `MOST_BYTES` and never unpacked. The `Session`
of requests is left out on purpose: it reads `.netrc`, and it reads the whole body of a redirect before it gives it up.
"""

from __future__ import annotations

import http.client
import logging
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import requests
import urllib3.exceptions
from requests.utils import get_environ_proxies

from cloudcircuit.errors import ConfigError, NotifyError
from cloudcircuit.notifiers.addresses import Refused, refuse
from cloudcircuit.notifiers.connect import BoundedAdapter
from cloudcircuit.notifiers.target import Answer, Target
from cloudcircuit.ports import Deadline

MOST_BYTES = 64 * 1024

_LONGEST_WAIT = 366 * 86400.0

_FOREIGN = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class _Failure:
    """What went wrong, before it is raised where no URL is in sight."""

    text: str
    permanent: bool = False


def post(target: Target, body: bytes, headers: Mapping[str, str], deadline: Deadline) -> Answer:
    """Send once. Raises NotifyError when no answer came, or when it was a redirect."""
    return _exchange(target, "POST", body, headers, deadline)


def reach(target: Target, deadline: Deadline) -> Answer:
    """Ask without sending anything: a HEAD. Raises as `post` does."""
    return _exchange(target, "HEAD", None, {}, deadline)


def _exchange(
    target: Target, method: str, body: bytes | None, headers: Mapping[str, str], deadline: Deadline
) -> Answer:
    # The URL lives in the frames below alone, and nothing is chained: a traceback, with or without its locals, that
    # starts here has no URL in it.
    try:
        outcome = _attempt(target, method, body, headers, deadline)
    except ConfigError:
        outcome = _Failure(f"its URL is not there ({target.url.reference})")
    if isinstance(outcome, _Failure):
        raise NotifyError(f"{target.name}: {outcome.text}", permanent=outcome.permanent)
    if 300 <= outcome.status < 400:
        text = f"{target.name}: the receiver answered {outcome.status}; redirects are not followed"
        raise NotifyError(text, permanent=True)
    return outcome


def _attempt(
    target: Target, method: str, body: bytes | None, headers: Mapping[str, str], deadline: Deadline
) -> Answer | _Failure:
    address = target.url.reveal().strip()
    quiet = _SENDING.set(True)
    try:
        request = requests.Request(method, address, {"User-Agent": "CloudCircuit", **headers}, data=body).prepare()
        return _send(target, address, request, deadline)
    except _FOREIGN as error:
        return _explain(error, deadline)
    finally:
        _SENDING.reset(quiet)


def _send(target: Target, address: str, request: requests.PreparedRequest, deadline: Deadline) -> Answer:
    parts = urlsplit(address)
    _require_scheme(target, parts)
    with closing(BoundedAdapter(deadline, plain_http=target.allow_http)) as transport:
        response = transport.send(
            request,
            stream=True,
            timeout=deadline.left(),
            verify=str(target.ca_file) if target.ca_file else True,
            proxies=_proxies(address, parts),
        )
        with response:
            body = b"" if response.is_redirect else _read(response)
            wait = parse_retry_after(response.headers.get("Retry-After"), target.clock.now())
            return Answer(response.status_code, body, wait)


def _require_scheme(target: Target, parts: SplitResult) -> None:
    if parts.scheme != "https" and (parts.scheme != "http" or (target.tls_only and not target.allow_http)):
        raise Refused("its URL must begin with https://")


def _proxies(address: str, parts: SplitResult) -> Mapping[str, str]:
    """The proxies of the environment, for https alone: a proxy hides from us where http would end up."""
    with suppress(ValueError):  # a name is checked where it is looked up
        refuse(ip_address(parts.hostname or ""))
    if parts.scheme != "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"}:
        return {}
    return dict(get_environ_proxies(address))


def _read(response: requests.Response) -> bytes:
    """The beginning of an answer as it came over the wire: never unpacked, so no bomb goes off."""
    found = b""
    while len(found) < MOST_BYTES:
        part = response.raw.read(MOST_BYTES - len(found), decode_content=False)
        if not part:
            break
        found += part
    return found


# --- Retry-After ----------------------------------------------------------------------------------------


def parse_retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait, from a number or an HTTP date; None where it is absent, negative or nonsense."""
    if header is None:
        return None
    text = header.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII):
        return min(float(text), _LONGEST_WAIT)
    try:
        when = parsedate_to_datetime(text)
        wait = (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds()
        return min(max(0.0, wait), _LONGEST_WAIT)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


# --- what went wrong ------------------------------------------------------------------------------------

_TEXTS: tuple[tuple[type[BaseException], str], ...] = (
    (requests.exceptions.ProxyError, "the proxy of the environment did not let it through"),
    (socket.gaierror, "its name cannot be resolved"),
    (ssl.SSLError, "the TLS handshake failed"),
    (TimeoutError, "no answer in time"),
    (urllib3.exceptions.TimeoutError, "no answer in time"),
    (ConnectionRefusedError, "connection refused"),
    (ConnectionError, "the connection was cut before the answer was whole"),
    (http.client.RemoteDisconnected, "the connection was cut before the answer was whole"),
    (http.client.IncompleteRead, "the connection was cut before the answer was whole"),
    (urllib3.exceptions.IncompleteRead, "the connection was cut before the answer was whole"),
    (http.client.HTTPException, "the answer is not HTTP"),
    (requests.exceptions.InvalidURL, "its URL is not one"),
    (requests.exceptions.MissingSchema, "its URL must begin with https://"),
    (requests.exceptions.InvalidSchema, "its URL must begin with https://"),
)
"""The first that is found anywhere in the chain of an error names it."""

_FOR_GOOD = (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema)

_CERTIFICATE = {
    10: "has expired",
    9: "is not valid yet",
    18: "is self-signed",
    19: "is signed by an unknown authority",
    20: "is signed by an unknown authority",
    21: "is signed by an unknown authority",
    62: "is for another name",
    64: "is for another address",
}
"""By OpenSSL's verify code; its own text for 62 and 64 holds the name."""


def _explain(error: BaseException, deadline: Deadline) -> _Failure:
    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, Refused):
            return _Failure(str(each), permanent=True)
        if isinstance(each, ssl.SSLCertVerificationError):
            return _Failure(f"its certificate {_CERTIFICATE.get(each.verify_code, 'cannot be trusted')}")
    if deadline.left() <= 0:
        return _Failure("no answer in time")
    for kind, text in _TEXTS:
        if any(isinstance(each, kind) for each in chain):
            return _Failure(text, permanent=isinstance(error, _FOR_GOOD))
    return _Failure(f"it could not be sent ({type(error).__name__})", permanent=False)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all that is folded into it: causes, contexts, arguments and urllib3's `reason`."""
    waiting, seen = [error], set()
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inside = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        waiting += [each for each in inside if isinstance(each, BaseException)]


# --- what others would log ------------------------------------------------------------------------------

_SENDING: ContextVar[bool] = ContextVar("sending", default=False)


def _is_not_ours(_record: logging.LogRecord) -> bool:
    return not _SENDING.get()


for _name in ("connectionpool", "connection", "util.retry", "response", "poolmanager"):
    # urllib3 logs paths, and with them tokens: at DEBUG each request, at WARNING each answer with broken headers.
    logging.getLogger(f"urllib3.{_name}").addFilter(_is_not_ours)
