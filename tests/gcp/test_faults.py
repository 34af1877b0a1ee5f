"""Whatever Google does or does not do: one AdapterError, in time, with what to do; over real HTTP."""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import SpendQuery
from cloudcircuit.testing.context import MemoryMeter
from cloudcircuit_gcp import client
from tests.gcp.build import OCTOBER, ZONE, ask, open_source, options, refusal, sums
from tests.gcp.front import TOKEN, Answer, Call, Google, failure, paths, said

ROW = ["true", "2024-10-05", "A", "USD", "regular", "1.5", "0", "0", "1", "1728200000000000"]


@pytest.fixture(autouse=True)
def _rows(google: Google) -> None:
    google.rows = [ROW]


@pytest.fixture(autouse=True)
def _secrecy(google: Google, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    shown = capfd.readouterr()
    assert TOKEN not in f"{shown.out}{shown.err}{caplog.text}"


def fail(google: Google, *pieces: str, seconds: float = 10, answer: Answer, **more: Any) -> AdapterError:
    google.faults.append(paths(*pieces, answer=answer))
    started = time.monotonic()
    error = refusal(options(google.url, **more), seconds=seconds)
    assert time.monotonic() - started < seconds + 1
    assert TOKEN not in str(error)
    return error


def test_without_a_fault_there_is_an_answer(google: Google) -> None:
    assert sums(ask(options(google.url)), "ChargeCategory") == {"Usage": Decimal("1.5")}
    assert {call.authorization for call in google.calls if call.path != "/token"} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("status", "reason", "permanent", "words"),
    [
        (400, "invalidQuery", True, "is `schema` the one of"),
        (400, "bytesBilledLimitExceeded", True, "raise it"),
        (400, "resourcesExceeded", True, "fewer dimensions"),
        (403, "accessDenied", True, "roles/bigquery.dataViewer on the dataset export"),
        (403, "billingNotEnabled", True, "billing is not enabled for acme-billing"),
        (403, "accessNotConfigured", True, "API of BigQuery is not enabled"),
        (403, "quotaExceeded", False, "quota of acme-billing is used up"),
        (404, "notFound", True, "look at `table` and `location`"),
        (418, "teapot", True, "refuses the call"),
    ],
)
def test_refusals_end_at_once_with_what_to_do(
    google: Google, status: int, reason: str, permanent: bool, words: str
) -> None:
    error = fail(google, "POST", "/jobs", answer=failure(status, reason, "in Google's words"))
    assert (error.permanent, error.retry_after) == (permanent, None)
    assert words in str(error)
    assert "in Google's words" in str(error)
    assert sum(call.is_job for call in google.calls) == 1


def test_a_job_that_fails_says_why(google: Google) -> None:
    def fault(call: Call) -> Answer | None:
        if not call.is_job or call.is_dry:
            return None
        reason = {"reason": "quotaExceeded", "message": "too much today"}
        return said({**call.body, "status": {"state": "DONE", "errorResult": reason, "errors": [reason]}})

    google.faults.append(fault)
    error = refusal(options(google.url))
    assert "a quota of acme-billing is used up" in str(error)
    assert "too much today" in str(error)
    assert "SELECT" not in str(error)


def test_401_logs_in_again_and_is_permanent_then(google: Google) -> None:
    error = fail(google, "/bigquery/", answer=failure(401, "authError"))
    assert error.permanent
    assert "log in again" in str(error)
    assert sum(call.path == "/token" for call in google.calls) > 1


def test_a_refused_login_says_so_without_the_answer(google: Google) -> None:
    body = {"error": "invalid_grant", "error_description": "secret-hint"}
    error = fail(google, "/token", answer=said(body, 400))
    assert error.permanent
    assert "does not accept the credentials" in str(error)
    assert "secret-hint" not in str(error)


