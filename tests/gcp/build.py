"""Rows of Google's exports, and the adapter to read them: what the tests of this folder share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cloudcircuit.charges import day_start
from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import SpendQuery
from cloudcircuit.ports import CostAdapter, SpendReport
from cloudcircuit.testing.context import MemoryMeter, adapter_context
from cloudcircuit_gcp import Options, plugin
from tests.gcp.emulator import DATASET, PROJECT

ACCOUNT = "01AB23-CD45EF-678901"
SUFFIX = ACCOUNT.replace("-", "_")
NAMES = {
    "standard": f"gcp_billing_export_v1_{SUFFIX}",
    "detailed": f"gcp_billing_export_resource_v1_{SUFFIX}",
    "focus": f"gcp_billing_export_focus_{SUFFIX}",
}
NOW = datetime(2024, 11, 20, 12, tzinfo=UTC)
ZONE = "America/Los_Angeles"
OCTOBER = (day_start(datetime(2024, 10, 1), ZONE), day_start(datetime(2024, 11, 1), ZONE))


def _field(name: str, kind: str, *fields: dict[str, Any], mode: str = "NULLABLE") -> dict[str, Any]:
    return {"name": name, "type": kind, "mode": mode, **({"fields": list(fields)} if fields else {})}


def _texts(*names: str) -> list[dict[str, Any]]:
    return [_field(name, "STRING") for name in names]


def _pairs(name: str, *keys: str) -> dict[str, Any]:
    return _field(name, "RECORD", *_texts(*keys), mode="REPEATED")


_STANDARD = [
    *_texts("billing_account_id"),
    _field("service", "RECORD", *_texts("id", "description")),
    _field("sku", "RECORD", *_texts("id", "description")),
    _field("usage_start_time", "TIMESTAMP"),
    _field("usage_end_time", "TIMESTAMP"),
    _field("project", "RECORD", *_texts("id", "number", "name", "ancestry_numbers"), _pairs("labels", "key", "value")),
    _pairs("labels", "key", "value"),
    _pairs("system_labels", "key", "value"),
    _field("location", "RECORD", *_texts("location", "country", "region", "zone")),
    _field("export_time", "TIMESTAMP"),
    _field("cost", "FLOAT"),
    *_texts("currency"),
    _field("currency_conversion_rate", "FLOAT"),
    _field("usage", "RECORD", _field("amount", "FLOAT"), *_texts("unit")),
    _field("credits", "RECORD", *_texts("name", "id", "type"), _field("amount", "FLOAT"), mode="REPEATED"),
    _field("invoice", "RECORD", *_texts("month")),
    *_texts("cost_type"),
]

_FOCUS = [
    *_texts("BillingAccountId", "BillingCurrency", "ChargeCategory", "ChargeClass", "ProviderName", "RegionId"),
    *_texts("ResourceId", "ServiceName", "SkuId", "SubAccountId", "SubAccountName"),
    *[_field(name, "TIMESTAMP") for name in ("ChargePeriodStart", "ChargePeriodEnd", "x_ExportTime")],
    *[_field(name, "NUMERIC") for name in ("BilledCost", "EffectiveCost")],
    *[_pairs(name, "Key", "Value") for name in ("x_Labels", "x_ProjectLabels")],
]

SCHEMAS = {
    "standard": _STANDARD,
    "detailed": [*_STANDARD, _field("resource", "RECORD", *_texts("name", "global_name"))],
    "focus": _FOCUS,
}
"""As documented, but for columns that nobody here reads."""


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def labels(**values: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def row(begins: str | datetime = "2024-10-05T10:00", cost: Any = "1.0", **more: Any) -> dict[str, Any]:
    """A row of the standard export: an hour of usage in UTC; `credits` as pairs of type and amount."""
    start = datetime.fromisoformat(begins).replace(tzinfo=UTC) if isinstance(begins, str) else begins
    lowered = [{"name": kind, "type": kind, "amount": amount} for kind, amount in more.pop("credits", ())]
    return {
        "billing_account_id": ACCOUNT,
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": "CF4E-A0C7-E3BF", "description": "N2 Core"},
        "usage_start_time": stamp(start),
        "usage_end_time": stamp(start + timedelta(hours=1)),
        "project": {"id": "web", "number": "1", "name": "Web", "labels": [], "ancestry_numbers": "/1/"},
        "labels": [],
        "system_labels": [],
        "location": {"location": "us-central1", "country": "US", "region": "us-central1", "zone": None},
        "export_time": stamp(start + timedelta(hours=6)),
        "cost": cost,
        "currency": "USD",
        "credits": lowered,
        "invoice": {"month": f"{start:%Y%m}"},
        "cost_type": "regular",
        **more,
    }


def options(url: str = "http://127.0.0.1:9", kind: str = "standard", **more: Any) -> dict[str, Any]:
    return {
        "table": f"{PROJECT}.{DATASET}.{NAMES[kind]}",
        "endpoint": url,
        "billing_endpoint": url,
        **more,
    }


def open_source(chosen: Mapping[str, Any], now: datetime = NOW, meter: MemoryMeter | None = None) -> CostAdapter:
    return plugin.open(Options.model_validate(dict(chosen)), adapter_context(now, meter=meter))


def ask(
    chosen: Mapping[str, Any],
    *dimensions: str,
    now: datetime = NOW,
    seconds: float = 30,
    meter: Any = None,
    **more: Any,
) -> SpendReport:
    known = {"start": OCTOBER[0], "end": OCTOBER[1], "zone": ZONE, **more}
    query = SpendQuery(dimensions=dimensions, **known)
    return open_source(chosen, now, meter).fetch(query, Deadline(seconds))


def refusal(chosen: Mapping[str, Any], *dimensions: str, **more: Any) -> AdapterError:
    """The AdapterError that a question ends in."""
    try:
        report = ask(chosen, *dimensions, **more)
    except AdapterError as error:
        return error
    raise AssertionError(f"nothing was refused: {report}")


def sums(report: SpendReport, *columns: str, cost: str = "BilledCost") -> dict[Any, Decimal]:
    """The amounts by the values of some columns (by one value when it is one column)."""
    totals: dict[Any, Decimal] = {}
    for each in report.table.to_pylist():
        key = tuple(each[column] for column in columns)
        place = key[0] if len(key) == 1 else key
        totals[place] = totals.get(place, Decimal(0)) + each[cost]
    return totals


def write_key(folder: Path, token_url: str) -> Path:
    """The key file of a service account that logs in at `token_url`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    path = folder / "key.json"
    account = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "1",
        "private_key": pem,
        "client_email": "reader@acme-billing.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_url,
    }
    path.write_text(json.dumps(account))
    return path


def total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
