"""What is sent to log in comes back in what is answered: nothing of it is printed, logged or kept.

That no command of the other tests tells a secret is checked after each of them, by the fixture `clouds`.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.aws.server import Raw, Refusal
from tests.azure.fake import Reply
from tests.clouds.conftest import secrets
from tests.clouds.world import BY_ACCOUNT, COMPANY, Clouds, march, noon
from tests.conformance.faults import Always
from tests.gcp.front import Answer, paths

SHORT = 'timeout = "1s"'
COMMANDS = (
    ("run", "--at", noon(march(17))),
    ("status", "--at", noon(march(17))),
    ("status", "--at", noon(march(17)), "--json"),
    ("explain", "company", "--at", noon(march(17))),
    ("explain", "company", "--at", noon(march(17)), "--json"),
    ("history", "--json"),
    ("check", "--live"),
    ("plan",),
)


def refuse(clouds: Clouds, sent: str) -> None:
    """AWS shows what should have been signed, headers and all; the others describe what they were asked."""
    clouds.aws.faults = Always([Refusal("SignatureDoesNotMatch", 403, f"The Canonical String should be {sent}")])
    refused = json.dumps({"error": "invalid_grant", "error_description": f"AADSTS7000222: expired: {sent}"}).encode()
    clouds.azure.login = Always([Reply(401, refused)])
    clouds.gcp.faults.append(paths("/token", answer=Answer(400, refused)))


def stand_between(clouds: Clouds, sent: str) -> None:
    """A proxy answers with a page that shows the request."""
    page = f"<html>blocked: Authorization: {sent}</html>".encode()
    clouds.aws.faults = Always([Raw(lambda _: [page])])
    clouds.azure.script = Always([Reply(200, page, {"Content-Type": "text/html"})])
    clouds.gcp.faults.append(paths("/bigquery/", answer=Answer(200, page, {"Content-Type": "text/html"})))


@pytest.mark.parametrize("answer", [refuse, stand_between])
def test_what_comes_back_of_a_login_is_told_to_nobody(clouds: Clouds, answer: Callable[[Clouds, str], None]) -> None:
    clouds.spend()
    clouds.configure(COMPANY, BY_ACCOUNT, aws=SHORT, azure=SHORT, gcp=SHORT)
    clouds.read(march(16))
    answer(clouds, " ".join(secrets()))
    for command in COMMANDS:
        clouds.run("--debug", *command)

    told = "\n".join(clouds.said)
    for cloud in ("aws", "azure", "gcp"):
        assert f"source {cloud} failed: " in told
    assert "Traceback" not in told
    assert b"company" in clouds.state.read_bytes()
