"""A cloud that does not answer: what hangs on it is held, the others are judged, and people hear of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.aws.server import Refusal
from tests.azure.fake import error
from tests.clouds.world import AWS_PROD, COMPANY, S3, Clouds, flat, march, monitor, noon
from tests.conformance.faults import Always
from tests.gcp.front import failure, paths

OF_AWS = monitor("amazon", 'sources = ["aws"]')
OF_AZURE = monitor("microsoft", 'sources = ["azure"]')


def test_a_cloud_that_is_down_holds_what_hangs_on_it_and_nothing_else(clouds: Clouds) -> None:
    clouds.spend({(march(day), ("aws", AWS_PROD, S3)): "100" for day in (16, 17)})
    clouds.configure(COMPANY, OF_AWS, OF_AZURE, sources=("aws", "azure"), azure='timeout = "1s"')
    clouds.read(march(15))
    clouds.azure.script = Always([error(503, "ServiceUnavailable", "We are down")])

    first = clouds.read(march(16), code=1)
    assert "source azure failed: Azure has trouble of its own (HTTP 503)" in first
    assert "blind" not in first
    assert clouds.decide("microsoft", march(16)) == (0, "allow", {"healthy"})

    second = clouds.read(march(17), code=1)
    assert "azure is blind: its data end 3 days ago. Breakers keep their last decision" in second
    assert "monitors company, microsoft" in second
    assert clouds.decide("amazon", march(17)) == (20, "block", {"breaker_open", "anomaly"})
    for circuit in ("company", "microsoft"):
        assert clouds.decide(circuit, march(17)) == (30, "allow", {"stale"})
    assert "azure: failing (2 times): Azure has trouble" in clouds.explain("company", march(17))

    clouds.azure.script = []
    back = clouds.read(march(18))
    assert "azure sees again" in back
    assert "azure is blind" not in back
    assert clouds.decide("microsoft", march(18)) == (0, "allow", {"healthy"})
    kinds = [event["kind"] for event in clouds.ok("history", "azure", "--json").json]
    assert kinds == ["source_blind", "source_back"]


Refuse = Callable[[Clouds, pytest.MonkeyPatch], None]


def refuse_aws(clouds: Clouds, _: pytest.MonkeyPatch) -> None:
    clouds.aws.faults = Always([Refusal("UnrecognizedClientException", 403, "no AKIAEXAMPLEKEY000000")])


def refuse_azure(_: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "s3cret-of-last-year~")


def refuse_gcp(clouds: Clouds, _: pytest.MonkeyPatch) -> None:
    clouds.gcp.faults.append(paths("/token", answer=failure(401, "invalid_grant")))


@pytest.mark.parametrize(
    ("cloud", "refuse", "words"),
    [
        ("aws", refuse_aws, "AWS refuses the credentials"),
        ("azure", refuse_azure, "the login was refused: AADSTS7000215: Invalid client secret provided"),
        ("gcp", refuse_gcp, "Google does not accept the credentials"),
    ],
)
def test_a_refused_login_makes_a_source_blind_at_once(
    clouds: Clouds, monkeypatch: pytest.MonkeyPatch, cloud: str, refuse: Refuse, words: str
) -> None:
    clouds.spend()
    clouds.configure(COMPANY, monitor("rest", 'sources = ["lake"]'), sources=(cloud, "lake"))
    clouds.read(march(15))
    refuse(clouds, monkeypatch)

    told = clouds.read(march(16), code=1)
    assert f"source {cloud} failed: {words}" in told
    assert f"{cloud} is blind: {words}" in told
    assert clouds.decide("company", march(16)) == (0, "allow", {"healthy"})
    assert clouds.decide("company", march(18)) == (30, "allow", {"stale"})
    assert clouds.decide("rest", march(16)) == (0, "allow", {"healthy"})
    assert f"source {cloud} failing (1 times): {words}" in flat(clouds.ok("status", "--at", noon(march(16))).out)
    live = clouds.run("check", "--live", "--json")
    assert live.code == 1
    answers = {each["name"]: (each["ok"], flat(" ".join(each["notes"]))) for each in live.json["live"]}
    assert answers[cloud][0] is False
    assert words in answers[cloud][1]
    assert answers["lake"][0] is True
