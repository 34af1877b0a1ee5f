"""What every adapter must do, done by PostgreSQL and by SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cloudcircuit.charges import Charge
from cloudcircuit.testing import AdapterContract
from cloudcircuit_sql import plugin
from tests.sql.build import REFERENCE, TYPED, run, write

NAMES = (
    *("BillingAccountId", "BillingCurrency", "BillingPeriodStart", "ChargePeriodStart", "ChargeCategory"),
    *("ServiceName", "SubAccountId", "RegionId", "Tags", "BilledCost", "EffectiveCost"),
)


def as_row(charge: Charge) -> dict[str, Any]:
    service, sub_account, region = charge.values
    return {
        "BillingAccountId": "000123",
        "BillingCurrency": charge.currency,
        "BillingPeriodStart": f"{charge.start:%Y-%m-01T00:00:00Z}",
        "ChargePeriodStart": charge.start.isoformat(),
        "ChargeCategory": charge.category,
        "ServiceName": service,
        "SubAccountId": sub_account,
        "RegionId": region,
        "BilledCost": charge.billed,
        "EffectiveCost": charge.effective,
    }


class TestPostgres(AdapterContract):
    plugin = plugin
    options: Mapping[str, Any] = {"url": REFERENCE, "table": "contract.charges"}

    @pytest.fixture(autouse=True)
    def _server(self, postgres: str) -> Iterator[None]:
        self.url = postgres
        self.secrets = {REFERENCE: postgres}
        with ExitStack() as self.stack:
            yield

    def load(self, charges: Sequence[Charge]) -> None:
        write(self.url, "contract.charges", map(as_row, charges), NAMES, **TYPED)

    def hang(self) -> None:
        """Somebody holds the table."""
        other = self.stack.enter_context(psycopg.connect(self.url))
        other.execute("LOCK TABLE contract.charges")

    def break_login(self) -> None:
        self.secrets = {REFERENCE: self.url.replace("postgres:@", "nobody:secret-word@")}

    def vanish(self) -> None:
        run(self.url, "DROP TABLE contract.charges")

    def spoil(self) -> None:
        run(self.url, """UPDATE contract.charges SET "BilledCost" = 'NaN' WHERE ctid = '(0,1)'""")


class TestSqlite(AdapterContract):
    plugin = plugin
    options: Mapping[str, Any] = {"url": REFERENCE, "table": "charges"}

    @property
    def file(self) -> str:
        return str(self.folder / "bill.db")

    @property
    def secrets(self) -> Mapping[str, str]:  # type: ignore[override]  # the folder is each test's own
        return {REFERENCE: f"sqlite:///{self.file}"}

    def load(self, charges: Sequence[Charge]) -> None:
        with sqlite3.connect(self.file) as connection:
            connection.execute("DROP TABLE IF EXISTS charges")
            types = {"ChargePeriodStart": "DATETIME", "BilledCost": "TEXT", "EffectiveCost": "TEXT"}
            columns = ", ".join(f'"{name}" {types.get(name, "TEXT")}' for name in NAMES)
            connection.execute(f"CREATE TABLE charges ({columns})")
            rows = [as_row(charge) for charge in charges]
            values = [[None if row.get(name) is None else str(row[name]) for name in NAMES] for row in rows]
            marks = ", ".join("?" * len(NAMES))
            connection.executemany(f"INSERT INTO charges VALUES ({marks})", values)
        connection.close()

    def hang(self) -> None:
        """Somebody writes, and does not come to an end."""
        self.other = sqlite3.connect(self.file)
        self.other.execute("BEGIN EXCLUSIVE")

    def teardown_method(self) -> None:
        if other := self.__dict__.get("other"):
            other.close()
        super().teardown_method()

    def truncate(self) -> None:
        with Path(self.file).open("r+b") as file:
            file.truncate(5000)

    def garble(self) -> None:
        Path(self.file).write_text("<html>Sign in to the proxy</html>" * 400)

    def vanish(self) -> None:
        Path(self.file).unlink()

    def spoil(self) -> None:
        connection = sqlite3.connect(self.file)
        with suppress(sqlite3.DatabaseError), connection:  # of a file that was cut before
            connection.execute("UPDATE charges SET BilledCost = 'a word' WHERE rowid = 1")
        connection.close()
