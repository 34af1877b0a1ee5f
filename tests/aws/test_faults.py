"""What goes wrong on the way: tried again where that helps, translated in one place, and silent about secrets."""

from __future__ import annotations

import inspect
import json
import traceback
from collections.abc import Iterator
from decimal import Decimal
from time import monotonic
from typing import Any

import boto3
import botocore.exceptions
import botocore.parsers
import pytest
import trustme

from cloudcircuit.errors import AdapterError
from cloudcircuit.testing.context import MemoryMeter
from cloudcircuit_aws.faults import Fault, explain, printable
from tests.aws.build import fetch, total
from tests.aws.server import Raw, Refusal, Server, trickle

SECRET = "hush-hush-hush"
ACTION = "ce:GetCostAndUsage"
CHAIN = "boto3's credential chain"


def refusal(**options: Any) -> AdapterError:
    with pytest.raises(AdapterError) as caught:
        fetch("service", **options)
    return caught.value


# --- one place for all of them ----------------------------------------------------------------------------------

GENERIC = "the AWS SDK failed with"

UNREACHABLE = {
    # Of the SDK's other services and of its own doings, none of which Cost Explorer or STS have a part in.
    *("ApiVersionNotFoundError", "DataNotFoundError", "UnknownServiceError", "UnknownServiceStyle"),
    *("PaginationError", "OperationNotPageableError", "WaiterError", "WaiterConfigError", "UnknownClientMethodError"),
    *(
        "ChecksumError",
        "FlexibleChecksumError",
        "AwsChunkedWrapperError",
        "MD5UnavailableError",
        "UnseekableStreamError",
    ),
    *("InvalidDNSNameError", "InvalidS3AddressingStyleError", "UnsupportedS3ArnError", "UnsupportedS3ControlArnError"),
    *("InvalidHostLabelError", "UnsupportedOutpostResourceError", "UnsupportedS3ConfigurationError"),
    *("UnsupportedS3AccesspointConfigurationError", "UnsupportedS3ControlConfigurationError"),
    *("InvalidS3UsEast1RegionalEndpointConfigError", "InvalidEndpointDiscoveryConfigurationError"),
    *(
        "StubResponseError",
        "StubAssertionError",
        "UnStubbedResponseError",
        "InvalidExpressionError",
        "InvalidDefaultsMode",
    ),
    *("UnknownSignatureVersionError", "UnsupportedSignatureVersionError", "UnsupportedServiceProtocolsError"),
    *("UndefinedModelAttributeError", "MissingServiceIdError", "InvalidChecksumConfigError", "BotoCoreError"),
    *("MissingParametersError", "CapacityNotAvailableError", "UnknownTokenProviderError", "MissingDependencyException"),
    *("InvalidRetryConfigurationError", "InvalidMaxRetryAttemptsError", "InvalidRetryModeError"),
    *("InvalidSTSRegionalEndpointsConfigError", "ServiceNotInRegionError"),
}


def own_exceptions() -> Iterator[type[Exception]]:
    for module in (botocore.exceptions, botocore.parsers):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception) and not issubclass(kind, Warning) and kind.__module__ == module.__name__:
                yield kind


def blank(kind: type[BaseException]) -> BaseException:
    """An instance, whatever its constructor asks for."""
    return kind.__new__(kind)


@pytest.mark.parametrize("kind", list(own_exceptions()), ids=lambda kind: kind.__name__)
def test_every_exception_of_the_sdk_is_translated(kind: type[Exception]) -> None:
    fault = explain(blank(kind), ACTION)
    assert fault.text
    if kind.__name__ not in UNREACHABLE and not issubclass(kind, botocore.exceptions.ClientError):
        assert not fault.text.startswith(GENERIC), f"{kind.__name__} has no words of its own"


def test_nothing_is_listed_as_out_of_reach_that_has_words() -> None:
    names = {kind.__name__: kind for kind in own_exceptions()}
    assert not {
        name for name in UNREACHABLE & names.keys() if not explain(blank(names[name]), ACTION).text.startswith(GENERIC)
    }


