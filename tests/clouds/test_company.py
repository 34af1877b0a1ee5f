"""One monitor over three clouds and a file: what a runaway in one of them sets in motion."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.clouds.world import (
    AWS_PROD,
    AZURE_DEV,
    AZURE_PROD,
    BY_ACCOUNT,
    BY_SERVICE,
    COMPANY,
    VM,
    Clouds,
    march,
    noon,
)

RUNAWAY = {
    (march(17), ("azure", AZURE_PROD, VM)): "400",
    (march(18), ("azure", AZURE_PROD, VM)): "450",
}


def test_a_runaway_in_one_cloud_trips_all_that_it_is_part_of(clouds: Clouds) -> None:
    clouds.spend(RUNAWAY)
    clouds.configure(COMPANY, BY_ACCOUNT, BY_SERVICE)
    clouds.read(march(16))

    first = clouds.read(march(17))
    assert "Microsoft / Virtual Machines has already cost $405.00 on 17 March, where a whole day usually costs" in first
    assert f"drivers sub account {AZURE_PROD} $360.00 (100%)" in first
    assert f"same money accounts/Microsoft/{AZURE_PROD}, company" in first
    assert clouds.decide("company", march(17)) == (0, "allow", {"anomaly"})

    second = clouds.read(march(18))
    assert "company has already cost" in second
    assert f"drivers service {VM} $" in second
    assert f"sub account {AZURE_PROD} $" in second
    assert second.count("(tripped)") == 3
    assert "effect programs that ask before they spend are refused" in second
    for circuit in ("company", f"accounts/Microsoft/{AZURE_PROD}", f"services/Microsoft/{VM}"):
        assert clouds.decide(circuit, march(18)) == (20, "block", {"breaker_open", "anomaly"})
    for circuit in (f"accounts/AWS/{AWS_PROD}", f"accounts/Microsoft/{AZURE_DEV}", "services/Microsoft/Storage"):
        assert clouds.decide(circuit, march(18)) == (0, "allow", {"healthy"})


def test_explain_says_what_each_cloud_leaves_out_and_status_what_reading_it_costs(clouds: Clouds) -> None:
    clouds.spend()
    clouds.configure(COMPANY)
    clouds.read(march(17))

    story = clouds.explain("company", march(17))
    for words in (
        "AWS: all record types count: usage, commitments, support, tax, credits, refunds and discounts",
        "taxes, support charges and credits are not in Azure's query figures",
        "tax (category Tax) and corrections (category Adjustment) are included",
        "These sources do not count alike: their sum is no sum of one kind.",
        "lake: complete; data until 16 March 12:00 UTC, 24 hours old",
    ):
        assert words in story, (words, story)

    made = {
        "aws": (len(clouds.aws.seen), f"{len(clouds.aws.seen) / 100:.2f}"),
        "azure": (len(clouds.azure.queries), "0"),
        "gcp": (len([call for call in clouds.gcp.calls if call.is_job]), "0.000059605"),
    }
    told = clouds.status(march(17))["own_costs"]
    assert {name: (cost["today"]["requests"], cost["today"]["dollars"]) for name, cost in told.items()} == made
    assert f"its own cost: {made['aws'][0]} calls, ${made['aws'][1]} today" in " ".join(
        clouds.ok("status", "--at", noon(march(17))).out.split()
    )


def test_data_are_as_old_as_those_of_the_slowest_cloud_and_an_alarm_waits_for_none(clouds: Clouds) -> None:
    """Google's export stands still: nothing settles without it, and what Azure alone has cost is proof enough."""
    clouds.spend(RUNAWAY)
    clouds.configure(COMPANY, BY_ACCOUNT, sources=("azure", "gcp", "lake"))
    clouds.gcp.loaded_until = datetime(2026, 3, 17, 2, tzinfo=UTC)
    clouds.read(march(16))
    assert "Microsoft" in clouds.read(march(17))
    assert "company has already cost $465.00 on 18 March" in clouds.read(march(18))

    assert clouds.decide("company", march(18)) == (20, "block", {"breaker_open", "anomaly"})
    status = clouds.status(march(18))
    sources = {each["source"]: each["watermark"] for each in status["sources"]}
    assert sources == {
        "azure": "2026-03-17T12:00:00Z",
        "gcp": "2026-03-16T01:00:00Z",
        "lake": "2026-03-17T12:00:00Z",
    }
    assert {each["data_as_of"] for each in status["circuits"]} == {sources["gcp"]}
    story = clouds.explain("company", march(18))
    assert "data until 16 March 01:00 UTC, 2 days old; stale from 19 March 01:00 UTC on" in story
    assert "gcp: complete; data until 16 March 01:00 UTC, 2 days old" in story
