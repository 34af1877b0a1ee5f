"""Azure's bill through the Query API of Cost Management as a source of spend."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from cloudcircuit.ports import AdapterContext, AdapterPlugin, CostAdapter
from cloudcircuit_azure.facts import what_it_leaves_out
from cloudcircuit_azure.needs import find_unsupported, split_needs
from cloudcircuit_azure.scopes import Scope, parse_scope


def _normalise(text: str) -> str:
    return parse_scope(text).path


Host = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+(:\d{1,5})?$", max_length=255)]
Count = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]


class Options(BaseModel):
    """The keys beside `adapter = "azure"`. Credentials come from Azure's own chain (DefaultAzureCredential).

    scope       what is read: a subscription, resource group, management group, billing account, department, enrolment
                account, billing profile, invoice section or customer, as Azure writes its resource ids.
    amortized   ask for amortised cost as well, which is EffectiveCost; without it there is BilledCost alone.
    column      what the cost is called: some old agreements know it as PreTaxCost alone.
    client_type the header ClientType: Azure gives each its own share of requests; those without one share one.
    cloud       whose endpoints and login: `public`, `china` or `usgovernment`.
    endpoint    another Azure Resource Manager than the cloud's, `https://host`, as in a private cloud.
    authority   another login than the cloud's, `https://host`; Microsoft does not know it, so it is not asked about it.
    client_id   of a user-assigned managed identity; AZURE_CLIENT_ID unless given.
    max_pages   a query that has more pages than this is refused.
    qpu_per_10s, qpu_per_minute, qpu_per_hour
                what all sources of this process together use of the tenant's query processing units; each month of
                each query is one. The defaults are what Azure grants a tenant ("Data latency and rate limits" in
                learn.microsoft.com/azure/cost-management-billing/costs/manage-automation).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scope: Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(_normalise)]
    amortized: Annotated[bool, Field(strict=True)] = True
    column: Literal["Cost", "PreTaxCost"] = "Cost"
    client_type: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "CloudCircuit"
    cloud: Literal["public", "china", "usgovernment"] = "public"
    endpoint: Host | None = None
    authority: Host | None = None
    client_id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f-]{36}$")] | None = None
    max_pages: Count = 200
    qpu_per_10s: Count = 12
    qpu_per_minute: Count = 60
    qpu_per_hour: Count = 600

    @property
    def place(self) -> Scope:
        return parse_scope(self.scope)


def _open(options: Options, context: AdapterContext) -> CostAdapter:
    from cloudcircuit_azure.source import AzureSource

    return AzureSource(options, context)


def _scope(options: Any) -> tuple[str, ...]:
    return what_it_leaves_out(amortized=options.amortized)


plugin = AdapterPlugin(
    name="azure",
    options=Options,
    open=_open,
    unsupported=find_unsupported,
    split=split_needs,
    scope=_scope,
    cuts_days=True,
    requires=("azure.identity", "azure.mgmt.costmanagement"),
)
