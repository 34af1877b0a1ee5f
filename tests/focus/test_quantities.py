"""How much was used, for a question that asks it: as FOCUS tells it, or not at all."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.model import QUANTITY, UNIT, SpendQuery
from cloudcircuit.ports import SpendReport
from tests.focus.build import OCTOBER, fetch, open_source, row, total, write_csv, write_parquet

Told = dict[str | None, float | None]


def quantities(folder: Path, *dimensions: str) -> SpendReport:
    query = SpendQuery(*OCTOBER, dimensions=dimensions, quantities=True)
    return open_source(folder).fetch(query, Deadline(60))


def told(report: SpendReport) -> Told:
    """The quantity of each unit."""
    return {line[UNIT]: line[QUANTITY] for line in report.table.to_pylist()}


def test_quantities_are_added_up_by_unit(tmp_path: Path) -> None:
    rows = [
        row(PricingQuantity="1.5", PricingUnit="Hours"),
        row(PricingQuantity="2.25", PricingUnit="Hours"),
        row(PricingQuantity="100", PricingUnit="GB"),
    ]
    write_csv(tmp_path / "bill.csv", rows)
    report = quantities(tmp_path)
    assert told(report) == {"Hours": 3.75, "GB": 100.0}
    assert str(report.table.schema.field(QUANTITY).type) == "double"
    assert total(report) == total(fetch(tmp_path)) == 3


@pytest.mark.parametrize("bad", ["", "NULL", "many", "NaN", "inf", "-Infinity"])
def test_what_is_no_quantity_has_no_unit_and_keeps_its_money(tmp_path: Path, bad: str) -> None:
    rows = [row(PricingQuantity="2", PricingUnit="Hours"), row(PricingQuantity=bad, PricingUnit="Hours")]
    write_csv(tmp_path / "bill.csv", rows)
    report = quantities(tmp_path)
    assert told(report) == {"Hours": 2.0, None: None}
    assert total(report) == 2
    assert not report.broken


@pytest.mark.parametrize(
    ("kind", "value"), [(pa.float64(), 3.0), (pa.decimal128(20, 6), Decimal(3)), (pa.int64(), 3), (pa.string(), "3")]
)
def test_numbers_of_every_kind(tmp_path: Path, kind: pa.DataType, value: Any) -> None:
    write_parquet(tmp_path / "bill.parquet", [row(PricingQuantity=value, PricingUnit="GB")], PricingQuantity=kind)
    assert told(quantities(tmp_path)) == {"GB": 3.0}


def test_what_was_used_stands_in_for_what_was_priced(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row(ConsumedQuantity="7", ConsumedUnit="Requests")])
    assert told(quantities(tmp_path)) == {"Requests": 7.0}
    both = row(PricingQuantity="0.007", PricingUnit="1k Requests", ConsumedQuantity="7", ConsumedUnit="Requests")
    write_csv(tmp_path / "bill.csv", [both])
    assert told(quantities(tmp_path)) == {"1k Requests": 0.007}


def test_files_without_quantities_beside_files_with_them(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [row("2024-10-01", PricingQuantity="2", PricingUnit="Hours")])
    write_csv(tmp_path / "b.csv", [row("2024-10-02")])
    assert told(quantities(tmp_path)) == {"Hours": 2.0, None: None}


def test_nobody_who_does_not_ask_is_told(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row(PricingQuantity="2", PricingUnit="Hours")])
    assert not {QUANTITY, UNIT} & set(fetch(tmp_path).table.column_names)
    write_csv(tmp_path / "bill.csv", [row()])
    assert not {QUANTITY, UNIT} & set(quantities(tmp_path).table.column_names)
