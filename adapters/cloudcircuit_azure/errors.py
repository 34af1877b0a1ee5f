"""The one place where what Azure and its SDK say goes wrong becomes an AdapterError. Imported by `client` alone.

No text of the SDK is passed on: it may hold URLs, and in them more than an operator should paste into a ticket. Of
Azure's own answers it is the code and the message, cut.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
from collections.abc import Iterator

import urllib3.exceptions
from azure.core import exceptions as core

from cloudcircuit.errors import AdapterError
from cloudcircuit.ports import Deadline
from cloudcircuit.wire import TooLarge
from cloudcircuit_azure.scopes import Scope
from cloudcircuit_azure.text import printable

FOREIGN = (core.AzureError, OSError, ValueError, urllib3.exceptions.HTTPError, http.client.HTTPException)
"""What may come out of the SDK and what it stands on; requests' errors are OSErrors."""
_ENTRA = re.compile(r"AADSTS\d+: [^.\r\n]{1,160}")
RETRIED = frozenset({408, 500, 502, 503, 504})
"""What may pass by itself within seconds; 429 has rules of its own."""


def from_sdk(error: BaseException, deadline: Deadline) -> AdapterError:
    """What an exception of azure.core, azure.identity or below means, for whoever runs this."""
    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, ssl.SSLCertVerificationError):
            return AdapterError("Azure's certificate cannot be trusted; is there a proxy that makes its own?")
        if isinstance(each, TooLarge):
            return AdapterError(f"Azure's answer is {each}; nothing of it is used")
    if isinstance(error, core.ClientAuthenticationError):
        return _login(error, deadline)
    if deadline.left() <= 0 or any(isinstance(each, TimeoutError) for each in chain):
        return AdapterError("Azure gave no answer in time")
    for kind, text in _TEXTS:
        if any(isinstance(each, kind) for each in chain):
            return AdapterError(text)
    return AdapterError(f"Azure could not be asked ({type(error).__name__})")


_TEXTS: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "the name of Azure's endpoint cannot be resolved"),
    (ssl.SSLError, "the TLS handshake with Azure failed"),
    (ConnectionRefusedError, "Azure's endpoint refuses connections"),
    (core.IncompleteReadError, "the connection was cut before Azure's answer was whole"),
    (core.ServiceResponseTimeoutError, "Azure gave no answer in time"),
    (core.ServiceRequestTimeoutError, "Azure's endpoint cannot be reached in time"),
    (core.ServiceRequestError, "Azure's endpoint cannot be reached"),
    (core.ServiceResponseError, "the connection was cut before Azure's answer was whole"),
    (core.TooManyRedirectsError, "Azure answered with a redirect; redirects are not followed"),
    (core.DecodeError, "Azure's answer cannot be unpacked"),
    (core.HttpResponseError, "Azure's answer is none that can be used"),
)
"""The first that is found anywhere in the chain of an error names it."""


def is_passing(error: BaseException) -> bool:
    """Whether the same request may well succeed in a second: a connection that failed or was cut."""
    kinds = (core.ServiceRequestError, core.ServiceResponseError, core.IncompleteReadError, core.DecodeError)
    untold = (ssl.SSLCertVerificationError, TooLarge)
    return isinstance(error, kinds) and not any(isinstance(each, untold) for each in _chain(error))


def _login(error: core.ClientAuthenticationError, deadline: Deadline) -> AdapterError:
    """Entra's own words where there are any; no other text, for what a login says may hold what it tried."""
    text = str(error)
    told = _ENTRA.search(text)
    if told:
        text = f"the login was refused: {printable(told[0], 200)}; renew its secret or certificate, or run az login"
        return AdapterError(text, permanent=True)
    if deadline.left() <= 0:
        return AdapterError("the login to Azure gave no answer in time")
    if "Authentication failed" in text:
        return AdapterError("the login to Azure failed: its endpoint cannot be reached, or answers with something else")
    return AdapterError(
        "no login to Azure was found: set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or run where a "
        "managed or workload identity, or az login, is at hand",
        permanent=True,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all that is folded into it: causes, contexts, arguments, `reason` and `inner_exception`."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inside = (getattr(current, name, None) for name in ("__cause__", "__context__", "reason", "inner_exception"))
        waiting += [*inside, *current.args]


# --- answers that are none ------------------------------------------------------------------------------


def from_answer(status: int, body: bytes, scope: Scope, wait: float | None) -> AdapterError:
    """What an answer other than 200 and 204 means. `wait`: seconds that it asks for."""
    said = _said(body)
    if status == 429:
        return AdapterError(f"Azure answers too many requests{said}", retry_after=wait)
    if status in RETRIED or status >= 500:
        return AdapterError(f"Azure has trouble of its own (HTTP {status}){said}", retry_after=wait)
    text, permanent = _REFUSALS.get(status, (f"Azure refused (HTTP {status})", False))
    if 300 <= status < 400:
        text, permanent = f"Azure answered with a redirect (HTTP {status}); redirects are not followed", True
    return AdapterError(text.format(scope=f"{scope.kind} {scope.path}") + said + _way_out(said), permanent=permanent)


_REFUSALS = {
    400: ("Azure refused the query on {scope}", True),
    401: ("Azure does not accept the login for {scope}", True),
    403: (
        'the login may not read costs of {scope}: give it the role "Cost Management Reader" there; in an enrolment, '
        '"view charges" must be switched on as well',
        True,
    ),
    404: ("Azure knows no {scope}, or this login may not see it", True),
    409: ("Azure cannot answer for {scope} as it is now", False),
}


def _way_out(said: str) -> str:
    return "; set amortized = false where there is no amortised cost" if "AmortizedCost" in said else ""


def _said(body: bytes) -> str:
    """Code and message of Azure's answer, on one line, cut."""
    try:
        found = json.loads(body[:65_536])["error"]
        code, message = found.get("code"), found.get("message")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    told = ": ".join(part for part in (code, message) if isinstance(part, str) and part.strip())
    return f": {printable(told, 400)}" if told else ""
