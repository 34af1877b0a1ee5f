"""A BigQuery with a mind in place of the emulator's: it answers the statements of the gcp adapter from a small table.

It reads of a statement what differs from one question to the next (dimensions, exact filters, the window) and knows
the rest, so that whole configurations can be run where no emulator is installed. tests/gcp holds the statements
themselves against the emulator.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from cloudcircuit_gcp.columns import LAYOUTS, Schema
from tests.gcp.build import ACCOUNT
from tests.gcp.front import TYPES, Google

EXPORTED_AFTER = timedelta(hours=4)
_FOR_EVER = datetime.max.replace(tzinfo=UTC)
_NAMES = {f"NULLIF({text}, '')": name for name, text in LAYOUTS[Schema.STANDARD].dimensions.items()}
_TEXTS = ("STRING", "STRING", "STRING")
_SURVEY = (*_TEXTS, "TIMESTAMP", "TIMESTAMP", "TIMESTAMP", "INTEGER")


@dataclass(frozen=True, slots=True)
class Usage:
    """A row of the export; it was exported a while after it began."""

    begins: datetime
    cost: Decimal
    service: str
    project: str
    currency: str = "USD"
    account: str = ACCOUNT

    def value(self, dimension: str) -> str:
        known = {"provider": "Google Cloud", "billing_account": self.account, "sub_account": self.project}
        known |= {"service": self.service, "sub_account_name": self.project.title(), "region": "us-central1"}
        return {**known, "sku": f"sku of {self.service}"}[dimension]


@dataclass
class Warehouse(Google):
    """`table` is the export, of which the rows that were exported by `loaded_until` are there."""

    table: list[Usage] = field(default_factory=list)
    loaded_until: datetime = _FOR_EVER

    def results(self, name: str) -> dict[str, Any]:
        query = self.jobs[name]["configuration"]["query"]
        values = {each["name"]: _value(each) for each in query.get("queryParameters", [])}
        there = [
            usage
            for usage in self.table
            if values["window_start"] <= usage.begins < values["window_end"]
            and usage.begins + EXPORTED_AFTER <= self.loaded_until
        ]
        text = query["query"]
        if "MIN(begins) AS oldest" in text:
            return _answer(name, _SURVEY, _survey(there))
        dimensions = {place: _NAMES[told] for told, place in re.findall(r"(NULLIF\(.+, ''\)) AS (d\d+)", text)}
        shown = [dimensions[f"d{place}"] for place in re.findall(r"AS g(\d+)", text)]
        wanted = {
            dimensions[place]: values[parameter] for place, parameter in re.findall(r"(d\d+) IN UNNEST\(@(e\d+)", text)
        }
        assert "REGEXP_CONTAINS" not in text, "this warehouse knows exact filters alone"
        assert "(NOT (CASE" not in text, "this warehouse knows exact filters alone"
        rows = _charges(there, shown, wanted, ZoneInfo(values["zone"]))
        return _answer(name, (*TYPES, *["STRING"] * len(shown)), rows)


def _charges(
    there: Iterable[Usage], shown: Sequence[str], wanted: Mapping[str, Sequence[str]], zone: ZoneInfo
) -> Iterable[list[Any]]:
    groups: dict[tuple[Any, ...], list[Usage]] = {}
    for usage in there:
        fits = all(usage.value(name) in values for name, values in wanted.items())
        day = usage.begins.astimezone(zone).date()
        kept = (usage.currency, "regular", *map(usage.value, shown)) if fits else (None,) * (2 + len(shown))
        groups.setdefault((fits, day, usage.account, *kept), []).append(usage)
    for (fits, day, account, money, kind, *values), rows in groups.items():
        cost = str(sum(usage.cost for usage in rows)) if fits else None
        newest = _micros(max(usage.begins for usage in rows) + EXPORTED_AFTER)
        first, second = cost, "0" if fits else None
        yield [str(fits).lower(), f"{day}", account, money, kind, first, second, "0", str(len(rows)), newest, *values]


def _survey(there: Iterable[Usage]) -> Iterable[list[Any]]:
    groups: dict[tuple[str, str, str], list[datetime]] = {}
    for usage in there:
        groups.setdefault((usage.account, usage.currency, usage.project), []).append(usage.begins)
    for key, begins in groups.items():
        first, last = min(begins), max(begins)
        yield [*key, _micros(first), _micros(last), _micros(last + EXPORTED_AFTER), str(len(begins))]


def _answer(name: str, types: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    cells = [{"f": [{"v": value} for value in row]} for row in rows]
    return {
        "jobComplete": True,
        "jobReference": {"projectId": "p", "jobId": name},
        "schema": {"fields": [{"name": f"c{place}", "type": kind} for place, kind in enumerate(types)]},
        "totalRows": str(len(cells)),
        "rows": cells,
    }


def _micros(at: datetime) -> str:
    return str((at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))


def _value(parameter: Mapping[str, Any]) -> Any:
    """The value of a query parameter as the client sends it."""
    value, kind = parameter["parameterValue"], parameter["parameterType"]["type"]
    if kind == "ARRAY":
        return [each["value"] for each in value["arrayValues"]]
    return datetime.fromisoformat(value["value"]) if kind == "TIMESTAMP" else value["value"]
