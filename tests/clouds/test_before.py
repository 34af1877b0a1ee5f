"""Before anything is read for good: `plan` tells the bill, `check --live` what each source sees."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.aws.table import PAYER
from tests.clouds.world import (
    AWS_DEV,
    AWS_PROD,
    AZURE_DEV,
    AZURE_PROD,
    BY_ACCOUNT,
    BY_SERVICE,
    COMPANY,
    LAKE,
    Clouds,
    flat,
)
from tests.gcp.build import ACCOUNT as BILLING


def added(costs: list[dict[str, Any]]) -> dict[str, Any]:
    dollars = sum((Decimal(cost["dollars"]) for cost in costs), Decimal(0))
    return {
        "requests": sum(cost["requests"] for cost in costs),
        "dollars": f"{dollars:f}",
        "bytes": sum(cost["bytes"] for cost in costs),
    }


def test_a_plan_adds_up_calls_bytes_and_dollars_and_asks_nothing_that_costs(clouds: Clouds) -> None:
    clouds.spend()
    clouds.configure(COMPANY, BY_ACCOUNT, BY_SERVICE)
    plan = clouds.ok("plan", "--json").json
    costs = {name: source["costs"] for name, source in plan["sources"].items()}
    assert list(costs) == ["aws", "azure", "gcp", "lake"]
    for source in plan["sources"].values():
        assert source["costs"]["reading"] == added([step["cost"] for step in source["steps"] if not step["once"]])
        assert source["costs"]["first_reading"] == added([step["cost"] for step in source["steps"]])
        assert source["costs"]["a_day"] == added([source["costs"]["reading"]] * 4)
    for total, each in (("a_day", "a_day"), ("a_month", "a_month"), ("first_readings", "first_reading")):
        assert plan["total"][total] == added([cost[each] for cost in costs.values()])
    assert costs["aws"]["reading"] == {"requests": 3, "dollars": "0.03", "bytes": 0}
    assert costs["gcp"]["reading"] == {"requests": 2, "dollars": "0.000059605", "bytes": 10**6}
    assert costs["lake"]["reading"]["bytes"] == (clouds.folder / "lake.csv").stat().st_size

    assert (clouds.aws.calls, clouds.azure.calls) == ([], [])
    assert {call.is_dry for call in clouds.gcp.calls if call.is_job} == {True}
    assert not clouds.state.exists()


def test_a_plan_holds_what_the_first_reading_and_the_next_one_then_cost(clouds: Clouds) -> None:
    """With the numbers of accounts and services as they are."""
    clouds.spend()
    clouds.configure(COMPANY, BY_ACCOUNT, BY_SERVICE)
    sources = clouds.ok("plan", "--accounts", "2", "--services", "2", "--json").json["sources"]
    clouds.gcp.calls.clear()
    made: list[tuple[int, int, int]] = []
    for at in ("2026-03-19T12:00", "2026-03-20T12:00"):
        clouds.ok("run", "--at", at)
        jobs = [call for call in clouds.gcp.calls if call.is_job]
        made.append((len(clouds.aws.seen), len(clouds.azure.queries), len(jobs)))
    planned = [
        tuple(sources[name]["costs"][which]["requests"] for name in ("aws", "azure", "gcp"))
        for which in ("first_reading", "reading")
    ]
    second = tuple(after - before for before, after in zip(*made, strict=True))
    assert all(is_ <= said for is_, said in zip(made[0], planned[0], strict=True)), (made, planned)
    assert all(is_ <= said for is_, said in zip(second, planned[1], strict=True)), (made, planned)


def test_people_read_the_plan_source_by_source(clouds: Clouds) -> None:
    clouds.spend()
    clouds.configure(COMPANY, BY_ACCOUNT, BY_SERVICE)
    lines = [flat(line) for line in clouds.ok("plan").out.splitlines()]
    for line in (
        "source aws aws, read every 6h",
        "a reading 3 $0.03",
        "source azure azure, read every 6h",
        "source gcp gcp, read every 6h",
        "a day, 4 readings 8 4.0 MB $0.0002",
        "source lake focus, read every 6h",
    ):
        assert line in lines, line
    table = lines[lines.index("all sources calls bytes dollars") :]
    assert [line.partition(" ")[0] for line in table[1:4]] == ["a", "a", "first"]
    assert "$0.1202" in table[1]


def test_a_live_check_shows_for_each_source_what_it_sees(clouds: Clouds) -> None:
    clouds.spend()
    clouds.configure(COMPANY, BY_ACCOUNT)
    clouds.gcp.loaded_until = clouds.wall.at
    place = f"/v1/billingAccounts/{BILLING}"
    account = {"name": place[4:], "displayName": "Acme Ltd", "open": True, "currencyCode": "USD"}
    clouds.gcp.billing = {
        place: account,
        f"{place}/projects": {"projectBillingInfo": [{"projectId": "web", "billingEnabled": True}]},
    }
    live = clouds.ok("check", "--live", "--json").json["live"]
    found = {each["name"]: flat(" ".join(each["notes"])) for each in live}
    assert f"accounts {AWS_PROD}, {AWS_DEV}; in USD charges from 25 February 00:00 UTC" in found["aws"]
    assert f"payer account {PAYER}" in found["aws"]
    assert "this check made 2 requests, which cost 0.02 USD" in found["aws"]
    assert f"accounts {AZURE_PROD}, {AZURE_DEV}; in USD" in found["azure"]
    assert "to 20 March 00:00 UTC, 15 hours behind" in found["azure"]
    assert f"accounts {BILLING}; in USD" in found["gcp"]
    assert "to 20 March 09:00 UTC, 6 hours behind" in found["gcp"]
    assert "Acme Ltd) is open; its currency is USD" in found["gcp"]
    assert "projects with charges that are no longer linked to it: data-lake" in found["gcp"]
    assert f"accounts {LAKE}; in USD charges from 25 February 00:00 UTC to" in found["lake"]
    assert len(clouds.aws.seen) == 2

    screen = clouds.ok("check", "--live").out
    assert screen.count("✔  source") == 4
