"""What Google's clients raise, translated in this one place.

Classes are known by their names, so that nothing of Google's is loaded to say that it is not installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cloudcircuit.errors import AdapterError
from cloudcircuit_gcp.names import Table, printable

LONGEST_WAIT = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Place:
    """Whom an error is about: the table, and the project that runs the queries."""

    table: Table
    runner: str
    service: str = "BigQuery"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an error comes down to.

    `again`: the same call may go through a moment later. `quoted`: Google's own words help, and can hold no secret.
    """

    text: str
    permanent: bool = False
    again: bool = False
    quoted: bool = True


_DENIED = Meaning(
    "access denied; grant roles/bigquery.dataViewer on the dataset {dataset} and roles/bigquery.jobUser on the project "
    "{runner} to the account that Application Default Credentials give",
    permanent=True,
)
_MISSING = Meaning("there is no {table} (or not in this location); look at `table` and `location`", permanent=True)
_BUSY = Meaning("{service} is overloaded or asks to slow down", again=True)
_BROKEN = Meaning("{service} has trouble of its own", again=True)
_LARGE = Meaning("the query is too large for BigQuery; ask by fewer dimensions", permanent=True)
_REFUSED = Meaning(
    "BigQuery refuses the query; is `schema` the one of {table}, and `partitioned` false for a view?", permanent=True
)
_LOGIN = Meaning(
    "Google does not accept the credentials; log in again (gcloud auth application-default login), or replace the key",
    permanent=True,
    quoted=False,
)

REASONS = {
    "accessDenied": _DENIED,
    "authError": _LOGIN,
    "required": _LOGIN,
    "notFound": _MISSING,
    "rateLimitExceeded": _BUSY,
    "jobRateLimitExceeded": _BUSY,
    "userRateLimitExceeded": _BUSY,
    "quotaExceeded": Meaning("a quota of {runner} is used up; wait until it is renewed, or raise it"),
    "bytesBilledLimitExceeded": Meaning("the query would read more than max_bytes; raise it", permanent=True),
    "invalidQuery": _REFUSED,
    "invalid": _REFUSED,
    "parseError": _REFUSED,
    "responseTooLarge": _LARGE,
    "resourcesExceeded": _LARGE,
    "billingTierLimitExceeded": _LARGE,
    "billingNotEnabled": Meaning(
        "billing is not enabled for {runner}, which runs the queries; enable it", permanent=True
    ),
    "accessNotConfigured": Meaning("the API of {service} is not enabled in {runner}; enable it", permanent=True),
    "SERVICE_DISABLED": Meaning("the API of {service} is not enabled in {runner}; enable it", permanent=True),
    "blocked": Meaning("Google has blocked this operation for {runner}; ask its support", permanent=True),
    "notImplemented": _REFUSED,
    "backendError": _BROKEN,
    "jobBackendError": _BROKEN,
    "internalError": _BROKEN,
    "jobInternalError": _BROKEN,
    "badGateway": _BROKEN,
    "tableUnavailable": Meaning("{table} is unavailable for a while"),
    "resourceInUse": Meaning("{table} is in use by something else"),
    "duplicate": Meaning("a job of the same name exists already"),
    "stopped": Meaning("the query was stopped before it ended"),
    "timeout": Meaning("the query took too long"),
}
"""By the reason that BigQuery gives (https://cloud.google.com/bigquery/docs/error-messages)."""

CODES = {
    400: _REFUSED,
    401: _LOGIN,
    403: _DENIED,
    404: _MISSING,
    408: Meaning("{service} did not answer in time"),
    409: Meaning("a job of the same name exists already"),
    429: _BUSY,
    499: Meaning("the call was cancelled"),
}
"""By the status of the answer where no reason is known; 5xx is trouble of Google's, other 3xx and 4xx are for good."""

_LATE = Meaning("{service} did not answer before the deadline", quoted=False)
_CUT = Meaning("the connection to {service} failed or was cut", again=True, quoted=False)
_NO_TOKEN = Meaning("the login at Google could not be reached", again=True, quoted=False)
_NONSENSE = Meaning("{service} gave an answer that makes no sense; is there a proxy in between?", quoted=False)
_NO_LOGIN = Meaning(
    "there are no usable credentials; run gcloud auth application-default login, attach a service account, or name a "
    "key file in GOOGLE_APPLICATION_CREDENTIALS",
    permanent=True,
    quoted=False,
)
_CERTIFICATE = Meaning("the client certificate for mutual TLS cannot be used", permanent=True, quoted=False)

