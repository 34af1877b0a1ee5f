"""A real series, day by day: the usage of AWS Glue in October and November 2018.

Derived from the Cost and Usage Reports that AWS published with its Well-Architected labs (Apache-2.0 / MIT-0);
EffectiveCost of Usage in USD, rounded. It doubles on 10-10, wavers for two weeks, stays up, and ends on 11-21.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from cloudcircuit.model import NEW_LEVEL, Action, Mode
from tests.engine.world import DAY, Run, watching

START = datetime(2018, 10, 1, tzinfo=UTC)
OCTOBER = [
    *[52.9] * 8, 54.0, *[105.7] * 5, 102.4, 45.8, 40.8, 98.0, 92.5, 91.5, 82.7, 87.0, 78.2, 48.5, 64.0, 66.3, 98.4,
    96.1, 96.2, 98.4, 97.2,
]  # fmt: skip
NOVEMBER = [
    97.4, 103.1, 98.6, 97.4, 99.9, 96.3, 102.5, 97.8, 99.3, 93.6, 98.0, 100.2, 98.0, 100.2, 118.9, 115.6, 99.1, 95.8,
    101.3, 92.2, *[0.0] * 10,
]  # fmt: skip


def replayed(**settings: Any) -> tuple[Run, dict[date, Action]]:
    """One cycle at each midnight, from an empty state on; the day that has just ended is provisional."""
    days = [*OCTOBER, *NOVEMBER]
    run, served = Run(watching(**settings)), {}
    for n in range(8, len(days) + 1):
        run.daily(days[:n], first=n, start=START)
        assert run.state.decision is not None
        served[(START + n * DAY).date()] = run.state.decision.would
    return run, served


def story(run: Run) -> list[tuple[str, str]]:
    return [(f"{now:%m-%d}", change.kind.value) for now, change in run.told]


def test_observing_it_takes_four_messages_in_two_months() -> None:
    run, _ = replayed(mode=Mode.OBSERVE)
    assert story(run) == [
        ("10-11", "anomaly"),  # the morning after the first day
        ("10-12", "tripped"),
        ("10-20", "reminder"),  # a week later it is open again, after two good days
        ("10-27", "resolved"),
    ]
    last = run.told[-1][1]
    assert last.resolution == NEW_LEVEL, "two good days at the end, yet what lasted for two weeks is now normal"
    assert (last.since, round(last.excess), last.periods) == (START + 9 * DAY, 535, 12)


def test_enforcing_the_second_opening_is_told_for_it_stops_again() -> None:
    run, _ = replayed(mode=Mode.ENFORCE)
    assert story(run) == [("10-11", "anomaly"), ("10-12", "tripped"), ("10-20", "escalated"), ("10-27", "resolved")]


def test_it_blocks_while_spend_is_up_and_lets_go_after_a_good_day() -> None:
    _, served = replayed()
    blocked = [day.strftime("%m-%d") for day, action in served.items() if action is Action.BLOCK]
    assert blocked == [*(f"10-{d}" for d in range(12, 18)), *(f"10-{d}" for d in range(20, 26))]
    assert Action.THROTTLE not in served.values(), "each cooldown ends with a day that decides at once"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"method": "mad", "min_mad": 2.0}, 7),  # it also finds the two days of 118.9 and 115.6
        ({"spike_multiplier": 2.5}, 0),
        ({"failure_threshold": 3}, 5),
        ({"remind_every": None}, 3),
    ],
)
def test_other_settings_are_about_as_quiet(settings: dict[str, Any], told: int) -> None:
    run, _ = replayed(mode=Mode.OBSERVE, **settings)
    assert len(run.told) <= told
