"""Every exception of the SDK becomes an AdapterError in our words."""

from __future__ import annotations

import inspect
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import azure.core.exceptions
import azure.identity
import azure.identity._exceptions
import pytest
import requests
import urllib3.exceptions
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit_azure.errors import FOREIGN, from_answer, from_sdk, is_passing
from tests.azure.build import options
from tests.azure.fake import SECRET

SCOPE = options().place


def exceptions_of(module: Any) -> Iterator[type[BaseException]]:
    for _, each in inspect.getmembers(module, inspect.isclass):
        if issubclass(each, BaseException):
            yield each


WALKED = sorted(
    {
        *exceptions_of(azure.core.exceptions),
        *exceptions_of(azure.identity),
        *exceptions_of(azure.identity._exceptions),
        *(each for each in exceptions_of(requests.exceptions) if issubclass(each, requests.RequestException)),
        *(each for each in exceptions_of(urllib3.exceptions) if issubclass(each, urllib3.exceptions.HTTPError)),
    },
    key=lambda each: f"{each.__module__}.{each.__name__}",
)


def make(kind: type[BaseException]) -> BaseException:
    """One of them, without its own constructor: some ask for a response, a pool or a stream."""
    error = kind.__new__(kind)
    BaseException.__init__(error, f"https://user:{SECRET}@host/?sig={SECRET}")
    for name in ("message", "response", "reason", "inner_exception", "error", "model", "exc_msg"):
        if not hasattr(error, name):
            try:
                setattr(error, name, None)
            except AttributeError:
                continue
    return error


@pytest.mark.parametrize("kind", WALKED, ids=lambda kind: kind.__name__)
def test_every_exception_is_translated(kind: type[BaseException]) -> None:
    error = make(kind)
    assert isinstance(error, FOREIGN)
    found = from_sdk(error, Deadline(10))
    assert type(found) is AdapterError
    assert str(found)
    assert SECRET not in str(found)
    assert found.permanent is (isinstance(error, ClientAuthenticationError))
    assert isinstance(is_passing(error), bool)


def test_there_is_something_to_walk() -> None:
    names = {kind.__name__ for kind in WALKED}
    assert {"ServiceResponseTimeoutError", "IncompleteReadError", "DecodeError", "TooManyRedirectsError"} <= names
    assert {"CredentialUnavailableError", "AuthenticationRequiredError", "ClientAuthenticationError"} <= names


@pytest.mark.parametrize(
    ("inner", "says"),
    [
        (socket.gaierror(-2, "x"), "cannot be resolved"),
        (ConnectionRefusedError(111, "x"), "refuses connections"),
        (ssl.SSLCertVerificationError(1, "x"), "certificate cannot be trusted"),
        (ssl.SSLError(1, "x"), "TLS handshake"),
        (TimeoutError("x"), "no answer in time"),
        (ValueError("x"), "cannot be reached"),
    ],
)
def test_the_innermost_cause_is_named(inner: Exception, says: str) -> None:
    outer = ServiceRequestError("x", error=requests.ConnectionError(urllib3.exceptions.HTTPError(inner)))
    assert says in str(from_sdk(outer, Deadline(10)))


def test_what_is_folded_into_itself_ends() -> None:
    error = HttpResponseError("x")
    error.__cause__ = error
    error.args = (error,)
    assert from_sdk(error, Deadline(10))


@pytest.mark.parametrize("status", [*range(300, 309), *range(400, 452), *range(500, 512), 599])
@pytest.mark.parametrize("body", [b"", b"{}", b'{"error": null}', b'{"error": {"code": 7, "message": []}}', b"[1"])
def test_every_status_is_told(status: int, body: bytes) -> None:
    found = from_answer(status, body, SCOPE, 3.0)
    assert str(found)[-1] not in ": ;"
    assert found.retry_after == (3.0 if status in {408, 429} or status >= 500 else None)
    assert not (found.permanent and found.retry_after)
