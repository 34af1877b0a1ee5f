"""Credentials come from boto3's chain; roles, renewal, and whose bill it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from cloudcircuit.errors import AdapterError
from cloudcircuit.testing.context import MemoryMeter
from tests.aws.build import fetch
from tests.aws.server import Refusal, Server
from tests.aws.table import PAYER

ROLE = "arn:aws:iam::444455556666:role/costs/reader"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


def write(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)


def refusal(**options: Any) -> AdapterError:
    meter = MemoryMeter()
    with pytest.raises(AdapterError) as caught:
        fetch("service", meter=meter, seconds=5, **options)
    assert meter.calls == [], "nothing is counted before there are credentials"
    return caught.value


def test_a_profile_of_its_own(server: Server, bare: None, tmp_path: Path) -> None:
    write(tmp_path, "credentials", "[costs]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = x\n")
    assert fetch("service", profile="costs").broken == {}
    assert set(server.keys) == {"AKIAPROFILE"}


def test_no_credentials_at_all(server: Server, bare: None) -> None:
    error = refusal()
    assert "no credentials were found (boto3's credential chain" in str(error)
    assert error.permanent


def test_a_profile_that_does_not_exist(server: Server) -> None:
    error = refusal(profile="nobody")
    assert "no profile of this name" in str(error)
    assert error.permanent


def test_half_a_profile(server: Server, bare: None, tmp_path: Path) -> None:
    write(tmp_path, "credentials", "[costs]\naws_access_key_id = AKIAPROFILE\n")
    assert "half-written profile" in str(refusal(profile="costs"))


def test_a_configuration_that_is_none(server: Server, bare: None, tmp_path: Path) -> None:
    write(tmp_path, "config", "[profile costs\nx")
    assert "shared AWS configuration is not usable" in str(refusal(profile="costs"))


def test_single_sign_on_that_has_expired(server: Server, bare: None, tmp_path: Path) -> None:
    write(
        tmp_path,
        "config",
        "[profile costs]\nsso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\n"
        "sso_account_id = 111122223333\nsso_role_name = x\n",
    )
    error = refusal(profile="costs")
    assert "log in again" in str(error)
    assert not error.permanent


def test_a_process_that_gives_no_credentials(server: Server, bare: None, tmp_path: Path) -> None:
    write(tmp_path, "config", f"[profile costs]\ncredential_process = {sys.executable} -c 'exit(\"hush-hush-hush\")'\n")
    error = refusal(profile="costs")
    assert "credentials could not be fetched" in str(error)
    assert "hush" not in str(error)


def test_a_role_with_an_external_id(server: Server) -> None:
    report = fetch("service", account=None, role_arn=ROLE, external_id="our:ticket/7")
    assert report.accounts == {"444455556666"}, "the account stands in the role"
    assert server.calls[0] == "sts:AssumeRole"
    assert server.sts[0]["RoleArn"] == [ROLE]
    assert server.sts[0]["ExternalId"] == ["our:ticket/7"]
    assert server.keys[0] != server.keys[1], "Cost Explorer is asked with the credentials of the role"
    assert server.calls.count("sts:AssumeRole") == 1


def test_a_role_that_is_denied(server: Server) -> None:
    server.sts_faults = [Refusal("AccessDenied", 403, "not authorized to perform: sts:AssumeRole")]
    error = refusal(role_arn=ROLE)
    assert "denies sts:AssumeRole" in str(error)
    assert error.permanent


def test_whose_bill_it_is_costs_nothing(server: Server) -> None:
    meter = MemoryMeter()
    report = fetch("billing_account", account=None, meter=meter)
    assert report.accounts == {PAYER}
    assert server.calls.count("sts:GetCallerIdentity") == 1
    assert len(meter.calls) == len(server.seen)


def test_credentials_that_know_their_account_ask_nobody(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCOUNT_ID", "222233334444")
    assert fetch("service", account=None).accounts == {"222233334444"}
    assert set(server.calls) == {"ce:GetCostAndUsage"}


def test_without_an_answer_of_sts_nobody_knows(server: Server) -> None:
    server.sts_faults = [Refusal("AccessDenied", 403)] * 2
    report = fetch("service", account=None)
    assert report.accounts == frozenset()
    assert any("`account`" in note for note in report.notes)
    with pytest.raises(AdapterError, match="set `account`"):
        fetch("billing_account", account=None)


def test_an_account_that_is_configured_asks_nobody(server: Server) -> None:
    report = fetch("billing_account", account="999988887777")
    assert report.accounts == {"999988887777"}
    assert set(server.calls) == {"ce:GetCostAndUsage"}


def test_credentials_that_expire_amid_a_reading_are_read_anew(server: Server, bare: None, tmp_path: Path) -> None:
    write(tmp_path, "credentials", "[costs]\naws_access_key_id = AKIAOLD\naws_secret_access_key = x\n")

    def rotate(page: dict[str, Any]) -> None:
        write(tmp_path, "credentials", "[costs]\naws_access_key_id = AKIANEW\naws_secret_access_key = x\n")

    server.faults = [rotate, Refusal("ExpiredTokenException")]
    report = fetch("service", profile="costs")
    assert report.broken == {}
    assert server.keys[:4] == ["AKIAOLD", "AKIAOLD", "AKIANEW", "AKIANEW"]


def test_credentials_that_stay_expired_are_an_error(server: Server) -> None:
    server.faults = [Refusal("ExpiredTokenException")] * 5
    with pytest.raises(AdapterError, match=r"have expired.*renew them") as caught:
        fetch("service")
    assert len(server.calls) == 2
    assert not caught.value.permanent
