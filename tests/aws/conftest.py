"""Cost Explorer over the real bill of examples/, and an environment that leads there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.aws.server import Server, serving
from tests.aws.table import PAYER, Table, bill

Start = Callable[..., Server]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No file, variable or metadata service of the machine that runs this."""
    import os

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEKEY000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush-hush")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", PAYER)


@pytest.fixture(autouse=True)
def brief_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other at once, so that time limits can be generous: machines are slow at times."""
    monkeypatch.setattr("cloudcircuit_aws.client.FIRST_WAIT", 0.01)


@pytest.fixture
def real_waits(brief_waits: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudcircuit_aws.client.FIRST_WAIT", 0.5)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    with ExitStack() as stack:

        def begin(table: Table, today: date = date(2018, 12, 1), **settings: Any) -> Server:
            server = stack.enter_context(serving(Server(table, today, **settings), monkeypatch))
            monkeypatch.setenv("AWS_ENDPOINT_URL_COST_EXPLORER", server.url)
            monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
            return server

        yield begin


@pytest.fixture
def server(start: Start) -> Server:
    """The real bill."""
    return start(bill())
