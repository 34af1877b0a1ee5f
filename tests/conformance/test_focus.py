"""The contract, over FOCUS files: each charge is a row of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cloudcircuit.charges import Charge
from cloudcircuit.model import column_of
from cloudcircuit.testing import AdapterContract
from cloudcircuit_focus import plugin


class TestFocus(AdapterContract):
    plugin = plugin

    @property
    def options(self) -> Mapping[str, Any]:
        return {"path": "export"}

    @property
    def file(self) -> Path:
        return self.folder / "export" / "charges.csv"

    def load(self, charges: Sequence[Charge]) -> None:
        self.write([self.row(charge) for charge in charges])

    def row(self, charge: Charge) -> dict[str, Any]:
        return {
            "BillingAccountId": "000123",
            "BillingPeriodStart": month_of(charge.start).isoformat(),
            "ChargePeriodStart": charge.start.isoformat(),
            "BillingCurrency": charge.currency,
            "ChargeCategory": charge.category,
            "BilledCost": f"{charge.billed:f}",
            "EffectiveCost": f"{charge.effective:f}",
            **dict(zip(map(column_of, self.dimensions), charge.values, strict=True)),
        }

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.file.parent.mkdir(exist_ok=True)
        names = list(self.row(self.charge(self.today, "0")))
        with self.file.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, names)
            writer.writeheader()
            writer.writerows(rows)

    def vanish(self) -> None:
        self.file.unlink()

    def truncate(self) -> None:
        data = self.file.read_bytes()
        self.file.write_bytes(data[: len(data) // 2])

    def garble(self) -> None:
        self.file.write_text("<html><body>Sign in to your proxy</body></html>\n")

    def spoil(self) -> None:
        rows = [self.row(charge) for charge in self.two_weeks()]
        self.write([*rows[:-1], {**rows[-1], "BilledCost": "NaN"}])


def month_of(at: datetime) -> datetime:
    """The start of the billing month of an instant in UTC."""
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