CLASSES = {
    "cloudcircuit.wire.TooLarge": Meaning("{service} answered with more than can be right", quoted=False),
    "google.auth.exceptions.MutualTLSChannelError": _CERTIFICATE,
    "google.auth.exceptions.ClientCertError": _CERTIFICATE,
    "google.auth.exceptions.DefaultCredentialsError": _NO_LOGIN,
    "google.auth.exceptions.UserAccessTokenError": _NO_LOGIN,
    "google.auth.exceptions.TimeoutError": _LATE,
    "google.auth.exceptions.TransportError": _NO_TOKEN,
    "google.auth.exceptions.ResponseError": Meaning(
        "the login at Google gave an answer that makes no sense", quoted=False
    ),
    "google.auth.exceptions.GoogleAuthError": _LOGIN,
    "google.api_core.exceptions.DuplicateCredentialArgs": _NO_LOGIN,
    "google.api_core.exceptions.RetryError": _LATE,
    "google.api_core.exceptions.GoogleAPIError": _BROKEN,
    "google.api_core.exceptions.AsyncRestUnsupportedParameterError": _NONSENSE,
    "requests.exceptions.SSLError": Meaning("the TLS connection to {service} cannot be trusted", quoted=False),
    "requests.exceptions.ProxyError": Meaning("the proxy of the environment did not let it through", quoted=False),
    "requests.exceptions.Timeout": _LATE,
    "requests.exceptions.InvalidJSONError": _NONSENSE,
    "requests.exceptions.ConnectionError": _CUT,
    "requests.exceptions.RequestException": _CUT,
    "urllib3.exceptions.TimeoutError": _LATE,
    "urllib3.exceptions.HTTPError": _CUT,
    "builtins.TimeoutError": _LATE,
    "builtins.OSError": _CUT,
    "builtins.Exception": _NONSENSE,
}
"""By the first of an error's classes that stands here; a malformed answer makes the SDK stumble with KeyError, say."""


def translate(error: BaseException, place: Place) -> AdapterError:
    """The AdapterError that stands for what Google's clients raised; raise it `from` the error."""
    cause = _innermost(error)
    meaning = _meaning(cause)
    words = meaning.text.format(
        table=place.table, dataset=place.table.dataset, runner=place.runner, service=place.service
    )
    said = _said(cause) if meaning.quoted else ""
    text = f"{words} ({place.service} says: {said})" if said else words
    return AdapterError(text, permanent=meaning.permanent, retry_after=wait_of(cause))


def is_passing(error: BaseException) -> bool:
    """Whether the call may be made again at once: it can pass, and nobody asked us to wait."""
    return _meaning(error).again and wait_of(error) is None


def wait_of(error: BaseException) -> float | None:
    """Seconds that an answer asks to wait, if it does so in numbers."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    text = str(headers.get("Retry-After", "")).strip()
    return min(float(text), LONGEST_WAIT) if re.fullmatch(r"\d{1,9}(\.\d+)?", text, re.ASCII) else None


def reason_of(error: BaseException) -> str | None:
    """The reason that the answer, or the job, gives."""
    found = getattr(error, "errors", None)
    first = found[0] if isinstance(found, list | tuple) and found else None
    reason = first.get("reason") if isinstance(first, dict) else getattr(error, "reason", None)
    return reason if isinstance(reason, str) and reason else None


def _innermost(error: BaseException) -> BaseException:
    """What was behind the retries, or behind a login that failed for want of a connection."""
    inner = getattr(error, "cause", None)
    return _innermost(inner) if isinstance(inner, Exception) else error


def _meaning(error: BaseException) -> Meaning:
    known = REASONS.get(reason_of(error) or "")
    if known is not None:
        return known
    if getattr(error, "retryable", False) is True and _is_login(error):
        return _NO_TOKEN
    code = getattr(error, "code", None)
    if isinstance(code, int):
        return CODES.get(int(code)) or (
            _BROKEN if code >= 500 else Meaning("{service} refuses the call", permanent=True)
        )
    return next(CLASSES[name] for name in _names(error) if name in CLASSES)


def _is_login(error: BaseException) -> bool:
    return any(name.startswith("google.auth.") for name in _names(error))


def _names(error: BaseException) -> Iterator[str]:
    for kind in type(error).__mro__:
        yield f"{kind.__module__}.{kind.__qualname__}"


def _said(error: BaseException) -> str:
    """Google's own sentence: without the address that the client puts before it, and the query it puts after it."""
    found = getattr(error, "errors", None)
    first = found[0] if isinstance(found, list | tuple) and found else None
    text = first.get("message") if isinstance(first, dict) else None
    text = text if isinstance(text, str) else str(getattr(error, "message", "") or "")
    text = re.sub(r"^[A-Z]{3,7} https?://\S+:\s", "", text)
    return printable(text.partition("\n\n")[0])
