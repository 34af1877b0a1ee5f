"""What people read of a source's lateness."""

from __future__ import annotations

import json

import pytest

from cloudcircuit.cli.show import plain
from cloudcircuit.cli.status import lag_line, source_json
from cloudcircuit.engine.settle import HOUR
from cloudcircuit.model import Growing, SourceState
from tests.settle.test_lag import late, read


def source(share: float, hours: float, days: int = 45) -> SourceState:
    return SourceState("aws", growing=Growing("EffectiveCost in USD of aws", "USD", read([late(share, hours)] * days)))


@pytest.mark.parametrize(
    ("state", "lag", "line"),
    [
        (SourceState("aws"), 24, ""),
        (source(0.85, 24, days=9), 24, ""),
        (source(1, 0), 24, ""),
        (source(0.85, 24), 26, ""),
        (
            source(0.85, 24),
            24,
            "usually whole after 26 hours, by 45 days; configured lag 24 hours: what is younger stays provisional; "
            'lag = "26h" would say so',
        ),
        (
            source(1, 0),
            72,
            "usually whole after 2 hours, by 45 days; configured lag 72 hours, which may be shorter",
        ),
        (
            source(0.85, 24),
            96,
            "usually whole after 26 hours, by 45 days; configured lag 96 hours, which may be shorter",
        ),
    ],
)
def test_a_lag_that_does_not_fit_is_said(state: SourceState, lag: int, line: str) -> None:
    assert lag_line(state, lag * HOUR) == line


def test_programs_get_what_was_learned_and_not_what_from() -> None:
    found = json.loads(json.dumps(plain(source_json(source(0.85, 24)))))

    assert found["learned"] == {"lag_hours": 26, "late": True, "settled_days": 45}
    assert "growing" not in found
    assert source_json(SourceState("aws"))["learned"] == {"lag_hours": None, "late": False, "settled_days": 0}
