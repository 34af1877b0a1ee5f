"""What Cost Explorer charges for asking: each request is counted, and none is made beyond the cap of the day."""

from __future__ import annotations

from datetime import timedelta

from tests.clouds.world import AWS_PROD, BY_ACCOUNT, COMPANY, EC2, Clouds, flat, march, noon

CAP = "daily_cap = 0.05"
REFUSED = "its calls may cost $0.05 a day and $0.05 are spent (the next call costs $0.01)"
RUNAWAY = {(march(day), ("aws", AWS_PROD, EC2)): "500" for day in (15, 16)}


def counted(clouds: Clouds) -> tuple[int, str, int]:
    """Requests and dollars of today, and requests of the month."""
    costs = clouds.status(march(18))["own_costs"]["aws"]
    return costs["today"]["requests"], costs["today"]["dollars"], costs["month"]["requests"]


def test_questions_for_drivers_are_paid_and_counted(clouds: Clouds) -> None:
    clouds.spend(RUNAWAY)
    clouds.configure(COMPANY, BY_ACCOUNT, sources=("aws",))
    clouds.read(march(14))
    before = len(clouds.aws.seen)
    told = clouds.read(march(15))

    assert f"drivers service {EC2} $440.00 (100%)" in told
    asked = [request for request in clouds.aws.seen[before:] if "Filter" in request]
    assert {"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": [AWS_PROD]}} in [each["Filter"] for each in asked]
    requests = len(clouds.aws.seen)
    assert counted(clouds) == (requests, f"{requests / 100:.2f}", requests)


def test_the_cap_of_a_day_is_never_exceeded_and_the_next_day_goes_on(clouds: Clouds) -> None:
    clouds.spend(RUNAWAY)
    clouds.configure(COMPANY, BY_ACCOUNT, sources=("aws",), aws=CAP)
    clouds.read(march(14))
    told = clouds.read(march(15))
    assert f"AWS / {AWS_PROD} has already cost $520.00 on 15 March" in told
    assert "drivers" not in told  # an alert is worth more than its drivers, and the cap more than these
    assert len(clouds.aws.seen) == 5

    stopped = clouds.read(march(16), code=1)
    assert f"source aws failed: {REFUSED}; it is asked again at 00:00 UTC; raise `daily_cap`" in stopped
    assert f"aws failing (1 times): {REFUSED}" in flat(clouds.ok("status", "--at", noon(march(16))).out)
    assert f"aws: failing (1 times): {REFUSED}" in clouds.explain("company", march(16))
    assert clouds.decide("company", march(16)) == (0, "allow", {"anomaly"})
    live = clouds.run("check", "--live")
    assert (live.code, REFUSED in flat(live.out)) == (1, True)
    clouds.read(march(17), code=1)
    assert counted(clouds) == (5, "0.05", 5)
    assert len(clouds.aws.seen) == 5

    clouds.wall.at += timedelta(days=1)
    assert "(tripped)" in clouds.read(march(18))
    assert clouds.decide("company", march(18)) == (20, "block", {"breaker_open", "anomaly", "forecast_breach"})
    today = len(clouds.aws.seen) - 5
    assert 0 < today <= 5
    assert counted(clouds) == (today, f"{today / 100:.2f}", 5 + today)
