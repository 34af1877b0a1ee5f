"""A permission that is narrowed: accounts vanish with all their past, and nothing is relaxed on it."""

from __future__ import annotations

import pytest

from tests.clouds.world import (
    AWS_DEV,
    AWS_PROD,
    AZURE_DEV,
    AZURE_PROD,
    BY_ACCOUNT,
    COMPUTE,
    EC2,
    FIRST,
    LAST,
    VM,
    Clouds,
    days,
    noon,
)
from tests.clouds.world import march as on


@pytest.mark.parametrize(
    ("cloud", "provider", "account", "service", "other"),
    [
        ("aws", "AWS", AWS_PROD, EC2, AWS_DEV),
        ("azure", "Microsoft", AZURE_PROD, VM, AZURE_DEV),
        ("gcp", "Google Cloud", "web", COMPUTE, "data-lake"),
    ],
)
def test_an_account_that_is_seen_no_more_keeps_its_breaker(
    clouds: Clouds, cloud: str, provider: str, account: str, service: str, other: str
) -> None:
    circuit = f"accounts/{provider}/{account}"
    clouds.spend({(on(day), (cloud, account, service)): "900" for day in (15, 16)})
    for day in days(FIRST, LAST):
        clouds.charge(day, (cloud, "cccccccc-0000-0000-0000-000000000003", service), "30")
    clouds.configure(BY_ACCOUNT, sources=(cloud,))
    clouds.read(on(15))
    assert "(tripped)" in clouds.read(on(16))

    clouds.forget(cloud, account)
    told = clouds.read(on(17))
    assert f"{cloud} no longer shows account {account}, on any day. A permission may have been narrowed" in told
    assert f'cloudcircuit ack source:{cloud} --reason "…"' in told
    assert clouds.decide(circuit, on(17)) == (20, "block", {"breaker_open", "anomaly"})
    (source,) = clouds.status(on(17))["sources"]
    assert (source["status"], list(source["absent"])) == ("suspicious", [account])

    later = clouds.read(on(19))  # the cooldown is over, and days of nothing have settled
    assert "no longer shows" not in later
    assert clouds.decide(circuit, on(19))[:2] == (10, "throttle")
    assert f"account {account} is gone from what was reported before" in clouds.explain(circuit, on(19))

    clouds.ok("ack", f"source:{cloud}", "--reason", "it was closed", "--owner", "ops", "--at", noon(on(19)))
    assert "back to normal at $0.00 a day" in clouds.read(on(20))
    assert clouds.decide(circuit, on(20)) == (0, "allow", {"healthy"})
    (source,) = clouds.status(on(20))["sources"]
    assert (source["status"], source["absent"]) == ("complete", {})

    clouds.forget(cloud, other)
    once_more = clouds.read(on(22))
    assert f"{cloud} no longer shows account {other}, on any day" in once_more
    (source,) = clouds.status(on(22))["sources"]
    assert (source["status"], list(source["absent"])) == ("suspicious", [other])