def modelled() -> list[str]:
    client = boto3.client("ce", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    model = client.meta.service_model
    return sorted({shape.name for shape in model.operation_model("GetCostAndUsage").error_shapes})


@pytest.mark.parametrize("code", modelled())
def test_every_error_that_cost_explorer_declares_has_words(server: Server, code: str) -> None:
    server.faults = [Refusal(code)] * 5
    error = refusal(seconds=20)
    assert "with an error" not in str(error)
    assert error.permanent == (code == "ResourceNotFoundException")


@pytest.mark.parametrize(
    ("answer", "words", "permanent"),
    [
        (
            Refusal("AccessDeniedException", 400, "User: arn:aws:iam::1:user/x is not authorized"),
            "allow this action.*user/x",
            True,
        ),
        (Refusal("ExpiredTokenException", 400), f"expired.*{CHAIN}", False),
        (Refusal("UnrecognizedClientException", 400), f"refuses the credentials.*{CHAIN}", True),
        (Refusal("InvalidSignatureException", 403), "refuses the credentials", True),
        (Refusal("OptInRequired", 403), "refuses the credentials", True),
        (Refusal("RequestTimeTooSkewed", 403), "clock", False),
        (Refusal("ValidationException", 400, "Start\x1b[31m is\nwrong"), "refuses the request: Start", True),
        (Refusal("SomethingNew", 418), r"HTTP 418, SomethingNew", False),
        (Refusal("", 302), "HTTP 302", False),
        (Refusal("DataUnavailableException", 400), "24 hours", False),
    ],
)
def test_answers_that_are_not_tried_again(server: Server, answer: Refusal, words: str, permanent: bool) -> None:
    meter = MemoryMeter()
    server.faults = [answer, answer]
    error = refusal(meter=meter)
    with pytest.raises(AdapterError, match=words):
        raise error
    assert (error.permanent, error.retry_after) == (permanent, None)
    assert len(meter.calls) == (2 if answer.code.startswith("Expired") else 1)
    assert "\x1b" not in str(error) and "\n" not in str(error)
    assert error.__cause__ is not None


def test_a_denied_action_is_named(server: Server) -> None:
    server.faults = [Refusal("AccessDeniedException")]
    assert ACTION in str(refusal())


# --- again ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["ThrottlingException", "LimitExceededException", "RequestLimitExceeded"])
def test_what_is_throttled_is_tried_again_and_every_attempt_is_counted(server: Server, code: str) -> None:
    server.faults = [Refusal(code), None, Refusal(code), Refusal(code)]
    meter = MemoryMeter()
    report = fetch("service", meter=meter)
    assert round(total(report), 2) == Decimal("7569.81")
    assert len(meter.calls) == len(server.calls) == 6
    assert report.cost == meter.spent


@pytest.mark.usefixtures("real_waits")
def test_an_end_of_patience_says_when_to_come_back(server: Server) -> None:
    server.faults = [Refusal("ThrottlingException")] * 9
    error = refusal(seconds=2)
    assert (str(error), error.permanent) == ("AWS throttles this account", False)
    assert error.retry_after == 300.0
    assert 2 <= len(server.calls) <= 4


def test_attempts_are_bounded_however_much_time_there_is(server: Server) -> None:
    server.faults = [Refusal("InternalFailure", 500)] * 9
    error = refusal(seconds=60)
    assert len(server.calls) == 5
    assert "HTTP 500" in str(error)


@pytest.mark.usefixtures("real_waits")
@pytest.mark.parametrize(
    ("header", "calls", "after"), [("1", 3, None), ("7000", 1, 7000.0), ("-5", 3, None), ("soon", 3, None)]
)
def test_what_aws_asks_us_to_wait_is_waited(server: Server, header: str, calls: int, after: float | None) -> None:
    server.faults = [Refusal("ThrottlingException", 429, headers=(("Retry-After", header),))]
    began = monotonic()
    if after is None:
        assert fetch().broken == {}
        assert monotonic() - began >= (1.0 if header == "1" else 0.4)
    else:
        assert refusal().retry_after == after
    assert len(server.calls) == calls or len(server.calls) == calls + 1


def test_the_cap_holds_for_attempts_that_fail(server: Server) -> None:
    server.faults = [Refusal("InternalFailure", 500)] * 9
    meter = MemoryMeter()
    assert "daily_cap" in str(refusal(daily_cap="0.03", meter=meter))
    assert len(server.calls) == len(meter.calls) == 3


# --- answers that are not whole ---------------------------------------------------------------------------------


def gzip_bomb(_: bytes) -> Iterator[bytes]:
    while True:
        yield b" " * (1 << 20)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: [body[: len(body) // 2]],
        lambda _body: [b""],
        lambda _body: [b"<html>proxy</html>"],
        lambda _body: [b"\xff\xfe\x00"],
        lambda _body: [b"[" * 100_000],
        lambda _body: [b"[]"],
        lambda _body: [b'{"ResultsByTime": [[[]]]}'],
    ],
)
def test_an_answer_that_cannot_be_read_is_asked_for_again(server: Server, change: Any) -> None:
    server.faults = [Raw(change)]
    assert round(total(fetch()), 2) == Decimal("7569.81")
    server.faults = [Raw(change)] * 9
    assert "answer" in str(refusal(seconds=20))


def test_an_endless_answer_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudcircuit_aws.transport.MAX_BYTES", 4 << 20)
    server.faults = [Raw(gzip_bomb)] * 9
    assert "cut" in str(refusal(seconds=20))


def test_a_slow_answer_ends_with_the_deadline(server: Server) -> None:
    server.faults = [Raw(trickle)] * 9
    began = monotonic()
    error = refusal(seconds=1)
    assert monotonic() - began < 3
    assert "in time" in str(error) or "timeout" in str(error)


def test_no_time_left_is_an_error_before_anything_is_paid_for(server: Server) -> None:
    meter = MemoryMeter()
    assert "timeout" in str(refusal(seconds=0, meter=meter))
    assert (server.calls, meter.calls) == ([], [])


def test_nobody_listens(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_COST_EXPLORER", "http://127.0.0.1:9")
    error = refusal(seconds=20)
    assert "cannot be reached" in str(error)
    assert error.retry_after == 300.0


def test_a_name_that_does_not_exist(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_COST_EXPLORER", "http://cost-explorer.invalid")
    assert "cannot be reached" in str(refusal(seconds=20))


def test_a_proxy_that_is_not_there(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_COST_EXPLORER", "http://ce.example.invalid")
    monkeypatch.setenv("HTTP_PROXY", "http://user:hush-hush-hush@127.0.0.1:9")
    error = refusal(seconds=20)
    assert "proxy" in str(error)
    assert SECRET not in str(error)


# --- secrets ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        Refusal(
            "SignatureDoesNotMatch", 403, "The Canonical String should have been x-amz-security-token:hush-hush-hush"
        ),
        Refusal("InvalidClientTokenId", 403, "hush-hush-hush"),
        Refusal("ExpiredToken", 403, "hush-hush-hush"),
        Refusal("InternalFailure", 500, "hush-hush-hush"),
        Refusal("Whatever", 400, "hush-hush-hush"),
    ],
)
def test_no_secret_is_in_an_error(server: Server, answer: Refusal) -> None:
    server.faults = [answer] * 9
    assert SECRET not in str(refusal(seconds=20))


def test_no_secret_is_in_a_report(server: Server) -> None:
    report = fetch("service")
    assert SECRET not in repr(report)
    assert "AKIAEXAMPLEKEY000000" not in repr(report)


def test_errors_of_our_own_are_no_accident() -> None:
    """What nothing is known of is named by its type alone."""

    class SomeError(Exception):
        pass

    assert explain(SomeError(SECRET), ACTION) == Fault("the AWS SDK failed with SomeError")
    assert SECRET not in "".join(traceback.format_exception_only(AdapterError(explain(SomeError(SECRET), ACTION).text)))


def test_texts_from_outside_are_cut_and_printable() -> None:
    assert printable("a\x00b\u202e" + "x" * 400, 10) == "a\ufffdb\ufffdxxxxx…"
    fault = explain(error_with("ValidationException", "y" * 5000), ACTION)
    assert len(fault.text) < 400


def error_with(code: str, message: str) -> botocore.exceptions.ClientError:
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": message}}, "GetCostAndUsage")


@pytest.mark.parametrize(
    "response", [{}, {"Error": None}, {"Error": "x", "ResponseMetadata": 5}, {"ResponseMetadata": {"HTTPHeaders": 1}}]
)
def test_error_answers_of_any_shape(response: dict[str, Any]) -> None:
    error = blank(botocore.exceptions.ClientError)
    error.response = response  # type: ignore[attr-defined]
    assert explain(error, ACTION).text


# --- TLS --------------------------------------------------------------------------------------------------------


def test_certificates_are_verified_against_the_configured_authorities(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    import ssl
    from threading import Thread

    from werkzeug.serving import make_server

    from tests.aws.server import _App, _Quiet

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    web = make_server("127.0.0.1", 0, _App(server), threaded=True, request_handler=_Quiet, ssl_context=context)
    thread = Thread(target=web.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        monkeypatch.setenv("AWS_ENDPOINT_URL_COST_EXPLORER", f"https://localhost:{web.server_port}")
        assert "certificate" in str(refusal(seconds=5))
        assert server.seen == []
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        assert fetch("service").broken == {}
    finally:
        web.shutdown()
        thread.join()
        web.server_close()


def test_the_requests_are_what_the_api_takes(server: Server) -> None:
    fetch("service")
    assert json.dumps(server.seen[0], sort_keys=True) == json.dumps(
        {
            "Granularity": "DAILY",
            "Metrics": ["UnblendedCost", "AmortizedCost", "UsageQuantity"],
            "TimePeriod": {"End": "2018-12-01", "Start": "2018-10-01"},
        },
        sort_keys=True,
    )
