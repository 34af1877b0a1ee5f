"""Options: every kind of scope, whatever is written around it, and refusals that say what to write."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from cloudcircuit_azure import Options, plugin
from cloudcircuit_azure.scopes import parse_scope
from tests.azure.build import options

GUID = "AAAAAAAA-0000-0000-0000-00000000000F"
BILLING = "providers/Microsoft.Billing/billingAccounts/12345:6789"


@pytest.mark.parametrize(
    ("text", "kind", "path"),
    [
        (f"subscriptions/{GUID}", "subscription", f"/subscriptions/{GUID.lower()}"),
        (f"/SUBSCRIPTIONS/{GUID}/", "subscription", f"/subscriptions/{GUID.lower()}"),
        (
            f"/subscriptions/{GUID}/resourcegroups/Rg-1_(x).y",
            "resource group",
            f"/subscriptions/{GUID.lower()}/resourceGroups/Rg-1_(x).y",
        ),
        (
            "providers/microsoft.management/managementgroups/MyMg",
            "management group",
            "/providers/Microsoft.Management/managementGroups/MyMg",
        ),
        (BILLING, "billing account", f"/{BILLING}"),
        (f"{BILLING}/departments/123", "department", f"/{BILLING}/departments/123"),
        (f"{BILLING}/enrollmentaccounts/456", "enrolment account", f"/{BILLING}/enrollmentAccounts/456"),
        (f"{BILLING}/billingProfiles/AB-12", "billing profile", f"/{BILLING}/billingProfiles/AB-12"),
        (
            f"{BILLING}/billingprofiles/AB/invoicesections/C",
            "invoice section",
            f"/{BILLING}/billingProfiles/AB/invoiceSections/C",
        ),
        (f"{BILLING}/customers/{GUID}", "customer", f"/{BILLING}/customers/{GUID}"),
    ],
)
def test_every_kind_of_scope(text: str, kind: str, path: str) -> None:
    scope = options(scope=f"  {text} ").place
    assert (scope.kind, scope.path) == (kind, path)
    assert parse_scope(scope.path) == scope
    assert scope.billing_account == (f"/{BILLING}" if "Billing" in text else None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GUID, f"write subscriptions/{GUID.lower()}"),
        ("subscriptions/Production", "followed by the subscription's id"),
        ("", "at least 1 character"),
        ("/", "no scope of Cost Management"),
        (f"subscriptions/{GUID}/resourceGroups", "no scope of Cost Management"),
        (f"subscriptions/{GUID}/resourceGroups/..", "no scope of Cost Management"),
        (f"subscriptions/{GUID}/resourceGroups/a?b", "no scope of Cost Management"),
        (f"subscriptions/{GUID}/resourceGroups/a%2Fb", "no scope of Cost Management"),
        (f"subscriptions/{GUID}/resourceGroups/a\nb", "no scope of Cost Management"),
        (f"{BILLING}/invoices/1", "no scope of Cost Management"),
        ("https://management.azure.com/subscriptions/x", "no scope of Cost Management"),
    ],
)
def test_what_is_no_scope_says_what_is(text: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        options(scope=text)


@pytest.mark.parametrize(
    "more",
    [
        {"scop": "x"},
        {"endpoint": "http://management.azure.com"},
        {"endpoint": "https://user:password@management.azure.com"},
        {"endpoint": "https://management.azure.com/"},
        {"authority": "login.microsoftonline.com"},
        {"cloud": "germany"},
        {"max_pages": 0},
        {"max_pages": True},
        {"qpu_per_10s": 0},
        {"client_type": "a b"},
        {"client_type": "a\r\nX: y"},
        {"client_id": "me"},
        {"column": "CostUSD"},
        {"amortized": "no"},
    ],
)
def test_what_makes_no_sense_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        options(**more)


def test_options_cannot_change() -> None:
    with pytest.raises(ValidationError):
        options().scope = "x"


def test_a_scope_is_all_that_must_be_given() -> None:
    assert Options(scope=BILLING).client_type == "CloudCircuit"


def test_importing_and_opening_load_no_sdk() -> None:
    code = (
        "import sys, datetime, cloudcircuit_azure as a\n"
        "from cloudcircuit.testing.context import adapter_context\n"
        "s = a.plugin.open(a.Options(scope='subscriptions/aaaaaaaa-0000-0000-0000-000000000001'),"
        " adapter_context(datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)))\n"
        "s.close()\n"
        "print([m for m in ('azure', 'requests', 'pyarrow', 'urllib3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_the_figures_leave_out_is_said() -> None:
    lines = " ".join(plugin.scope(options()))
    assert all(word in lines for word in ("taxes", "support", "credits", "Marketplace", "estimates"))
    assert not any("amortized" in line for line in plugin.scope(options()))
    assert any("EffectiveCost" in line for line in plugin.scope(options(amortized=False)))
