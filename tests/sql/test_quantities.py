"""How much was used, for a question that asks it: summed by unit where the table tells it as a number."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from cloudcircuit.clock import Deadline
from cloudcircuit.model import QUANTITY, UNIT
from cloudcircuit.ports import SpendReport
from tests.sql.build import TYPED, fetch, open_source, question, write

ROW: dict[str, Any] = {
    "ChargePeriodStart": "2024-10-05",
    "BillingCurrency": "USD",
    "ServiceName": "AmazonEC2",
    "BilledCost": "1.25",
    "PricingQuantity": "2",
    "PricingUnit": "Hours",
}
TYPES = {**TYPED, "PricingQuantity": "numeric"}


def ask(url: str, table: str = "quantities", **more: Any) -> SpendReport:
    return open_source(url, table).fetch(replace(question("service", **more), quantities=True), Deadline(60))


def told(report: SpendReport) -> dict[str | None, tuple[Decimal, float | None]]:
    return {line[UNIT]: (line["BilledCost"], line[QUANTITY]) for line in report.table.to_pylist()}


def test_quantities_are_added_up_by_unit(postgres: str) -> None:
    rows = [ROW, {**ROW, "PricingQuantity": "0.5"}, {**ROW, "PricingUnit": "GB", "PricingQuantity": "100"}]
    write(postgres, "quantities", rows, **TYPES)
    report = ask(postgres)
    assert told(report) == {"Hours": (Decimal("2.5"), 2.5), "GB": (Decimal("1.25"), 100.0)}
    assert str(report.table.schema.field(QUANTITY).type) == "double"


def test_what_is_no_quantity_has_no_unit_and_keeps_its_money(postgres: str) -> None:
    rows = [ROW, {**ROW, "PricingQuantity": None}, {**ROW, "PricingUnit": "GB", "PricingQuantity": "NaN"}]
    write(postgres, "quantities", rows, **TYPES)
    report = ask(postgres)
    assert told(report) == {"Hours": (Decimal("1.25"), 2.0), None: (Decimal("2.5"), None)}
    assert not report.broken


def test_what_was_used_stands_in_and_texts_are_left_alone(postgres: str) -> None:
    row = {**ROW, "ConsumedQuantity": "7", "ConsumedUnit": "Requests"}
    write(postgres, "quantities", [row], **{**TYPED, "ConsumedQuantity": "double precision"})
    assert told(ask(postgres)) == {"Requests": (Decimal("1.25"), 7.0)}
    write(postgres, "quantities", [ROW], **TYPED)
    assert not {QUANTITY, UNIT} & set(ask(postgres).table.column_names)


def test_nobody_who_does_not_ask_is_told(postgres: str) -> None:
    write(postgres, "quantities", [ROW], **TYPES)
    assert not {QUANTITY, UNIT} & set(fetch(postgres, "quantities", "service").table.column_names)


def test_an_engine_that_adds_up_inexactly_is_added_up_here(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "bill.db") as connection:
        connection.execute(
            "CREATE TABLE quantities (ChargePeriodStart TEXT, BillingCurrency TEXT, ServiceName TEXT,"
            " BilledCost NUMERIC, PricingQuantity REAL, PricingUnit TEXT)"
        )
        rows = [tuple(ROW.values()), tuple(ROW.values()), tuple({**ROW, "PricingQuantity": 0.5}.values())]
        connection.executemany("INSERT INTO quantities VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.close()
    assert told(ask(f"sqlite:///{tmp_path / 'bill.db'}")) == {"Hours": (Decimal("3.75"), 4.5)}
