"""AWS Cost Explorer (`ce`) as a source of spend: one payer account for each source."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from cloudcircuit.ports import AdapterContext, AdapterPlugin, CostAdapter
from cloudcircuit_aws.needs import split, unsupported

Dollars = Annotated[Decimal, Field(ge=0, le=1000, allow_inf_nan=False)]
METRICS = {
    "unblended": "UnblendedCost",
    "net_unblended": "NetUnblendedCost",
    "blended": "BlendedCost",
    "amortized": "AmortizedCost",
    "net_amortized": "NetAmortizedCost",
}


class Options(BaseModel):
    """The keys beside `adapter = "aws"`. Credentials come from boto3's own chain, never from here.

    profile        a profile of the shared AWS configuration; role_arn: a role to assume with those credentials, and
                   the external_id that its trust policy asks for.
    account        the payer's account id; STS is asked for it (which is free) unless it stands here or in role_arn.
    region         where Cost Explorer is: us-east-1 for all of AWS, cn-northwest-1 for China.
    billed         the metric that is BilledCost; effective: the one that is EffectiveCost, `none` leaves that out.
    request_price  dollars for each request, each page counts: https://aws.amazon.com/aws-cost-management/pricing/.
    daily_cap      dollars a day (UTC) beyond which no request is made.
    page_size      rows that a page is assumed to have, for `plan` and for choosing ranges; AWS publishes none.
    max_pages      an answer with more pages than this is given up.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")] | None = None
    role_arn: (
        Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$")] | None
    ) = None
    external_id: (
        Annotated[str, StringConstraints(min_length=2, max_length=1224, pattern=r"^[A-Za-z0-9_+=,.@:/-]+$")] | None
    ) = None
    account: Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")] | None = None
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,}(-[a-z]+)+-[0-9]$")] = "us-east-1"
    billed: Literal["unblended", "net_unblended", "blended"] = "unblended"
    effective: Literal["amortized", "net_amortized", "none"] = "amortized"
    request_price: Dollars = Decimal("0.01")
    daily_cap: Dollars = Decimal("1.00")
    page_size: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 500
    max_pages: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 100

    @model_validator(mode="after")
    def _check_role(self) -> Self:
        if self.external_id is not None and self.role_arn is None:
            raise ValueError("external_id goes with role_arn")
        return self

    @property
    def metrics(self) -> tuple[str, ...]:
        """Cost Explorer's names of the metrics for BilledCost and, if there is one, EffectiveCost."""
        names = (self.billed, self.effective)
        return tuple(METRICS[name] for name in names if name != "none")


def _open(options: Options, context: AdapterContext) -> CostAdapter:
    from cloudcircuit_aws.source import AwsSource

    return AwsSource(options, context)


def _scope(options: Options) -> tuple[str, ...]:
    effective = "no EffectiveCost" if options.effective == "none" else f"EffectiveCost is {options.metrics[1]}"
    return (
        "AWS: all record types count: usage, commitments, support, tax, credits, refunds and discounts",
        f"AWS: BilledCost is {options.metrics[0]}, {effective}",
        "AWS: days are UTC, and figures are estimated until the bill of their month is final",
    )


plugin = AdapterPlugin(
    name="aws",
    options=Options,
    open=_open,
    unsupported=unsupported,
    split=split,
    scope=_scope,
    cuts_days=True,
    requires=("boto3",),
)
