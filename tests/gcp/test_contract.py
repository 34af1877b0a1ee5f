"""The contract of every adapter: all of it by the standard export, figures and time by the FOCUS export.

The emulator answers about two questions a second, so there are few dimensions here; test_model.py has them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from cloudcircuit.charges import Charge
from cloudcircuit.testing.bench import Bench
from cloudcircuit.testing.contract import AdapterContract
from cloudcircuit.testing.table_tests import TableTests
from cloudcircuit.testing.time_tests import TimeTests
from cloudcircuit_gcp import plugin
from tests.gcp import emulator
from tests.gcp.build import ACCOUNT, NAMES, NOW, ZONE, labels, options, row, stamp
from tests.gcp.front import Answer, Google, failure, paths, said

COST_TYPES = {"Usage": "regular", "Tax": "tax", "Adjustment": "adjustment", "Credit": "regular"}


class Exported(Bench):
    """What both have in common: a Google that can fail, with the emulator behind it."""

    plugin = plugin
    schema = "standard"
    zones = (ZONE, "UTC", "Australia/Lord_Howe")
    patience = 8.0
    google: Google

    @pytest.fixture(autouse=True)
    def _google(self, bigquery: Google) -> Iterator[None]:
        self.google = bigquery
        yield

    @property
    def options(self) -> Mapping[str, Any]:
        return options(self.google.url, self.schema)

    def fill(self, rows: Sequence[Mapping[str, Any]]) -> None:
        assert self.google.backend
        emulator.fill(self.google.backend, NAMES[self.schema], rows)

    def break_login(self) -> None:
        refused = said({"error": "invalid_grant", "error_description": "account not found"}, 400)
        self.google.faults.append(paths("POST /token", answer=refused))

    def throttle(self, retry_after: float) -> None:
        answer = failure(429, "rateLimitExceeded", "slow down", Retry_After=str(int(retry_after)))
        self.google.faults.append(paths("/bigquery/", answer=answer))

    def hang(self) -> None:
        self.google.faults.append(paths("/bigquery/", answer=Answer(stall=True)))

    def truncate(self) -> None:
        cut = Answer(body=b'{"jobReference": {"jobId": ', length=4096)
        self.google.faults.append(paths("GET", "/queries/", answer=cut))

    def garble(self) -> None:
        page = Answer(body=b"<html>please log in</html>", headers={"Content-Type": "text/html"})
        self.google.faults.append(paths("/bigquery/", answer=page))

    def vanish(self) -> None:
        gone = failure(404, "notFound", "Not found: Table acme-billing:export.x")
        self.google.faults.append(paths("/bigquery/", answer=gone))

    def calls(self) -> int:
        return sum(call.is_job for call in self.google.calls)


class TestStandardExport(Exported, AdapterContract):
    values: Mapping[str, tuple[str | None, ...]] = {
        "service": ("Compute", "Compute*Spot", None),
        "tag:team": ("core", "a/b=c", None),
    }
    categories = ("Usage", "Credit", "Tax", "Adjustment")

    def charge(self, *args: Any, **more: Any) -> Charge:
        """The export has one cost."""
        return super().charge(*args, **{**more, "effective": None})

    def load(self, charges: Sequence[Charge]) -> None:
        self.fill([self._row(charge) for charge in charges])

    def _row(self, charge: Charge) -> dict[str, Any]:
        service, team = charge.values
        is_credit = charge.category == "Credit"
        return row(
            charge.start,
            cost="0" if is_credit else str(charge.billed),
            credits=[("PROMOTION", str(charge.billed))] if is_credit else (),
            cost_type=COST_TYPES[charge.category],
            currency=charge.currency,
            service={"id": "1", "description": service},
            labels=labels(team=team) if team else [],
            export_time=stamp(NOW - timedelta(hours=1)),
        )

    def spoil(self) -> None:
        assert self.google.backend
        table = f"`{emulator.PROJECT}.{emulator.DATASET}.{NAMES[self.schema]}`"
        statement = f"UPDATE {table} SET cost = CAST('nan' AS FLOAT64) WHERE cost > 1.1 AND cost < 1.3"
        emulator.run(self.google.backend, statement)


class TestFocusExport(Exported, TableTests, TimeTests):
    schema = "focus"
    values: Mapping[str, tuple[str | None, ...]] = {
        "service": ("Compute", "Compute*Spot", None),
        "resource": ("//compute/a", "//compute/b", None),
        "charge_class": ("Correction", None),
    }

    def load(self, charges: Sequence[Charge]) -> None:
        self.fill([_focus(charge) for charge in charges])


def _focus(charge: Charge) -> dict[str, Any]:
    service, resource, charge_class = charge.values
    assert charge.effective is not None
    return {
        "BillingAccountId": ACCOUNT,
        "BillingCurrency": charge.currency,
        "ChargeCategory": charge.category,
        "ChargeClass": charge_class,
        "ProviderName": "Google Cloud",
        "ServiceName": service,
        "ResourceId": resource,
        "ChargePeriodStart": stamp(charge.start),
        "x_ExportTime": stamp(NOW - timedelta(hours=1)),
        "BilledCost": str(charge.billed),
        "EffectiveCost": str(charge.effective),
        "x_Labels": [],
        "x_ProjectLabels": [],
    }


def test_the_zone_of_its_days_is_the_one_of_googles_budgets() -> None:
    assert plugin.timezone == ZONE