def test_no_credentials_at_all(google: Google, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    error = refusal(options(google.url))
    assert error.permanent
    assert "gcloud auth application-default login" in str(error)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_endless_storm_ends_at_the_deadline(google: Google, status: int) -> None:
    error = fail(google, "/bigquery/", answer=failure(status, "backendError"), seconds=2.5)
    assert not error.permanent
    assert "trouble of its own" in str(error)
    assert sum(call.is_job for call in google.calls) <= 6


@pytest.mark.parametrize("pieces", [("/token",), ("POST", "/jobs"), ("GET", "/jobs/"), ("GET", "/queries/")])
@pytest.mark.parametrize("answer", [Answer(stall=True), Answer(body=b'{"a": ' + b" " * 5000, drip=0.05)])
def test_no_call_outlives_the_deadline(google: Google, pieces: tuple[str, ...], answer: Answer) -> None:
    error = fail(google, *pieces, answer=answer, seconds=1.5)
    assert not error.permanent
    assert "did not answer before the deadline" in str(error) or "could not be reached" in str(error)


def test_a_query_that_nobody_waits_for_is_called_off(google: Google) -> None:
    fail(google, "GET", "/queries/", answer=Answer(stall=True), seconds=3)
    (started,) = (call.body["jobReference"]["jobId"] for call in google.calls if call.is_job and not call.is_dry)
    assert any(call.path.endswith(f"/jobs/{started}/cancel") for call in google.calls)
    (limit,) = (call.body["configuration"]["jobTimeoutMs"] for call in google.calls if call.is_job and not call.is_dry)
    assert 1000 <= int(limit) <= 3000


def test_a_page_that_never_comes(google: Google) -> None:
    first = google.results("x") | {"pageToken": "more", "totalRows": "2"}
    google.faults.append(paths("pageToken=more", answer=Answer(stall=True)))
    google.faults.append(paths("GET", "/queries/", answer=said(first)))
    assert "deadline" in str(refusal(options(google.url), seconds=1.5))


def test_pages_without_end_are_given_up(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_ROWS", 50)
    endless = google.results("x") | {"pageToken": "again", "totalRows": "1000000"}
    google.faults.append(paths("GET", "/queries/", answer=said(endless)))
    error = refusal(options(google.url))
    assert error.permanent
    assert "more than 50 rows; ask by fewer dimensions" in str(error)


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        (("POST", "/jobs"), b"<html>log in</html>"),
        (("POST", "/jobs"), b"{}"),
        (("POST", "/jobs"), b"[]"),
        (("POST", "/jobs"), b'{"jobReference": 7}'),
        (("GET", "/queries/"), b"\xff\xfe\x00"),
        (("GET", "/queries/"), b'{"jobComplete": true, "totalRows": "1", "rows": [{"f": [{"v": "x"}]}]}'),
        (("GET", "/queries/"), b'{"jobComplete": true, "totalRows": "x"}'),
        (("GET", "/queries/"), b"[" * 100_000),
    ],
)
def test_an_answer_that_makes_no_sense_is_no_bill(google: Google, pieces: tuple[str, ...], body: bytes) -> None:
    error = fail(google, *pieces, answer=Answer(body=body))
    assert not error.permanent
    assert "makes no sense" in str(error)


def test_a_truncated_answer_is_tried_again_and_then_refused(google: Google) -> None:
    error = fail(google, "GET", "/queries/", answer=Answer(body=b'{"jobCom', length=500), seconds=2)
    assert "failed or was cut" in str(error)
    google.faults.clear()
    google.faults.append(paths("GET", "/queries/", answer=Answer(body=b'{"jobCom', length=500), times=1))
    assert sums(ask(options(google.url)), "ChargeCategory") == {"Usage": Decimal("1.5")}


