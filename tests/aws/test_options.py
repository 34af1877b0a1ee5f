"""The keys of a source, and what is loaded for them."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from cloudcircuit.model import CallCost, Cost
from cloudcircuit_aws import Options, plugin
from tests.aws.build import ask, fetch, open_source
from tests.aws.server import Server


def test_nothing_has_to_be_set() -> None:
    options = Options()
    assert options.metrics == ("UnblendedCost", "AmortizedCost")
    assert (options.request_price, options.daily_cap) == (Decimal("0.01"), Decimal("1.00"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"acces_key": "x"},
        {"role_arn": "arn:aws:iam::1:role/x"},
        {"role_arn": "arn:aws:iam::123456789012:user/x"},
        {"external_id": "abc"},
        {"account": "12345"},
        {"account": 123456789012},
        {"region": "us-east-1/../x"},
        {"region": "evil.example.com"},
        {"billed": "amortized"},
        {"effective": "unblended"},
        {"request_price": "nan"},
        {"request_price": -1},
        {"daily_cap": "inf"},
        {"page_size": 0},
        {"page_size": "500"},
        {"max_pages": 0},
        {"profile": "a\nb"},
        {"profile": ""},
    ],
)
def test_what_is_no_option(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Options(**wrong)


@pytest.mark.parametrize("price", ["0.02", 0.02, Decimal("0.02")])
def test_prices_are_exact_however_they_are_written(server: Server, price: Any) -> None:
    assert fetch(request_price=price).cost == CallCost(3, Decimal("0.06"))


def test_china() -> None:
    assert Options(region="cn-northwest-1", role_arn="arn:aws-cn:iam::123456789012:role/x").region == "cn-northwest-1"


@pytest.mark.parametrize(
    ("billed", "effective", "metrics"),
    [
        ("net_unblended", "net_amortized", ["NetUnblendedCost", "NetAmortizedCost"]),
        ("blended", "none", ["BlendedCost"]),
    ],
)
def test_metrics_of_choice(server: Server, billed: str, effective: str, metrics: list[str]) -> None:
    report = fetch("service", billed=billed, effective=effective)
    assert server.seen[-1]["Metrics"] == metrics
    assert [cost.column in report.table.column_names for cost in Cost] == [True, len(metrics) == 2]


def test_the_scope_says_what_the_figures_are() -> None:
    said = " ".join(plugin.scope(Options(billed="blended", effective="none")))
    assert all(word in said for word in ("BlendedCost", "no EffectiveCost", "UTC", "estimated", "tax", "support"))
    assert "AmortizedCost" in " ".join(plugin.scope(Options()))


def test_naming_the_adapter_loads_no_sdk() -> None:
    code = (
        "import sys, cloudcircuit_aws as a; a.plugin.options(); a.plugin.split(None, [], 'day');"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'boto3', 'botocore', 'pyarrow', 'urllib3'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_opening_makes_no_call(server: Server) -> None:
    open_source(profile="nobody").close()
    assert server.calls == []


def test_a_source_that_was_closed_opens_again(server: Server) -> None:
    from cloudcircuit.clock import Deadline

    source = open_source()
    assert source.fetch(ask(), Deadline(30)).cost.requests > 0
    source.close()
    source.close()
    assert source.fetch(ask("service"), Deadline(30)).told


def test_where_the_environment_leads_is_told(server: Server) -> None:
    assert any("127.0.0.1, which is not AWS" in note for note in fetch().notes)
