"""The contract, over a Cost Management that listens on loopback: each charge is one of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from cloudcircuit.charges import Charge
from cloudcircuit.model import Grain
from cloudcircuit.testing import AdapterContract
from cloudcircuit_azure import plugin
from tests.azure import conftest
from tests.azure.build import ACCOUNT
from tests.azure.fake import SECRET, TOKEN, Fake, Reply, Spend, error
from tests.conformance.faults import Always

authority, server, azure = conftest.authority, conftest.server, conftest.azure

STALE = "s3cret-of-last-year~"
CHARGE_TYPES = {"Usage": "Usage", "Tax": "Tax", "Adjustment": "Refund"}
COLUMNS = {"service": "ServiceName", "sub_account": "SubscriptionId", "region": "ResourceLocation"}


class TestAzure(AdapterContract):
    plugin = plugin
    values: Mapping[str, tuple[str | None, ...]] = {
        "service": ("Virtual Machines", "Virtual Machines * Spot", "Storage", None),
        "sub_account": ("00000000-0000-0000-0000-000000000111", "aaaaaaaa-0000-0000-0000-000000000001", None),
        "region": ("eu west", "us east", None),
        "tag:team": ("search", "Search & Ads", None),
    }
    categories = ("Usage", "Tax", "Adjustment")
    grains = (Grain.DAY,)
    zones = ("UTC",)
    own_zone = True
    instants = False
    smallest = Decimal("0.000001")  # Azure's amounts are JSON numbers
    hidden = (SECRET, STALE, TOKEN)

    @property
    def options(self) -> Mapping[str, Any]:
        own = {"scope": ACCOUNT, "endpoint": self.provider.url, "authority": self.provider.url}
        return {**own, "qpu_per_10s": 100_000, "qpu_per_minute": 100_000, "qpu_per_hour": 100_000}

    @pytest.fixture(autouse=True)
    def provide(self, azure: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
        self.provider = azure
        self.environment = monkeypatch
        azure.page_size = 25

    def load(self, charges: Sequence[Charge]) -> None:
        self.provider.table = [self.spend(charge) for charge in charges]

    def spend(self, charge: Charge) -> Spend:
        values = {name: value for name, value in zip(self.dimensions, charge.values, strict=True) if value is not None}
        return Spend(
            charge.start.date(),
            float(charge.billed or 0),
            float(charge.effective or 0),
            {
                "PricingModel": "OnDemand",
                "ChargeType": CHARGE_TYPES[charge.category],
                **{column: values.get(name, "") for name, column in COLUMNS.items()},
            },
            {"team": values["tag:team"]} if "tag:team" in values else {},
            charge.currency,
        )

    def calls(self) -> int:
        return len(self.provider.queries)

    def break_login(self) -> None:
        self.environment.setenv("AZURE_CLIENT_SECRET", STALE)  # the fake's answer has it in its text

    def throttle(self, retry_after: float) -> None:
        headers = {"x-ms-ratelimit-microsoft.costmanagement-tenant-retry-after": f"{retry_after:.0f}"}
        self.provider.script = Always([error(429, "429", "Too many requests. Please retry.", **headers)])

    def hang(self) -> None:
        self.provider.script = Always([Reply(drip_head=True, drip=5.0)])

    def truncate(self) -> None:
        self.provider.script = Always([Reply(200, b'{"properties": {"rows": [[1.5,' * 50, cut=60)])

    def garble(self) -> None:
        self.provider.script = Always([Reply(200, b"<html>Sign in to your proxy</html>")])

    def vanish(self) -> None:
        self.provider.script = Always([error(404, "SubscriptionNotFound", "no such scope")])

    def spoil(self) -> None:
        def edit(found: dict[str, Any]) -> dict[str, Any]:
            for row in found["properties"]["rows"][-1:]:
                row[0] = "NaN"
            return found

        self.provider.edit = edit
