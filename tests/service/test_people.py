"""What people do: it takes effect, it is kept, and it takes nothing with it that nobody meant."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cloudcircuit.errors import Conflict, UsageError
from cloudcircuit.model import Action, Phase, Reason
from cloudcircuit.service import operate
from cloudcircuit.service.acts import ActIndex
from cloudcircuit.service.cycle import refresh
from cloudcircuit.service.house import House
from cloudcircuit.service.operate import act
from tests.service.world import (
    HOUR,
    Cloud,
    Fragile,
    a_house,
    acknowledging,
    an_act,
    answer,
    cycle,
    cycles,
    day,
    served,
    state_of,
    told,
    watching,
)


def running_wild(*services: str, **settings: Any) -> House:
    """Services of 100 a day that cost 500 from day 10 on, and one that does not."""
    cloud = Cloud()
    for service in services:
        cloud.steady(range(-20, 10), 100, service)
        cloud.steady(range(10, 60), 500, service)
    cloud.steady(range(-20, 60), 100, "calm")
    return a_house(watching(per=("service",), **settings), aws=cloud)


# --- overrides ----------------------------------------------------------------------------------------------


def test_an_override_is_served_at_once_until_it_ends_and_blocks_nobody_by_itself() -> None:
    house = running_wild("EC2")
    cycles(house, range(9, 13))
    assert served(house, 12)["m/EC2"] is Action.BLOCK
    act(house.store, an_act("override", "m/EC2", at=12.1, until=12.5, action=Action.ALLOW))

    found = answer(house, 12.2, "m/EC2")
    assert (found.action, found.would, found.valid_until) == (Action.ALLOW, Action.BLOCK, day(12.2) + 7.2 * HOUR)
    assert Reason.OVERRIDE in found.reasons
    assert served(house, 12.2)["m/calm"] is Action.ALLOW
    refresh(house, day(12.2))
    refresh(house, day(12.5))

    assert served(house, 12.5)["m/EC2"] is Action.BLOCK
    assert [kind for kind, _ in told(house)] == ["anomaly", "tripped", "escalated"]


def test_the_newest_override_wins_and_a_glob_covers_every_circuit_that_fits() -> None:
    house = running_wild("EC2", "EBS")
    cycles(house, range(9, 11))
    act(house.store, an_act("override", "m/E*", at=10.1, until=20, action=Action.BLOCK))
    act(house.store, an_act("override", "m/EBS", at=10.2, until=20, action=Action.THROTTLE))

    expected = {"m/EC2": Action.BLOCK, "m/EBS": Action.THROTTLE, "m/calm": Action.ALLOW}
    assert served(house, 10.5) == expected
    refresh(house, day(10.5))
    assert {name: s.decision.action for name, s in house.store.states().items() if s.decision} == expected


def test_an_index_finds_what_a_look_at_every_act_finds() -> None:
    from cloudcircuit.engine.decide import covers

    acts = [
        an_act("expect", match, at=n) for n, match in enumerate(["m", "m/a", "m/*", "?/a", "m/a", "*", "m/[a]", ""])
    ]
    for circuit in ("m", "m/a", "m/b", "x", "m/[a]", "", "m/*"):
        assert sorted(one.at for one in ActIndex(acts).of(circuit)) == [one.at for one in acts if covers(one, circuit)]


# --- expectations and silences ------------------------------------------------------------------------------


def test_announced_spend_raises_what_is_expected_and_stays_out_of_the_baseline() -> None:
    house = running_wild("EC2")
    act(house.store, an_act("expect", "m/EC2", at=9, until=14, amount=Decimal(400)))
    cycles(house, range(9, 14))
    assert told(house) == []

    cycles(house, range(14, 17))

    assert told(house) == [("anomaly", "m/EC2"), ("tripped", "m/EC2")]
    assert [past.at for past in state_of(house, "m/EC2").anomalies] == [day(14)]


def test_a_silence_mutes_messages_and_nothing_else() -> None:
    house = running_wild("EC2")
    act(house.store, an_act("silence", "m/*", at=9, until=14))
    cycles(house, range(9, 14))

    assert told(house) == []
    assert served(house, 13)["m/EC2"] is Action.BLOCK
    lines = [line for line in house.store.history("m/EC2") if line.kind in {"transition", "blocked"}]
    assert [(line.detail["told"], line.detail["silenced"]) for line in lines[1:]] == [
        (["anomaly"], True),
        (["tripped"], True),
    ]


def test_a_silenced_circuit_speaks_for_no_other() -> None:
    """The service is the narrower one, and would speak for the total: the same money."""
    house = running_wild("EC2")
    house = replace(house, monitors=(*house.monitors, watching("total")))
    act(house.store, an_act("silence", "m/EC2", at=9, until=30))

    cycles(house, range(9, 13))

    assert told(house) == [("anomaly", "total"), ("tripped", "total")]


# --- acknowledging and clearing -----------------------------------------------------------------------------


def test_an_acknowledged_rise_becomes_what_is_normal_and_is_not_repeated() -> None:
    house = running_wild("EC2")
    cycles(house, range(9, 13))
    act(house.store, an_act("ack", "m/EC2", at=12.1))
    cycles(house, range(13, 40))

    assert "reminder" not in {kind for kind, _ in told(house)}
    assert state_of(house, "m/EC2").phase is Phase.CLOSED
    assert told(house)[-1] == ("resolved", "m/EC2")


def test_clearing_starts_clean_ends_the_overrides_by_name_and_new_evidence_trips_again() -> None:
    house = running_wild("EC2")
    cycles(house, range(9, 13))
    act(house.store, an_act("override", "m/EC2", at=12.1, until=40, action=Action.BLOCK))
    act(house.store, an_act("override", "*", at=12.1, until=12.3, action=Action.THROTTLE))
    act(house.store, an_act("clear", "m/EC2", at=12.2))

    assert state_of(house, "m/EC2").phase is Phase.CLOSED
    assert served(house, 12.25) == {"m/EC2": Action.THROTTLE, "m/calm": Action.THROTTLE}
    refresh(house, day(12.4))
    assert served(house, 12.4)["m/EC2"] is Action.ALLOW
    assert {one.id for one in house.store.acts() if one.ended_at} == {"override-m/EC2-12.1"}


def test_every_act_is_kept_with_owner_and_reason_in_one_write_with_what_it_changes() -> None:
    house = running_wild("EC2")
    cycles(house, range(9, 13))
    store = Fragile(house.store)

    act(store, an_act("clear", "m/EC2", at=12.2))

    (commit,) = store.commits
    assert [state.circuit for state in commit.states] == ["m/EC2"]
    assert [(line.kind, line.subject, line.detail["owner"]) for line in commit.history] == [("clear", "m/EC2", "ann")]
    assert [one.kind for one in house.store.acts()] == ["clear"]


def test_the_same_act_again_changes_nothing() -> None:
    house = running_wild("EC2")
    cycles(house, range(9, 13))
    for kind, more in (("clear", {}), ("silence", {"until": 20}), ("ack", {})):
        new = an_act(kind, "m/EC2", at=12.1, **more)
        act(house.store, new)
        before = (state_of(house, "m/EC2"), len(house.store.history("m/EC2")))
        act(house.store, new)
        assert (state_of(house, "m/EC2"), len(house.store.history("m/EC2"))) == before

    with pytest.raises(Conflict, match="another act"):
        act(house.store, replace(an_act("silence", "m/EC2", at=12.1, until=20), owner="eve"))


def test_a_person_who_is_beaten_to_it_reads_again() -> None:
    house = running_wild("EC2")
    cycles(house, range(9, 12))
    store = Fragile(house.store)
    store.before[0] = lambda: cycle(house, 12)

    act(store, an_act("ack", "m/EC2", at=12))

    assert (state_of(house, "m/EC2").acked_at, state_of(house, "m/EC2").phase) == (day(12), Phase.OPEN)


def test_an_act_that_is_never_let_through_is_given_up_and_leaves_no_trace() -> None:
    house = running_wild("EC2")
    cycles(house, range(9, 12))
    store = Fragile(house.store)
    for place in range(operate.TRIES):
        store.before[place] = acknowledging(house, "m/EC2", 11 + place / 100)

    with pytest.raises(Conflict, match="try again"):
        act(store, an_act("clear", "m/EC2", at=11.5))
    assert "clear" not in {one.kind for one in house.store.acts()}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"owner": " "}, "who does this"),
        ({"reason": ""}, "say why"),
        ({"until": day(0)}, "before it begins"),
        ({"until": None}, "until when"),
        ({"action": None}, "what to serve"),
        ({"kind": "expect"}, "how much a day"),
        ({"kind": "expect", "amount": Decimal("NaN")}, "how much a day"),
        ({"kind": "expect", "amount": Decimal(-1)}, "how much a day"),
        ({"kind": "ack", "match": "ghost"}, "no circuit is called 'ghost'"),
    ],
)
def test_an_act_that_makes_no_sense_says_what_is_missing(change: dict[str, Any], words: str) -> None:
    house = running_wild("EC2")
    with pytest.raises(UsageError, match=words):
        act(house.store, replace(an_act("override", "m/EC2", at=1, until=2, action=Action.ALLOW), **change))
    assert house.store.acts() == []
    assert house.store.history() == []


def test_the_words_of_an_override() -> None:
    assert operate.override("BLOCK") is Action.BLOCK
    with pytest.raises(UsageError, match="allow, throttle or block"):
        operate.override("stop")
