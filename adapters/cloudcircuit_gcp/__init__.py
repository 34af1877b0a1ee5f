"""Google Cloud's billing export in BigQuery as a source of spend."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ByteSize, ConfigDict, Field, StringConstraints, field_validator, model_validator

from cloudcircuit.model import Breakdown, Grain
from cloudcircuit.ports import AdapterContext, AdapterPlugin, CostAdapter
from cloudcircuit_gcp.columns import Schema, missing_dimension
from cloudcircuit_gcp.names import PROJECT, Table, check_endpoint, guess_account, guess_schema, parse_table

LEAST_BYTES = 10 * 2**20
"""What BigQuery charges at least for a query (10 MB, as for each table that it reads)."""

Endpoint = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s@]+$")]


class Options(BaseModel):
    """The keys beside `adapter = "gcp"`. Credentials come from Google's own chain (Application Default Credentials).

    table            the export, `project.dataset.table`, or a view on it.
    schema           `standard`, `detailed` or `focus`; `auto` tells it from the table's name.
    project          the project that runs and pays the queries; the table's unless given.
    location         where the dataset lies (`EU`, `europe-west1`); BigQuery finds it by itself where it can.
    partitioned      false for a view or a copy without `_PARTITIONTIME`: each query then reads all of it.
    partition_slack  days before the window whose partitions are read too. A row is never loaded before its usage, so
                     this only has to cover how partitions cut days; there is no upper bound, corrections come late.
    max_bytes        a query that would read more is not run; BigQuery is told the same as `maximum_bytes_billed`.
    price_per_tib    dollars for 2^40 bytes read: 6.25 is the on-demand price of the multi-region US
                     (https://cloud.google.com/bigquery/pricing); 0 under a reservation.
    daily_cap        dollars that the queries of a day may cost, by BigQuery's own estimate beforehand.
    billing_account  whom the check asks Cloud Billing about, `0X0X0X-0X0X0X-0X0X0X`; from the table's name unless
                     given; false asks nothing.
    endpoint, billing_endpoint  other than the public ones of BigQuery and Cloud Billing, for Private Service Connect.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    table: Annotated[str, StringConstraints(min_length=1, max_length=2100)]
    layout: Annotated[Literal["auto", "standard", "detailed", "focus"], Field(alias="schema")] = "auto"
    project: Annotated[str, StringConstraints(pattern=PROJECT)] | None = None
    location: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,62}$")] | None = None
    partitioned: Annotated[bool, Field(strict=True)] = True
    partition_slack: Annotated[int, Field(ge=1, le=31, strict=True)] = 2
    max_bytes: Annotated[ByteSize, Field(ge=LEAST_BYTES)] = ByteSize(10 * 10**9)
    price_per_tib: Annotated[Decimal, Field(ge=0, le=1000, allow_inf_nan=False)] = Decimal("6.25")
    daily_cap: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)] = Decimal("1.00")
    billing_account: (
        Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$")] | Literal[False] | None
    ) = None
    endpoint: Endpoint = "https://bigquery.googleapis.com"
    billing_endpoint: Endpoint = "https://cloudbilling.googleapis.com"

    @field_validator("table")
    @classmethod
    def _check_table(cls, text: str) -> str:
        parse_table(text)
        return text

    @field_validator("endpoint", "billing_endpoint")
    @classmethod
    def _check_endpoint(cls, url: str) -> str:
        return check_endpoint(url)

    @model_validator(mode="after")
    def _check_schema(self) -> Self:
        if self.layout == "auto" and guess_schema(self.source) is None:
            raise ValueError(
                "schema cannot be told from the table's name; set schema to standard, detailed or focus "
                "(and partitioned = false for a view)"
            )
        return self

    @property
    def source(self) -> Table:
        return parse_table(self.table)

    @property
    def kind(self) -> Schema:
        guessed = guess_schema(self.source) if self.layout == "auto" else self.layout
        return Schema(guessed or Schema.STANDARD)

    @property
    def runner(self) -> str:
        """The project that runs the queries."""
        return self.project or self.source.project

    @property
    def account(self) -> str | None:
        """The billing account to ask Cloud Billing about."""
        if self.billing_account is False:
            return None
        return self.billing_account or guess_account(self.source)


def _open(options: Options, context: AdapterContext) -> CostAdapter:
    from cloudcircuit_gcp.client import GcpSource

    return GcpSource(options, context)


def _unsupported(options: Options, need: Breakdown, _grain: Grain) -> tuple[str, ...]:
    names = dict.fromkeys([*need.dimensions, *(match.dimension for match in need.where)])
    found = (missing_dimension(options.kind, name) for name in names)
    return tuple(sentence for sentence in found if sentence is not None)


def _scope(options: Options) -> tuple[str, ...]:
    if options.kind is Schema.FOCUS:
        return (
            "costs and charge categories are the ones of Google's FOCUS export (a preview): promotional credits are "
            "netted into them as Google does it",
        )
    return (
        "usage is net of discounts (sustained use, commitments, reseller, free tier); promotional credits stand apart "
        "as charges of category Credit",
        "tax (category Tax) and corrections (category Adjustment) are included; support is usage of its own service",
        "BilledCost and EffectiveCost are the same: the export amortises nothing, and commitments are billed by the "
        "hour as usage of their own",
    )


def _split(_options: Options, needs: Sequence[Breakdown], _grain: Grain) -> tuple[Breakdown, ...]:
    """One query for all: BigQuery charges for what it reads, however finely it is split."""
    common = tuple(match for match in needs[0].where if match.exact and all(match in need.where for need in needs))
    asked = {name for need in needs for name in need.dimensions}
    asked |= {match.dimension for need in needs for match in need.where if match not in common}
    return (Breakdown(tuple(sorted(asked)), common),)


plugin = AdapterPlugin(
    name="gcp",
    options=Options,
    open=_open,
    unsupported=_unsupported,
    split=_split,
    scope=_scope,
    timezone="America/Los_Angeles",
    requires=("google.cloud.bigquery", "google.cloud.billing_v1"),
)
