"""What `check --live` sees."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Probe
from tests.aws.build import NOW, open_source
from tests.aws.conftest import Start
from tests.aws.server import Refusal, Server
from tests.aws.table import PAYER, Line, Table


def probe(**options: Any) -> Probe:
    return open_source(NOW, **options).probe(Deadline(30))


def test_what_is_there(server: Server) -> None:
    server.estimated_from = date(2018, 11, 1)
    found = probe()
    assert found.accounts == ("044455556666", PAYER)
    assert found.currencies == ("USD",)
    assert (found.oldest, found.newest) == (datetime(2018, 10, 1, tzinfo=UTC), datetime(2018, 11, 30, tzinfo=UTC))
    said = " | ".join(found.notes)
    assert f"payer account {PAYER}" in said
    assert "estimated since 2018-11-01" in said
    assert "made 2 requests, which cost 0.02 USD" in said
    assert len(server.seen) == 2


def test_today_counts_as_soon_as_it_has_charges(start: Start) -> None:
    table = Table()
    table.add(Line(date(2018, 11, 30)), Line(NOW.date()))
    start(table, today=date(2018, 12, 2))
    assert probe().newest == datetime(2018, 12, 1, tzinfo=UTC)


def test_nothing_is_there(start: Start) -> None:
    start(Table())
    found = probe()
    assert (found.accounts, found.currencies, found.oldest, found.newest) == ((), (), None, None)
    assert any("no data" in note for note in found.notes)


def test_a_probe_that_is_denied(server: Server) -> None:
    server.faults = [Refusal("AccessDeniedException")]
    with pytest.raises(AdapterError, match="ce:GetCostAndUsage"):
        probe()
