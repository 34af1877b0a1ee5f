"""What stands where in the three exports, as expressions of BigQuery's SQL. Pure: nothing from outside is in them.

Standard and detailed exports: https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables; the FOCUS
export is a preview: its columns are those that it was seen with, and it has neither `Tags` nor `ServiceCategory`.
"""

# ruff: noqa: S608 - the expressions are made of constants

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

PROVIDER = "Google Cloud"


class Schema(StrEnum):
    STANDARD = "standard"
    DETAILED = "detailed"
    FOCUS = "focus"


def amount(column: str) -> str:
    """A column as NUMERIC, null when it is no number (NaN, infinite, 10^29).

    The export's costs are FLOAT64: their shortest text, cut to NUMERIC's nine decimals, is what was billed.
    """
    return f"SAFE.PARSE_NUMERIC(CAST({column} AS STRING))"


def _credits(condition: str) -> str:
    """The sum of a row's credits of one sort, 0 without any, null when one of them is no number."""
    each = amount("credit.amount")
    return (
        f"(SELECT IF(COUNTIF({each} IS NULL) > 0, NULL, IFNULL(SUM({each}), 0)) "
        f"FROM UNNEST(credits) AS credit WHERE {condition})"
    )


@dataclass(frozen=True, slots=True)
class Layout:
    """The expressions of one export.

    `amounts` are two: of the usage exports what is net of discounts, and what promotions pay of it; of the FOCUS export
    BilledCost and EffectiveCost. `labels` are arrays of keys and values, of which the first that has a key counts.
    """

    begins: str
    exported: str
    account: str
    currency: str
    kind: str
    project: str
    amounts: tuple[str, str]
    dimensions: Mapping[str, str]
    labels: tuple[str, ...]
    key: str = "key"
    value: str = "value"


_STANDARD_DIMENSIONS = {
    "service": "service.description",
    "sub_account": "project.id",
    "sub_account_name": "project.name",
    "billing_account": "billing_account_id",
    "region": "location.region",
    "provider": f"'{PROVIDER}'",
    "sku": "sku.id",
}

_PROMOTIONS = "(IFNULL(credit.type, '') = 'PROMOTION')"
"""A promotion pays for what was used; every other credit makes it cheaper."""

_STANDARD = Layout(
    begins="usage_start_time",
    exported="export_time",
    account="billing_account_id",
    currency="currency",
    kind="cost_type",
    project="project.id",
    amounts=(f"{amount('cost')} + {_credits(f'NOT {_PROMOTIONS}')}", _credits(_PROMOTIONS)),
    dimensions=_STANDARD_DIMENSIONS,
    labels=("labels", "project.labels"),
)

_DETAILED = Layout(
    begins=_STANDARD.begins,
    exported=_STANDARD.exported,
    account=_STANDARD.account,
    currency=_STANDARD.currency,
    kind=_STANDARD.kind,
    project=_STANDARD.project,
    amounts=_STANDARD.amounts,
    dimensions={**_STANDARD_DIMENSIONS, "resource": "COALESCE(NULLIF(resource.global_name, ''), resource.name)"},
    labels=_STANDARD.labels,
)

_FOCUS = Layout(
    begins="ChargePeriodStart",
    exported="x_ExportTime",
    account="BillingAccountId",
    currency="BillingCurrency",
    kind="ChargeCategory",
    project="SubAccountId",
    amounts=(amount("BilledCost"), amount("EffectiveCost")),
    dimensions={
        "service": "ServiceName",
        "sub_account": "SubAccountId",
        "sub_account_name": "SubAccountName",
        "billing_account": "BillingAccountId",
        "region": "RegionId",
        "provider": "ProviderName",
        "charge_class": "ChargeClass",
        "sku": "SkuId",
        "resource": "ResourceId",
    },
    labels=("x_Labels", "x_ProjectLabels"),
    key="Key",
    value="Value",
)

LAYOUTS: Mapping[Schema, Layout] = {Schema.STANDARD: _STANDARD, Schema.DETAILED: _DETAILED, Schema.FOCUS: _FOCUS}


def offered_dimensions(schema: Schema) -> tuple[str, ...]:
    return (*LAYOUTS[schema].dimensions, "charge_category")


def missing_dimension(schema: Schema, name: str) -> str | None:
    """Why an export has no such dimension, with the way out; None when it has it."""
    if name.startswith("tag:") or name in offered_dimensions(schema):
        return None
    if name == "resource":
        return "resource is in the detailed export alone: enable it and name gcp_billing_export_resource_v1_… as table"
    if name == "charge_class":
        return "charge_class is in the FOCUS export alone: name gcp_billing_export_focus_… as table"
    return f"{name} is in none of Google's exports; use service or sku instead, or read a FOCUS file that has it"
