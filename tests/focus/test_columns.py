"""Which columns there are: versions of FOCUS, what is missing, what comes and goes between files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.model import Match
from tests.focus.build import fetch, open_source, refusal, row, sums, total, without, write_csv, write_parquet

ONE = Decimal(1)


@pytest.mark.parametrize("name", ["ChargePeriodStart", "BillingCurrency"])
def test_a_required_column_that_is_missing_is_named_with_the_file_and_those_there(tmp_path: Path, name: str) -> None:
    write_csv(tmp_path / "bill.csv", without([row()], name))
    error = refusal(tmp_path)
    assert error.permanent
    assert f"bill.csv has no column {name}" in str(error)
    assert "it has BillingAccountId, SubAccountId" in str(error)


def test_a_file_without_any_cost_is_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", without([row()], "BilledCost", "EffectiveCost"))
    assert "has no column BilledCost or EffectiveCost" in str(refusal(tmp_path))


@pytest.mark.parametrize("cost", ["BilledCost", "EffectiveCost"])
def test_a_cost_that_no_file_has_is_left_out(tmp_path: Path, cost: str) -> None:
    write_csv(tmp_path / "bill.csv", without([row()], cost))
    report = fetch(tmp_path)
    assert cost not in report.table.column_names
    assert report.notes == ()


def test_a_cost_that_only_some_files_have_is_left_out_and_said(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", without([row("2024-10-01")], "EffectiveCost"))
    write_csv(tmp_path / "b.csv", [row("2024-10-02")])
    report = fetch(tmp_path)
    assert "EffectiveCost" not in report.table.column_names
    assert total(report) == 2
    assert report.notes == ("EffectiveCost is left out: a.csv does not have it, other files do",)


def test_no_cost_in_common_is_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", without([row("2024-10-01")], "EffectiveCost"))
    write_csv(tmp_path / "b.csv", without([row("2024-10-02")], "BilledCost"))
    assert "no cost column is in all files" in str(refusal(tmp_path))


def test_a_file_of_something_else_in_the_folder_is_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row()])
    (tmp_path / "owners.csv").write_text("service,owner\nAmazonEC2,ann\n")
    assert "owners.csv has no column ChargePeriodStart, BillingCurrency, BilledCost or" in str(refusal(tmp_path))


def test_a_dimension_without_a_column_is_refused_not_taken_for_none(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", without([row()], "RegionId"))
    error = refusal(tmp_path, "region")
    assert error.permanent
    assert "no file has a column RegionId for the dimension region; there are BillingAccountId" in str(error)


def test_a_filter_without_a_column_is_refused_too(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", without([row()], "Tags"))
    assert "no file has a column Tags for the dimension tag:team" in str(
        refusal(tmp_path, where=(Match("tag:team", ("x",)),))
    )


def test_columns_that_come_and_go_between_files_are_null_where_they_are_missing(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", without([row("2024-10-01")], "RegionId"))
    write_csv(tmp_path / "b.csv", [row("2024-10-02")])
    write_parquet(tmp_path / "c.parquet", without([row("2024-10-03")], "RegionId", "ServiceName"))
    assert sums(fetch(tmp_path, "region", "service"), "RegionId", "ServiceName") == {
        (None, "AmazonEC2"): ONE,
        ("eu-west-1", "AmazonEC2"): ONE,
        (None, None): ONE,
    }


def test_the_order_of_columns_does_not_matter(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [row("2024-10-01")])
    write_csv(tmp_path / "b.csv", [dict(reversed(row("2024-10-02", service="x").items()))])
    assert sums(fetch(tmp_path, "service"), "ServiceName") == {"AmazonEC2": 2}


@pytest.mark.parametrize(
    ("names", "value"),
    [
        ({"ProviderName": "AWS"}, "AWS"),
        ({"ServiceProviderName": "Google"}, "Google"),
        ({"ProviderName": "old", "ServiceProviderName": "new"}, "new"),
        ({"ProviderName": "old", "ServiceProviderName": None}, "old"),
    ],
)
def test_the_provider_of_either_generation(tmp_path: Path, names: dict[str, Any], value: str) -> None:
    write_csv(tmp_path / "bill.csv", [{**without([row()], "ProviderName")[0], **names}])
    report = fetch(tmp_path, "provider", where=(Match("provider", (value,)),))
    assert sums(report, "ProviderName") == {value: ONE}


def test_without_charge_categories_all_is_usage_and_a_note_says_so(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", without([row()], "ChargeCategory"))
    report = fetch(tmp_path)
    assert sums(report, "ChargeCategory") == {"Usage": ONE}
    assert report.notes == ("no file has a column ChargeCategory: all rows are taken for Usage",)
    assert "ChargeCategory for the dimension charge_category" in str(refusal(tmp_path, "charge_category"))


def test_an_empty_charge_category_is_usage_for_filters_too(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row(ChargeCategory=None), row(ChargeCategory="Tax")])
    report = fetch(tmp_path, "charge_category", where=(Match("charge_category", ("Usage",)),))
    assert sums(report, "ChargeCategory") == {"Usage": ONE}
    assert report.notes == ("rows without a ChargeCategory, taken for Usage: 1",)


def test_names_in_another_case_are_found(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [{name.upper(): value for name, value in row().items()}])
    write_parquet(tmp_path / "b.parquet", [{name.lower(): value for name, value in row().items()}])
    assert sums(fetch(tmp_path, "service"), "ServiceName") == {"AmazonEC2": 2}


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bill.csv").write_text("ChargePeriodStart,BillingCurrency,BilledCost,BilledCost\n2024-10-01,USD,1,2\n")
    assert "bill.csv has more than one column BilledCost" in str(refusal(tmp_path))


@pytest.mark.parametrize(
    ("name", "type", "value"),
    [
        ("ChargePeriodStart", pa.int64(), 1727740800),
        ("BilledCost", pa.bool_(), True),
        ("Tags", pa.list_(pa.string()), ["a"]),
    ],
)
def test_a_column_of_a_type_that_cannot_be_one_is_refused(
    tmp_path: Path, name: str, type: pa.DataType, value: Any
) -> None:
    write_parquet(tmp_path / "bill.parquet", [row(**{name: value})], **{name: type})
    assert f"bill.parquet: column {name} has type" in str(refusal(tmp_path))


@pytest.mark.parametrize(
    ("extra", "version"),
    [
        ({}, "1.0"),
        ({"SkuMeter": "x"}, "1.1"),
        ({"InvoiceId": "x"}, "1.2"),
        ({"ServiceProviderName": "x"}, "1.3 or later"),
    ],
)
def test_a_probe_guesses_the_version(tmp_path: Path, extra: dict[str, str], version: str) -> None:
    write_csv(tmp_path / "bill.csv", [row(**extra)])
    assert open_source(tmp_path).probe(Deadline(60)).notes[0] == f"1 file: CSV, FOCUS {version}"


def test_hostile_column_names_harm_nothing(tmp_path: Path) -> None:
    hostile: dict[str, Any] = {
        'a"b': "x",
        "c'd; DROP TABLE cells": "y",
        "file of row": "z",
        "é\n": "w",
        "filename": "v",
    }
    write_csv(tmp_path / "a.csv", [row(**hostile)])
    write_parquet(tmp_path / "b.parquet", [row(**hostile)])
    assert total(fetch(tmp_path, "service")) == 2


def test_the_dimensions_on_offer_are_those_with_a_column(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row(SkuId="x")])
    assert fetch(tmp_path, "tag:team", "service").dimensions == (
        *("service", "sub_account", "billing_account", "region", "provider", "charge_category", "sku"),
        "tag:team",
    )
