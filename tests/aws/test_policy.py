"""The section `aws` of docs/adapters.md: every option stands in it, and its policy allows every call that is made."""

from __future__ import annotations

import json
import re

import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit_aws import Options
from tests.aws.build import NOW, fetch, only, open_source
from tests.aws.server import Server
from tests.aws.table import ROOT

SECTION = (ROOT / "docs" / "adapters.md").read_text().partition("## `aws`")[2].partition("\n## ")[0]

FREE = {"sts:GetCallerIdentity"}
"""Needs no permission: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html."""

pytestmark = pytest.mark.skipif(not SECTION, reason="docs/adapters.md has no section `aws` yet")


def allowed() -> set[str]:
    policies = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", SECTION, re.DOTALL)]
    actions = [statement["Action"] for policy in policies for statement in policy["Statement"]]
    return {each for action in actions for each in ([action] if isinstance(action, str) else action)}


def test_no_call_needs_more_than_the_documented_policy(server: Server) -> None:
    open_source(NOW, account=None).probe(Deadline(30))
    fetch("service", "sub_account", account=None, where=(only("region", "us-east-1"),))
    fetch("tag:team", role_arn="arn:aws:iam::444455556666:role/costs")
    assert set(server.calls) - FREE == allowed(), "nor less: every action of the policy is used"


@pytest.mark.parametrize("option", sorted(Options.model_fields))
def test_every_option_is_documented(option: str) -> None:
    assert f"| `{option}` |" in SECTION
