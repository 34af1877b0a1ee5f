"""What can go wrong with AWS, in the operator's words: the one place where foreign exceptions are translated.

Exceptions are told by the names of their classes, so that nothing of the SDK is imported here. Text of AWS is shown
where it says what is missing; never that of refused credentials: it can hold the request, and with it a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

MAX_TEXT = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """`again`: worth another try within the deadline; `renew`: with credentials that are read anew.

    `wait`: the seconds that AWS asked us to wait; `quotes`: what AWS says of it is shown.
    """

    text: str
    permanent: bool = False
    again: bool = False
    renew: bool = False
    wait: float | None = None
    quotes: bool = False


_CHAIN = "boto3's credential chain: environment, profile, role, container or instance"

_ANSWERS: tuple[tuple[str, Fault], ...] = (
    (
        "LimitExceededException Throttling ThrottlingException ThrottledException RequestThrottled SlowDown"
        " RequestThrottledException RequestLimitExceeded TooManyRequestsException BandwidthLimitExceeded"
        " PriorRequestNotComplete",
        Fault("AWS throttles this account", again=True),
    ),
    (
        "AccessDenied AccessDeniedException UnauthorizedOperation",
        Fault("AWS denies {action}: allow this action", permanent=True, quotes=True),
    ),
    (
        "ExpiredToken ExpiredTokenException TokenRefreshRequired RequestExpired",
        Fault(f"the credentials have expired ({_CHAIN}); renew them", renew=True),
    ),
    (
        "UnrecognizedClientException InvalidClientTokenId InvalidAccessKeyId IncompleteSignature AuthFailure"
        " IncompleteSignatureException InvalidSignatureException SignatureDoesNotMatch MissingAuthenticationToken"
        " MissingAuthenticationTokenException NotAuthorized OptInRequired",
        Fault(f"AWS refuses the credentials ({{code}}; {_CHAIN})", permanent=True),
    ),
    ("ValidationException ValidationError", Fault("AWS refuses the request", permanent=True, quotes=True)),
    (
        "DataUnavailableException",
        Fault(
            "Cost Explorer has no data to give: it needs 24 hours after it was switched on in the payer account, and"
            " hours are opt-in (Billing and Cost Management, preferences)"
        ),
    ),
    ("BillExpirationException", Fault("the bill was made anew while it was read; it is read again next time")),
    (
        "RequestChangedException InvalidNextTokenException",
        Fault("Cost Explorer does not take its own page token any more; it is read again next time"),
    ),
    (
        "BillingViewHealthStatusException",
        Fault("the billing view of this account is not healthy; see Billing and Cost Management"),
    ),
    ("ResourceNotFoundException", Fault("Cost Explorer does not find what it was asked for", permanent=True)),
    ("RequestTimeTooSkewed", Fault("this machine's clock differs from that of AWS; have it set by NTP")),
    ("ServiceQuotaExceededException", Fault("a quota of Cost Explorer is used up; see Service Quotas")),
)
"""By the codes of errors that AWS answers with."""

_CLASSES: tuple[tuple[tuple[str, ...], Fault], ...] = (
    (("NoCredentialsError",), Fault(f"no credentials were found ({_CHAIN})", permanent=True)),
    (
        (
            "PartialCredentialsError",
            "UnknownCredentialError",
            "ConfigParseError",
            "ConfigNotFound",
            "InvalidConfigError",
        ),
        Fault("the shared AWS configuration is not usable: look for a half-written profile", permanent=True),
    ),
    (("ProfileNotFound",), Fault("the shared AWS configuration has no profile of this name", permanent=True)),
    (
        ("SSOError", "TokenRetrievalError", "NoAuthTokenError", "LoginError"),
        Fault("the single sign-on of this profile has expired; log in again (aws sso login, aws login)"),
    ),
    (
        (
            "CredentialRetrievalError",
            "MetadataRetrievalError",
            "InvalidIMDSEndpointError",
            "InvalidIMDSEndpointModeError",
        ),
        Fault(f"credentials could not be fetched ({_CHAIN})"),
    ),
    (
        ("RefreshWithMFAUnsupportedError",),
        Fault("the role wants a second factor, which a daemon does not have; use a role without one", permanent=True),
    ),
    (("SSLError",), Fault("the TLS certificate of AWS cannot be verified; see ca_bundle, and proxies on the way")),
    (("ProxyConnectionError", "InvalidProxiesConfigError"), Fault("the proxy did not let it through", again=True)),
    (("ConnectTimeoutError", "ReadTimeoutError", "TimeoutError"), Fault("AWS did not answer in time", again=True)),
    (("EndpointConnectionError",), Fault("AWS cannot be reached: no name, or no connection", again=True)),
    (
        (
            "BaseEndpointResolverError",
            "UnknownRegionError",
            "InvalidRegionError",
            "EndpointProviderError",
            "InvalidEndpointConfigurationError",
        ),
        Fault(
            "there is no Cost Explorer in this region; leave region at its default, or cn-northwest-1 for China",
            permanent=True,
        ),
    ),
    (
        ("HTTPClientError", "ConnectionError", "IncompleteReadError", "OSError", "HTTPException", "HTTPError"),
        Fault("the connection was cut before the answer was whole", again=True),
    ),
    (
        ("ResponseParserError", "RecursionError", "ValueError", "TypeError", "AttributeError", "LookupError"),
        Fault("the answer cannot be read; it was cut off, or is none of AWS", again=True),
    ),
    (
        ("ParamValidationError", "ValidationError"),
        Fault("the SDK refuses the request; this is a fault of the adapter", permanent=True),
    ),
)


def explain(error: BaseException, action: str) -> Fault:
    """`action`: what was tried, as IAM calls it."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        return _explain_answer(response, action)
    names = {kind.__name__ for kind in type(error).__mro__}
    for classes, fault in _CLASSES:
        if not names.isdisjoint(classes):
            return fault
    return Fault(f"the AWS SDK failed with {type(error).__name__}")


def _explain_answer(response: Mapping[str, Any], action: str) -> Fault:
    found, meta = response.get("Error"), response.get("ResponseMetadata")
    answer = found if isinstance(found, Mapping) else {}
    code = str(answer.get("Code", ""))
    status = meta.get("HTTPStatusCode") if isinstance(meta, Mapping) else None
    known = next((fault for codes, fault in _ANSWERS if code in codes.split()), None)
    fault = known or _explain_status(status if isinstance(status, int) else 0)
    text = fault.text.replace("{action}", action).replace("{code}", printable(code, 60))
    more = printable(str(answer.get("Message", "")), MAX_TEXT) if fault.quotes else ""
    return replace(fault, text=f"{text}: {more}" if more else text, wait=_wait(meta) if fault.again else None)


def _explain_status(status: int) -> Fault:
    if status == 429:
        return Fault("AWS throttles this account", again=True)
    if status >= 500:
        return Fault(f"AWS has trouble of its own (HTTP {status})", again=True)
    return Fault(f"AWS answers with an error (HTTP {status}, {{code}})")


def _wait(meta: object) -> float | None:
    headers = meta.get("HTTPHeaders") if isinstance(meta, Mapping) else None
    text = str(headers.get("retry-after", "")) if isinstance(headers, Mapping) else ""
    return min(float(text), 86400.0) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def printable(text: str, most: int) -> str:
    """One line of what comes from outside, cut."""
    line = "".join(sign if sign.isprintable() else "\ufffd" for sign in " ".join(text.split()))
    return line if len(line) <= most else line[: most - 1] + "…"
