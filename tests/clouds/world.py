"""A company on three clouds, with one more bill in a FOCUS file, and the commands of an operator who watches it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from cloudcircuit.clock import FixedClock
from tests.aws.server import Server
from tests.aws.table import PAYER, Line
from tests.azure.build import ACCOUNT as ENROLMENT
from tests.azure.fake import Fake, spend
from tests.cli.terminal import Answer, Terminal
from tests.clouds.warehouse import Usage, Warehouse
from tests.gcp.build import NAMES
from tests.gcp.emulator import DATASET, PROJECT

EC2, S3 = "Amazon Elastic Compute Cloud - Compute", "Amazon Simple Storage Service"
AWS_PROD, AWS_DEV = "000000000111", "000000000222"
VM, STORAGE = "Virtual Machines", "Storage"
AZURE_PROD, AZURE_DEV = "aaaaaaaa-0000-0000-0000-000000000001", "bbbbbbbb-0000-0000-0000-000000000002"
SUBSCRIPTIONS = {AZURE_PROD: "Shop", AZURE_DEV: "Try-outs"}
COMPUTE, BIGQUERY = "Compute Engine", "BigQuery"
LAKE = "lakehouse-7"

Place = tuple[str, str, str]
"""Whose cloud (aws, azure, gcp, lake), the account there, the service."""

USUAL: Mapping[Place, str] = {
    ("aws", AWS_PROD, EC2): "60",
    ("aws", AWS_PROD, S3): "20",
    ("aws", AWS_DEV, EC2): "15",
    ("azure", AZURE_PROD, VM): "40",
    ("azure", AZURE_PROD, STORAGE): "10",
    ("azure", AZURE_DEV, VM): "5",
    ("gcp", "web", COMPUTE): "30",
    ("gcp", "web", BIGQUERY): "10",
    ("gcp", "data-lake", BIGQUERY): "5",
    ("lake", "workspace-1", "Databricks"): "20",
}
"""Dollars a day: 95 in AWS, 55 in Azure, 45 in Google Cloud, 20 in the file; 215 in all."""

SOURCES: Mapping[str, str] = {
    "aws": f'adapter = "aws"\naccount = "{PAYER}"',
    "azure": (
        f'adapter = "azure"\nscope = "{ENROLMENT}"\nendpoint = "{{azure}}"\nauthority = "{{azure}}"\n'
        "qpu_per_10s = 100000\nqpu_per_minute = 100000\nqpu_per_hour = 100000"
    ),
    "gcp": (
        f'adapter = "gcp"\ntable = "{PROJECT}.{DATASET}.{NAMES["standard"]}"\n'
        'endpoint = "{gcp}"\nbilling_endpoint = "{gcp}"'
    ),
    "lake": 'adapter = "focus"\npath = "lake.csv"',
}

FIRST, LAST = date(2026, 2, 25), date(2026, 3, 24)


def march(day: int) -> date:
    return date(2026, 3, day)


def monitor(name: str, *lines: str) -> str:
    """A monitor that enforces."""
    return "\n".join([f"[monitors.{name}]", 'currency = "USD"', 'mode = "enforce"', *lines, ""])


COMPANY = monitor("company", "budget = { amount = 9000 }")
BY_ACCOUNT = monitor("accounts", 'per = ["provider", "sub_account"]')
BY_SERVICE = monitor("services", 'per = ["provider", "service"]')


@dataclass(frozen=True)
class Clouds(Terminal):
    """A terminal beside three clouds. `wall` is the machine's clock, `said` all that commands have printed."""

    aws: Server
    azure: Fake
    gcp: Warehouse
    wall: FixedClock
    said: list[str] = field(default_factory=list)

    # --- what things cost ---------------------------------------------------------------------------------

    def spend(self, changed: Mapping[tuple[date, Place], str] | None = None) -> None:
        """Four weeks of days that cost what they usually do, but for what is changed."""
        for day in days(FIRST, LAST):
            for place, usual in USUAL.items():
                self.charge(day, place, (changed or {}).get((day, place), usual))
        self.write_lake()

    def charge(self, day: date, place: Place, amount: str) -> None:
        cloud, account, service = place
        if cloud == "aws":
            self.aws.table.add(Line(day, service, account, billed=Decimal(amount)))
        elif cloud == "azure":
            names = {
                "SubscriptionId": account,
                "SubscriptionName": SUBSCRIPTIONS.get(account, "Other"),
                "ServiceName": service,
            }
            self.azure.table.append(spend(day.isoformat(), float(amount), **names))
        elif cloud == "gcp":
            hours = (9, 13, 17, 21)  # in UTC: all of them lie on the same day in Los Angeles
            for hour in hours:
                begins = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
                self.gcp.table.append(Usage(begins, Decimal(amount) / len(hours), service, account))

    def forget(self, cloud: str, account: str) -> None:
        """Whoever reads the bill may no longer see an account: its past is gone, too."""
        if cloud == "aws":
            for day, lines in list(self.aws.table.days.items()):
                self.aws.table.remake(day, [line for line in lines if line.account != account])
        elif cloud == "azure":
            self.azure.table = [each for each in self.azure.table if each.dims["SubscriptionId"] != account]
        else:
            self.gcp.table = [usage for usage in self.gcp.table if usage.project != account]

    def write_lake(self, account: str = LAKE) -> None:
        columns = (
            "BillingAccountId,SubAccountId,ServiceName,ProviderName,BillingCurrency,ChargeCategory,ChargePeriodStart,"
            "BilledCost,EffectiveCost"
        )
        with (self.folder / "lake.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(columns.split(","))
            for day in days(FIRST, LAST):
                what = (account, "workspace-1", "Databricks", "Databricks", "USD", "Usage")
                writer.writerow((*what, f"{day.isoformat()}T00:00:00Z", "20", "20"))

    # --- what is configured -------------------------------------------------------------------------------

    def configure(self, *monitors: str, sources: tuple[str, ...] = tuple(SOURCES), **extra: str) -> None:
        """Write the configuration; `extra` are more lines of a source."""
        tables = [self.source(name, extra.get(name, "")) for name in sources]
        console = '[notifiers.console]\ntype = "console"\n'
        (self.folder / "cloudcircuit.toml").write_text("\n".join([*tables, console, *monitors]))

    def source(self, kind: str, more: str = "", name: str | None = None) -> str:
        options = SOURCES[kind].format(azure=self.azure.url, gcp=self.gcp.url)
        return f"[sources.{name or kind}]\n{options}\n{more}\n"

    # --- what is run --------------------------------------------------------------------------------------

    def run(self, *arguments: str) -> Answer:
        answer = super().run(*arguments)
        self.said.append(answer.out + answer.err)
        return answer

    def read(self, day: date, code: int = 0) -> str:
        """What is printed by one cycle of every source, as if it were noon; without line breaks."""
        answer = self.run("run", "--at", noon(day))
        assert answer.code == code, answer.out + answer.err
        return flat(answer.out)

    def decide(self, circuit: str, day: date) -> tuple[int, str, set[str]]:
        """The exit code of `decide`, what is served, and for which reasons."""
        answer = self.run("decide", circuit, "--at", noon(day), "--json")
        return answer.code, answer.json["action"], set(answer.json["reasons"])

    def explain(self, circuit: str, day: date) -> str:
        return flat(self.ok("explain", circuit, "--at", noon(day)).out)

    def status(self, day: date) -> Any:
        return self.ok("status", "--at", noon(day), "--json").json

    @property
    def state(self) -> Path:
        return self.folder / "state" / "cloudcircuit.db"


def days(first: date, last: date) -> Iterator[date]:
    for place in range((last - first).days + 1):
        yield first + timedelta(days=place)


def noon(day: date) -> str:
    return f"{day.isoformat()}T12:00"


def flat(text: str) -> str:
    """Without the line breaks of a terminal."""
    return " ".join(text.split())
