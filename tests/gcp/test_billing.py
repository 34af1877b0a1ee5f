"""The check: what the export holds, and what Cloud Billing says of the account."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.model import Probe
from cloudcircuit.testing.context import MemoryMeter
from cloudcircuit_gcp import client
from tests.gcp import emulator
from tests.gcp.build import ACCOUNT, NAMES, NOW, ask, open_source, options, row, stamp
from tests.gcp.front import Answer, Google, failure, paths, said

PERMISSIONS = {
    ("POST", "jobs"): "bigquery.jobs.create",
    ("GET", "jobs"): "bigquery.jobs.create",
    ("GET", "queries"): "bigquery.jobs.create",
    ("GET", "billingAccounts"): "billing.accounts.get",
    ("GET", "projects"): "billing.resourceAssociations.list",
}
"""What each kind of call needs (a job may be seen and called off by whoever created it), beside
bigquery.tables.getData on the table that the statement names: the documented roles, and nothing more."""

PLACE = f"/v1/billingAccounts/{ACCOUNT}"


def account(**more: Any) -> dict[str, Any]:
    name = f"billingAccounts/{ACCOUNT}"
    return {"name": name, "displayName": "Acme Ltd", "open": True, "currencyCode": "USD", **more}


def linked(*projects: tuple[str, bool]) -> dict[str, Any]:
    return {"projectBillingInfo": [{"projectId": name, "billingEnabled": enabled} for name, enabled in projects]}


@pytest.fixture
def bill(bigquery: Google) -> Google:
    assert bigquery.backend
    rows = [
        row(datetime(2024, 11, 1, 8, tzinfo=UTC), cost="1"),
        row(datetime(2024, 11, 19, 8, tzinfo=UTC), project={"id": "gone", "labels": []}),
        row(
            datetime(2024, 11, 20, 2, tzinfo=UTC),
            project=None,
            export_time=stamp(datetime(2024, 11, 20, 9, tzinfo=UTC)),
        ),
    ]
    emulator.fill(bigquery.backend, NAMES["standard"], rows)
    bigquery.billing = {PLACE: account(), f"{PLACE}/projects": linked(("web", True), ("idle", True), ("off", False))}
    return bigquery


def probe(google: Google, seconds: float = 30, **more: Any) -> Probe:
    return open_source(options(google.url, **more)).probe(Deadline(seconds))


def test_a_check_tells_what_is_there(bill: Google) -> None:
    found = probe(bill)
    assert (found.accounts, found.currencies) == ((ACCOUNT,), ("USD",))
    assert (found.oldest, found.newest) == (datetime(2024, 11, 1, 8, tzinfo=UTC), datetime(2024, 11, 20, 2, tzinfo=UTC))
    text = "\n".join(found.notes)
    for words in (
        "3 rows of 2 projects",
        "last export 2024-11-20 09:00 UTC, 3.0 h ago",
        f"billing account {ACCOUNT} (Acme Ltd) is open; its currency is USD",
        "projects linked to it: 3, with billing enabled: 2",
        "no longer linked to it: gone",
        "without a charge in the export: idle",
    ):
        assert words in text


def test_a_closed_account_in_another_currency(bill: Google) -> None:
    bill.billing[PLACE] = account(open=False, currencyCode="EUR", displayName="\x1b[2JAcme")
    text = "\n".join(probe(bill).notes)
    assert "is CLOSED" in text
    assert "the export has charges in USD, the account is in EUR" in text
    assert "\x1b" not in text


def test_projects_come_in_pages(bill: Google) -> None:
    first = linked(("web", True)) | {"nextPageToken": "2"}
    bill.faults.append(paths("/projects?", "pageToken=2", answer=said(linked(("gone", True)))))
    bill.billing[f"{PLACE}/projects"] = first
    assert "projects linked to it: 2" in "\n".join(probe(bill).notes)


@pytest.mark.parametrize("status", [403, 404])
def test_without_the_permission_there_is_a_note(bill: Google, status: int) -> None:
    bill.faults.append(paths("/v1/", answer=failure(status, "forbidden")))
    found = probe(bill)
    assert found.newest is not None
    assert any("grant roles/billing.viewer" in note for note in found.notes)


@pytest.mark.parametrize("answer", [Answer(stall=True), Answer(body=b"{" + b" " * 3000, drip=0.1), failure(503, "x")])
def test_a_cloud_billing_that_fails_costs_the_deadline_at_most(bill: Google, answer: Answer) -> None:
    bill.faults.append(paths("/v1/", answer=answer))
    started = time.monotonic()
    found = probe(bill, seconds=6)
    assert time.monotonic() - started < 7
    assert any("Cloud Billing says nothing" in note for note in found.notes)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"open": "x"}', b'{"currencyCode": {"a": 1}}'])
def test_an_answer_of_cloud_billing_that_makes_no_sense(bill: Google, body: bytes) -> None:
    bill.faults.append(paths("/v1/", answer=Answer(body=body)))
    assert any("Cloud Billing says nothing" in note for note in probe(bill).notes)


def test_an_account_that_is_not_known_is_not_asked_for(bill: Google) -> None:
    found = probe(bill, billing_account=False)
    assert any("set billing_account" in note for note in found.notes)
    assert not any(call.path.startswith("/v1/") for call in bill.calls)


def test_a_check_is_counted_and_capped(bill: Google) -> None:
    meter = MemoryMeter()
    open_source(options(bill.url), meter=meter).probe(Deadline(30))
    assert meter.spent.requests == 2
    assert meter.spent.dollars > 0


def test_an_export_that_has_fallen_silent(bill: Google) -> None:
    assert bill.backend
    emulator.fill(bill.backend, NAMES["standard"], [row("2024-09-01T00:00")])
    found = probe(bill)
    assert found.newest is None
    assert any("no rows of the last 35 days" in note for note in found.notes)


def test_no_call_needs_more_than_the_documented_permissions(bill: Google) -> None:
    probe(bill)
    ask(options(bill.url), "service", now=NOW)
    seen = set()
    for call in bill.calls:
        if call.path != "/token":
            parts = [part for part in call.path.split("/") if part]
            known = [part for part in parts if part in {"jobs", "queries", "billingAccounts"}]
            seen.add(
                (call.method, "projects" if call.path.startswith("/v1/") and parts[-1] == "projects" else known[-1])
            )
    assert seen <= set(PERMISSIONS)
    assert len(seen) >= 4
    scopes = {"https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/cloud-billing.readonly"}
    assert set(client.SCOPES) == scopes
