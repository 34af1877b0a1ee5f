"""Three clouds on loopback, each behind its own SDK, login and wire, and a terminal beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from cloudcircuit.clock import FixedClock, SystemClock
from tests.aws import conftest as aws
from tests.aws.conftest import Start
from tests.aws.table import Table
from tests.azure import conftest as microsoft
from tests.azure.fake import SECRET, Fake
from tests.azure.fake import TOKEN as AZURE_TOKEN
from tests.cli import conftest as cli
from tests.cli.terminal import Terminal
from tests.clouds.warehouse import Warehouse
from tests.clouds.world import Clouds
from tests.gcp import conftest as google
from tests.gcp.front import TOKEN as GOOGLE_TOKEN
from tests.gcp.front import serving

environment, start = aws.environment, aws.start
authority, server, azure = microsoft.authority, microsoft.server, microsoft.azure
key_folder, terminal = google.key_folder, cli.terminal


@pytest.fixture
def warehouse(key_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    found = Warehouse()
    with serving(found):
        google._logged_in(found, key_folder, monkeypatch)
        yield found


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    """The machine's clock, which tells the day that calls are counted on, and `check` and `plan` what is now."""
    clock = FixedClock(datetime(2026, 3, 20, 15, tzinfo=UTC))
    monkeypatch.setattr(SystemClock, "now", lambda _: clock.at)
    return clock


@pytest.fixture
def clouds(terminal: Terminal, start: Start, azure: Fake, warehouse: Warehouse, wall: FixedClock) -> Iterator[Clouds]:
    """Clouds without a charge in them. Whatever a test does there, no secret is told or kept."""
    shop = start(Table(), date(2026, 3, 31))
    found = Clouds(terminal.folder, terminal.capsys, shop, azure, warehouse, wall)
    yield found
    kept = [path.read_bytes().decode("latin-1") for path in (found.folder / "state").rglob("*") if path.is_file()]
    for secret in secrets():
        assert not any(secret in text for text in (*found.said, *kept)), secret


def secrets() -> list[str]:
    """What this machine logs in with."""
    key = json.loads(Path(os.environ["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())
    lines = [line for line in key["private_key"].splitlines() if not line.startswith("-----")]
    names = ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AZURE_CLIENT_SECRET")
    return [SECRET, AZURE_TOKEN, GOOGLE_TOKEN, *lines, *(os.environ[name] for name in names)]
