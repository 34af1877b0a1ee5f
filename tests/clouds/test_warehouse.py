"""The BigQuery of this folder answers the adapter as the emulator does, which runs the statements for what they say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.model import Match, Where
from cloudcircuit.ports import SpendReport
from tests.clouds.warehouse import EXPORTED_AFTER, Usage, Warehouse
from tests.gcp import conftest as gcp
from tests.gcp import emulator
from tests.gcp.build import NAMES, ask, open_source, options, row, stamp
from tests.gcp.front import Google, serving

backend = gcp.backend
NOW = datetime(2024, 11, 1, 12, tzinfo=UTC)
OTHER = "0AAAAA-0BBBBB-0CCCCC"


def usages() -> Iterator[Usage]:
    for day in range(4):
        begins = datetime(2024, 10, 29, 5, tzinfo=UTC) + timedelta(days=day)  # before midnight in Los Angeles
        for hour in (0, 4, 20):
            yield Usage(begins + timedelta(hours=hour), Decimal("1.25") * (day + hour + 1), "Compute Engine", "web")
        yield Usage(begins, Decimal("0.5"), "BigQuery", "web", "EUR")
        yield Usage(begins, Decimal("7"), "BigQuery", "lake", account=OTHER)


def in_export(usage: Usage) -> dict[str, Any]:
    return row(
        usage.begins,
        str(usage.cost),
        service={"description": usage.service},
        sku={"id": usage.value("sku")},
        project={"id": usage.project, "name": usage.value("sub_account_name"), "labels": []},
        location={"region": usage.value("region")},
        currency=usage.currency,
        billing_account_id=usage.account,
        export_time=stamp(usage.begins + EXPORTED_AFTER),
    )


@pytest.fixture
def both(backend: str, key_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Google, Google]]:
    rows = list(usages())
    emulator.fill(backend, NAMES["standard"], list(map(in_export, rows)))
    with serving(Google(backend)) as real, serving(Warehouse(table=rows)) as own:
        gcp._logged_in(own, key_folder, monkeypatch)
        yield real, own


def told(report: SpendReport) -> list[Any]:
    cells = sorted(tuple(map(str, cell.values())) for cell in report.table.to_pylist())
    return [cells, report.watermark, report.accounts, report.told, report.status]


@pytest.mark.parametrize(
    ("dimensions", "where"),
    [
        ((), ()),
        (("provider", "service"), ()),
        (("region", "sub_account", "sub_account_name"), (Match("service", ("Compute Engine",), exact=True),)),
        (("sku",), (Match("sub_account", ("lake",), exact=True), Match("service", ("BigQuery",), exact=True))),
    ],
)
def test_it_answers_as_the_emulator_does(
    both: tuple[Google, Google], dimensions: tuple[str, ...], where: Where
) -> None:
    one, other = (ask(options(google.url), *dimensions, where=where, now=NOW) for google in both)
    assert told(one) == told(other)
    assert one.table.num_rows >= 4


def test_it_answers_the_check_as_the_emulator_does(both: tuple[Google, Google]) -> None:
    one, other = (open_source(options(google.url), NOW).probe(Deadline(30)) for google in both)
    assert one == other
    assert one.currencies == ("EUR", "USD")
