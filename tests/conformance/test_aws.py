"""The contract, over Cost Explorer: each charge is a line behind moto's own web application."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from threading import Event
from typing import Any

import pytest

from cloudcircuit.charges import Charge
from cloudcircuit.testing import AdapterContract
from cloudcircuit_aws import plugin
from tests.aws import conftest
from tests.aws.conftest import Start
from tests.aws.server import Raw, Refusal
from tests.aws.table import PAYER, Line, Table
from tests.conformance.faults import Always

environment, start = conftest.environment, conftest.start


class TestAws(AdapterContract):
    plugin = plugin
    values: Mapping[str, tuple[str | None, ...]] = {
        "service": ("Amazon EC2", "Amazon EC2 * Spot", "AWS Lambda"),
        "sub_account": ("000000000111", PAYER),
        "tag:team": ("search", "Search & Ads", None),
        "region": ("eu-west-1", "us-east-1"),
    }
    currencies = ("USD",)
    zones = ("UTC",)
    own_zone = True
    instants = False
    smallest = Decimal("0.0000000001")
    hidden = ("AKIAEXAMPLEKEY000000", "hush-hush-hush")
    options: Mapping[str, Any] = {"daily_cap": 1000, "account": PAYER}

    @pytest.fixture(autouse=True)
    def server(self, start: Start) -> Iterator[None]:
        self.ended = Event()
        self.provider = start(Table(), self.today, page_size=25)
        yield
        self.ended.set()

    def load(self, charges: Sequence[Charge]) -> None:
        self.provider.table.days.clear()
        self.provider.table.add(*map(self.line, charges))

    def line(self, charge: Charge) -> Line:
        values = dict(zip(self.dimensions, charge.values, strict=True))
        return Line(
            charge.start.date(),
            str(values["service"]),
            str(values["sub_account"]),
            str(values["region"]),
            record_type=charge.category,
            tags=(("team", values["tag:team"]),) if values["tag:team"] else (),
            billed=charge.billed or Decimal(0),
            effective=charge.effective,
            currency=charge.currency,
            hour=charge.start.hour,
        )

    def calls(self) -> int:
        return len([call for call in self.provider.calls if call.startswith("ce:")])

    def break_login(self) -> None:
        self.provider.faults = Always([Refusal("UnrecognizedClientException", 403, "AKIAEXAMPLEKEY000000")])

    def throttle(self, retry_after: float) -> None:
        headers = (("Retry-After", f"{retry_after:.0f}"),)
        self.provider.faults = Always([Refusal("LimitExceededException", 400, "slow down", headers)])

    def hang(self) -> None:
        self.provider.faults = Always([Raw(self.never)])

    def never(self, whole: bytes) -> Iterable[bytes]:
        self.ended.wait(20)
        yield whole

    def truncate(self) -> None:
        self.provider.faults = Always([Raw(lambda whole: [whole[: len(whole) // 2]])])

    def garble(self) -> None:
        self.provider.faults = Always([Raw(lambda _: [b"<html>Sign in to your proxy</html>"])])

    def vanish(self) -> None:
        self.provider.faults = Always([Raw(lambda _: [])])

    def spoil(self) -> None:
        def edit(page: dict[str, Any]) -> None:
            for period in page["ResultsByTime"][-1:]:
                for group in period["Groups"][-1:]:
                    group["Metrics"]["UnblendedCost"]["Amount"] = "NaN"

        self.provider.faults = Always([edit])
