"""Options, names and endpoints: what is refused before anything is asked."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cloudcircuit.model import Breakdown, Grain, Match
from cloudcircuit_gcp import Options, plugin
from cloudcircuit_gcp.columns import Schema
from cloudcircuit_gcp.names import parse_table, printable
from tests.gcp.build import ACCOUNT, options


def made(**more: Any) -> Options:
    return Options.model_validate({"table": "acme-billing.export.gcp_billing_export_v1_01AB23_CD45EF_678901", **more})


def test_what_is_not_given_has_its_default() -> None:
    chosen = made()
    assert (chosen.kind, chosen.runner, chosen.account) == (Schema.STANDARD, "acme-billing", ACCOUNT)
    assert (chosen.partitioned, chosen.partition_slack, int(chosen.max_bytes)) == (True, 2, 10**10)
    assert (chosen.price_per_tib, chosen.daily_cap) == (Decimal("6.25"), Decimal("1.00"))


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("gcp_billing_export_v1_A", Schema.STANDARD),
        ("gcp_billing_export_resource_v1_A", Schema.DETAILED),
        ("gcp_billing_export_focus_A", Schema.FOCUS),
    ],
)
def test_the_schema_is_told_from_the_name(name: str, schema: Schema) -> None:
    assert made(table=f"acme-billing.d.{name}").kind is schema
    assert made(table=f"acme-billing.d.{name}", schema="focus").kind is Schema.FOCUS


def test_a_name_that_tells_nothing_needs_a_schema() -> None:
    with pytest.raises(ValidationError, match="set schema to standard, detailed or focus"):
        made(table="acme-billing.d.bill")


@pytest.mark.parametrize(
    ("table", "project"),
    [
        ("acme-billing.export.bill", "acme-billing"),
        ("example.com:acme-billing.export_2.bill", "example.com:acme-billing"),
        ("acme-billing.export.Rechnung – März 2024", "acme-billing"),
        ("acme-billing.export." + "t" * 1024, "acme-billing"),
    ],
)
def test_names_of_bigquerys_grammar(table: str, project: str) -> None:
    assert parse_table(table).project == project
    assert parse_table(table).quoted == f"`{table}`"


@pytest.mark.parametrize(
    "table",
    [
        "export.bill",
        "acme-billing:export.bill",
        "acme-billing.export.bill`; DROP TABLE x; --",
        "acme-billing.export.bi`ll",
        "acme-billing.export.bill\\",
        "acme-billing.export.bill'",
        "acme-billing.export.gcp_billing_export_*",
        "acme-billing.export.bill$20240101",
        "acme-billing.export.bill@-1",
        "acme-billing.export.bill\n",
        "acme-billing.export.bill\u200b",
        "acme-billing.export.",
        "acme-billing.ex-port.bill",
        "acme-billing..bill",
        "Acme-Billing.export.bill",
        "acme.export.bill",
        "acme-billing-.export.bill",
        "-acme-billing.export.bill",
        "acme-billing.export." + "t" * 1025,
        "acme-billing.export." + "ä" * 513,
        "`acme-billing`.export.bill",
        "example:acme-billing.export.bill",
    ],
)
def test_names_outside_of_it_are_refused_and_never_escaped(table: str) -> None:
    with pytest.raises(ValidationError, match="table"):
        made(table=table, schema="standard")


@given(st.text(max_size=20))
def test_no_name_breaks_out_of_its_quotes(text: str) -> None:
    try:
        quoted = parse_table(f"acme-billing.export.{text}").quoted
    except ValueError:
        return
    assert re.fullmatch(r"`[^`\\\n\x00-\x1f]+`", quoted)


@pytest.mark.parametrize(
    "wrong",
    [
        {"unknown": 1},
        {"max_bytes": "9MB"},
        {"price_per_tib": "NaN"},
        {"price_per_tib": "-1"},
        {"daily_cap": 0},
        {"daily_cap": "Infinity"},
        {"partition_slack": 0},
        {"partitioned": "yes"},
        {"billing_account": "01AB23_CD45EF_678901"},
        {"billing_account": True},
        {"project": "Acme"},
        {"location": "EU; x"},
        {"endpoint": "http://bigquery.example.com"},
        {"endpoint": "https://user:secret@bigquery.example.com"},
        {"billing_endpoint": "https://bigquery.example.com/path"},
        {"schema": "legacy"},
        {"layout": "standard"},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        made(**wrong)


def test_the_account_can_be_given_or_left_alone() -> None:
    assert made(billing_account="0AAAAA-0BBBBB-0CCCCC").account == "0AAAAA-0BBBBB-0CCCCC"
    assert made(billing_account=False).account is None
    assert made(table="acme-billing.d.bill", schema="standard").account is None


@pytest.mark.parametrize(
    ("kind", "dimension", "words"),
    [
        ("standard", "resource", "gcp_billing_export_resource_v1_"),
        ("standard", "charge_class", "gcp_billing_export_focus_"),
        ("detailed", "service_category", "use service or sku"),
        ("focus", "commitment_status", "none of Google's exports"),
    ],
)
def test_what_an_export_does_not_have_is_said_with_the_way_out(kind: str, dimension: str, words: str) -> None:
    chosen = Options.model_validate(options(kind=kind))
    for need in (Breakdown((dimension,)), Breakdown((), (Match(dimension, ("x",)),))):
        (sentence,) = plugin.unsupported(chosen, need, Grain.HOUR)
        assert words in sentence
    assert plugin.unsupported(chosen, Breakdown(("service", "tag:x", "charge_category", "provider")), Grain.DAY) == ()


def test_one_query_answers_all_and_a_circuits_own_filter_is_pushed_down() -> None:
    circuit = Match("service", ("Compute Engine",), exact=True)
    needs = [Breakdown(("region",), (circuit,)), Breakdown(("sku",), (circuit, Match("tag:env", ("prod",))))]
    (one,) = plugin.split(made(), needs, Grain.DAY)
    assert one == Breakdown(("region", "sku", "tag:env"), (circuit,))
    assert all(one.answers(need) for need in needs)
    (whole,) = plugin.split(made(), [*needs, Breakdown()], Grain.DAY)
    assert whole == Breakdown(("region", "service", "sku", "tag:env"))


def test_texts_from_outside_are_made_printable() -> None:
    assert printable("a\x1b[31m\n b\u202e") == "a\N{REPLACEMENT CHARACTER}[31m b\N{REPLACEMENT CHARACTER}"
    assert len(printable("x" * 10_000)) == 301
