"""The detector asked about all circuits of a monitor at once, through whole cycles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from cloudcircuit.model import AnomalyPolicy, BreakerState, Phase
from cloudcircuit.service import survey
from cloudcircuit.service.cycle import run_cycle
from cloudcircuit.service.house import House
from tests.service.world import Cloud, a_house, day, heard, watching

SEASONAL = AnomalyPolicy()
DAYS = 70
NAMES = [f"S{number}" for number in range(7)]


def a_cloud(jumps: dict[str, tuple[int, float]] | None = None) -> Cloud:
    """Seven services with noise of their own; a jump begins on a day and stays."""
    cloud, rng = Cloud(), np.random.default_rng(5)
    for place, name in enumerate(NAMES):
        since, times = (jumps or {}).get(name, (DAYS, 1.0))
        for number in range(DAYS):
            level = 40.0 * (place + 1) * (times if number >= since else 1.0)
            cloud.spend(number, round(level * (1 + 0.02 * float(rng.standard_normal())), 2), name)
    return cloud


def services(cloud: Cloud) -> House:
    return a_house(watching("services", per=("service",), anomaly=SEASONAL), aws=cloud)


def read(house: House, *days: int) -> dict[str, BreakerState]:
    for number in days:
        assert run_cycle(house, "aws", day(number)).ok
    return dict(house.store.states())


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(survey, "CHUNK", 3)
    yield


JUMP = {"S4": (60, 2.0)}


@pytest.mark.usefixtures("small_chunks")
def test_each_circuit_hears_its_own_answer_wherever_it_lies() -> None:
    found = read(services(a_cloud(JUMP)), 60, 61, 62, 63)
    assert {name for name, state in found.items() if state.phase is not Phase.CLOSED} == {"services/S4"}
    for place, name in enumerate(NAMES):
        latest = found[f"services/{name}"].latest
        assert latest is not None
        assert latest.expected == pytest.approx(40.0 * (place + 1), rel=0.05)


def test_days_that_were_missed_come_to_the_same_as_if_each_had_been_read() -> None:
    """What fails on one of them is not learned from on the next."""
    daily = read(services(a_cloud(JUMP)), *range(58, 66))
    late = read(services(a_cloud(JUMP)), 58, 65)
    for name, state in daily.items():
        other = late[name]
        assert (state.phase, state.judged_through) == (other.phase, other.judged_through), name
        assert [past.at for past in state.anomalies] == [past.at for past in other.anomalies], name
    assert len(daily["services/S4"].anomalies) >= 3


def test_one_message_and_its_end() -> None:
    """A jump that lasts is told twice, tripped and as the new level, and nobody else is."""
    house = services(a_cloud({"S2": (40, 1.8)}))
    read(house, *range(38, 70))
    told = [(kind, who) for _, kind, who, _ in heard(house)]
    assert {who for _, who in told} == {"services/S2"}
    assert told[0][0] in ("anomaly", "tripped")
    assert told[-1][0] == "resolved"


def test_a_channel_s_allowance_counts_the_circuits_of_all_its_monitors() -> None:
    weekly = AnomalyPolicy(false_alerts_a_week=0.05)
    by_service = watching("services", per=("service",), anomaly=weekly)
    whole = watching("whole", anomaly=weekly)
    elsewhere = watching("elsewhere", per=("service",), anomaly=weekly, channels=("other",))
    scores = {}
    for name, monitors in {"alone": (by_service,), "together": (by_service, whole, elsewhere)}.items():
        house = a_house(*monitors, aws=a_cloud())
        found = read(house, 60, 61)
        latest = found["services/S6"].latest
        assert latest is not None and latest.limit is not None
        scores[name] = latest.limit
    assert scores["alone"] < scores["together"], "shared with one circuit more, each is heard a little later"
