"""Two real bills, and the comparison of what a table says of them with what the adapter for files says of the files."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cloudcircuit.charges import day_start
from cloudcircuit.clock import Deadline
from cloudcircuit.model import SpendQuery
from cloudcircuit.ports import SpendReport
from cloudcircuit.testing import adapter_context
from cloudcircuit_focus import Options, plugin
from tests.sql.build import open_source

ROOT = Path(__file__).parents[2]
AWS, SAMPLE = "examples/aws-2018-10-11.csv", "tests/data/focus/focus_sample.csv"
NOWS = {AWS: datetime(2018, 12, 2, 9, tzinfo=UTC), SAMPLE: datetime(2024, 9, 20, 9, tzinfo=UTC)}
MONTHS = {AWS: ((2018, 10, 1), (2018, 12, 1)), SAMPLE: ((2024, 9, 1), (2024, 10, 1))}


def read(file: str) -> list[dict[str, str | None]]:
    with (ROOT / file).open(newline="") as stream:
        return [{k: v if v not in ("", "NULL") else None for k, v in row.items()} for row in csv.DictReader(stream)]


def question(file: str, zone: str = "UTC", **more: Any) -> SpendQuery:
    first, end = (day_start(datetime(*day).date(), zone) for day in MONTHS[file])
    return SpendQuery(first, end, zone, **more)


def must_say_the_same(url: str, table: str, file: str, more: dict[str, Any]) -> SpendReport:
    """Raises AssertionError unless table and file have the same answer to a question, to the last digit."""
    query, now = question(file, **more), more.get("visible_until", NOWS[file])
    context = adapter_context(now, root=ROOT, lag=timedelta(hours=24))
    by_file = plugin.open(Options.model_validate({"path": file}), context).fetch(query, Deadline(60))
    by_table = open_source(url, table, now=now).fetch(query, Deadline(120))
    assert lines(by_table) == lines(by_file)
    assert by_table.table.num_rows > 1
    assert by_table.table.schema.equals(by_file.table.schema)
    for part in ("watermark", "status", "broken", "accounts", "notes"):
        assert getattr(by_table, part) == getattr(by_file, part), part
    assert set(by_table.dimensions) == set(by_file.dimensions)
    return by_table


def lines(report: SpendReport) -> list[Any]:
    return sorted(sorted((k, str(v)) for k, v in row.items()) for row in report.table.to_pylist())