def test_a_small_answer_that_unpacks_to_a_huge_one(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_BYTES", 10**6)
    bomb = Answer(body=gzip.compress(b" " * 50 * 10**6), headers={"Content-Encoding": "gzip"})
    assert "more than can be right" in str(fail(google, "POST", "/jobs", answer=bomb))


def test_rows_that_are_missing_are_missed(google: Google) -> None:
    google.faults.append(paths("GET", "/queries/", answer=said(google.results("x") | {"totalRows": "2"})))
    assert "makes no sense" in str(refusal(options(google.url)))


def test_packed_answers_are_read(google: Google) -> None:
    body = json.dumps(google.results("x")).encode()
    packed = Answer(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
    google.faults.append(paths("GET", "/queries/", answer=packed))
    assert sums(ask(options(google.url)), "ChargeCategory") == {"Usage": Decimal("1.5")}


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed_by_giving_up(google: Google, status: int) -> None:
    error = fail(google, "POST", "/jobs", answer=failure(status, "rateLimitExceeded", Retry_After="77"))
    assert error.retry_after == 77
    assert sum(call.is_job for call in google.calls) == 1


@pytest.mark.parametrize("header", ["-5", "soon", "1e400", "nan"])
def test_a_strange_retry_after_is_none(google: Google, header: str) -> None:
    answer = failure(429, "quotaExceeded", Retry_After=header)
    assert fail(google, "POST", "/jobs", answer=answer).retry_after is None


def test_a_passing_fault_passes(google: Google) -> None:
    google.faults.append(paths("POST", "/jobs", answer=failure(503, "backendError"), times=2))
    assert sums(ask(options(google.url)), "ChargeCategory") == {"Usage": Decimal("1.5")}


def test_a_lost_answer_to_the_start_of_a_query_does_not_pay_twice(google: Google) -> None:
    lost = [True]

    def fault(call: Call) -> Answer | None:
        if not call.is_job or call.is_dry:
            return None
        if lost.pop() if lost else False:
            google._canned(call)
            return failure(503, "backendError")
        return failure(409, "duplicate", "Already Exists: Job")

    google.faults.append(fault)
    assert sums(ask(options(google.url)), "ChargeCategory") == {"Usage": Decimal("1.5")}
    assert len(google.jobs) == 1


def test_nobody_there(google: Google) -> None:
    error = refusal(options("http://127.0.0.1:9"), seconds=1.5)
    assert not error.permanent
    assert "the connection to BigQuery failed" in str(error)


def test_without_googles_clients_the_way_to_get_them(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.cloud.bigquery", None)
    error = refusal(options(google.url))
    assert error.permanent
    assert 'pip install "cloudcircuit[gcp]"' in str(error)


def test_more_than_max_bytes_is_not_read(google: Google) -> None:
    google.size = 11 * 10**9
    error = refusal(options(google.url))
    assert error.permanent
    assert "11.00 GB" in str(error)
    assert "max_bytes (10.00 GB)" in str(error)
    assert not google.jobs


def test_bigquery_is_told_max_bytes_too(google: Google) -> None:
    ask(options(google.url, max_bytes="2GB"))
    (job,) = google.jobs.values()
    assert job["configuration"]["query"]["maximumBytesBilled"] == str(2 * 10**9)
    assert job["configuration"]["labels"] == {"app": "cloudcircuit"}


def test_a_day_may_cost_no_more_than_its_cap(google: Google) -> None:
    google.size, meter = 5 * 10**9, MemoryMeter()
    chosen = options(google.url, daily_cap="0.05")
    ask(chosen, meter=meter)
    error = refusal(chosen, meter=meter)
    assert "0.05 dollars a day" in str(error)
    assert len(google.jobs) == 1
    assert meter.spent.dollars <= Decimal("0.05")


def test_a_plan_is_free_and_exact(google: Google) -> None:
    google.size, meter = 7 * 2**30, MemoryMeter()
    query = SpendQuery(*OCTOBER, ZONE, dimensions=("service",))
    source = open_source(options(google.url), meter=meter)
    (step,) = source.plan([query], {}, Deadline(10))
    assert step.what == "a query over 31 days by service, after a free dry run"
    assert (step.cost.bytes, step.cost.dollars) == (7 * 2**30, Decimal("0.042724610"))
    assert not google.jobs
    assert not meter.calls
    google.size = 1
    (least,) = source.plan([replace(query, dimensions=())], {}, Deadline(10))
    assert least.cost.dollars == Decimal("0.000059605")


def test_a_reservation_has_no_price(google: Google) -> None:
    meter = MemoryMeter()
    ask(options(google.url, price_per_tib="0"), meter=meter)
    assert meter.spent.dollars == 0


def test_the_environment_does_not_lead_elsewhere(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9")
    assert ask(options(google.url)).table.num_rows == 1
