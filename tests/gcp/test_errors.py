"""Every error that Google's clients can raise is understood, told from passing ones, and says nothing secret."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import google.api_core.exceptions
import google.auth.exceptions
import pytest
import requests
import urllib3

from cloudcircuit.errors import AdapterError
from cloudcircuit_gcp import errors
from cloudcircuit_gcp.names import Table

api: Any = google.api_core.exceptions  # they have no types
auth: Any = google.auth.exceptions
PLACE = errors.Place(Table("acme-billing", "export", "bill"), "acme-jobs")
PASSING = {
    *("Aborted", "AlreadyExists", "BadGateway", "Cancelled", "Conflict", "DataLoss", "DeadlineExceeded"),
    "GatewayTimeout",
    *("GoogleAPICallError", "GoogleAPIError", "InternalServerError", "MethodNotImplemented", "ResourceExhausted"),
    *("RetryError", "ServerError", "ServiceUnavailable", "TooManyRequests", "Unknown", "ClientError", "Redirection"),
    *("ResumableTransferError", "TransferStalledError", "UnseekableStreamError", "UploadCancelledError"),
    *("MissingStatusHeaderError", "AsyncRestUnsupportedParameterError"),
    *("TransportError", "TimeoutError", "ResponseError"),
}  # fmt: skip
"""The classes that stand for what may pass by itself; the base classes are never raised as they are."""


def raised(module: Any) -> Iterator[type[Exception]]:
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if issubclass(kind, Exception) and not issubclass(kind, Warning) and kind.__module__ == module.__name__:
            yield kind


def make(kind: type[Exception]) -> Exception:
    """One of a class, as its constructor takes it."""
    for arguments in (("said so",), ("said so", ValueError("inside")), ("said so", "x", "y"), ()):
        try:
            return kind(*arguments)
        except TypeError:
            continue
    raise AssertionError(f"{kind} cannot be made")


@pytest.mark.parametrize("kind", [*raised(api), *raised(auth)], ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_class_of_googles_has_a_meaning(kind: type[Exception]) -> None:
    error = errors.translate(make(kind), PLACE)
    assert isinstance(error, AdapterError)
    assert error.permanent is (kind.__name__ not in PASSING), str(error)
    assert len(str(error).split()) > 4
    assert "{" not in str(error)


def test_the_two_lists_are_those_of_the_clients() -> None:
    assert len(list(raised(api))) >= 35
    assert len(list(raised(auth))) >= 14


@pytest.mark.parametrize("kind", list(raised(requests.exceptions)), ids=lambda kind: kind.__name__)
def test_transport_errors_pass(kind: type[Exception]) -> None:
    error = errors.translate(
        make(kind) if kind is not requests.exceptions.JSONDecodeError else kind("x", "y", 0), PLACE
    )
    assert not error.permanent


@pytest.mark.parametrize(
    "error",
    [
        urllib3.exceptions.ReadTimeoutError(None, "http://x", "late"),  # type: ignore[arg-type]
        urllib3.exceptions.IncompleteRead(1, 2),
        TimeoutError(),
        ConnectionResetError(),
        KeyError("jobReference"),
        ValueError("x"),
        AttributeError("x"),
        RecursionError(),
    ],
)
def test_what_python_raises_inside_the_clients_passes(error: Exception) -> None:
    told = errors.translate(error, PLACE)
    assert not told.permanent
    assert "jobReference" not in str(told)


def test_reasons_come_before_codes_and_what_was_behind_a_retry_counts() -> None:
    quota = api.Forbidden(
        "POST https://host/x?key=k: too much", errors=[{"reason": "quotaExceeded", "message": "too\x1b much"}]
    )
    told = errors.translate(api.RetryError("gave up", quota), PLACE)
    assert not told.permanent
    assert str(told).startswith("a quota of acme-jobs is used up")
    assert "too\N{REPLACEMENT CHARACTER} much" in str(told)
    assert "key=k" not in str(told)


def test_the_address_and_the_query_are_left_out_of_googles_words() -> None:
    error = api.BadRequest("POST https://bigquery.googleapis.com/x: Unrecognized name\n\nLocation: EU\nJob ID: 1")
    assert str(errors.translate(error, PLACE)).endswith("(BigQuery says: Unrecognized name)")


def test_an_answer_that_asks_to_wait_is_not_asked_again() -> None:
    answer = requests.Response()
    assert errors.is_passing(api.ServiceUnavailable("slow down", response=answer))
    answer.headers["Retry-After"] = "7"
    assert not errors.is_passing(api.ServiceUnavailable("slow down", response=answer))
    assert errors.translate(api.ServiceUnavailable("slow down", response=answer), PLACE).retry_after == 7
    answer.headers["Retry-After"] = "999999999"
    assert errors.wait_of(api.ServiceUnavailable("slow down", response=answer)) == errors.LONGEST_WAIT


def test_a_login_that_may_be_tried_again_is_no_refused_one() -> None:
    assert errors.translate(auth.RefreshError("internal_failure"), PLACE).permanent
    assert not errors.translate(auth.RefreshError("internal_failure", retryable=True), PLACE).permanent
