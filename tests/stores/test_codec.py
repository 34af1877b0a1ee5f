"""Values survive JSON exactly; what they cannot be is refused, in both directions."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast

import pytest
from hypothesis import given, settings

from cloudcircuit.errors import StateDamaged, StateNewer, StoreError
from cloudcircuit.model import Act, BreakerState, Decision, Delivery, Entry, Phase, SourceState
from cloudcircuit.stores.codec import decode, encode, unpack
from tests.stores.examples import NOW, a_decision, a_state, an_entry, any_of


@pytest.mark.parametrize("cls", [BreakerState, Decision, SourceState, Entry, Delivery, Act])
def test_any_value_comes_back_as_it_was(cls: type[Any]) -> None:
    @settings(max_examples=40, deadline=None)
    @given(any_of(cast("Any", cls)))
    def check(value: Any) -> None:
        text = encode(value)
        assert decode(cls, text, "it") == value
        assert text.isascii()

    check()


def test_decimals_keep_their_exponent_and_floats_their_last_bit() -> None:
    state = replace(a_state(), budget_limit=Decimal("1000.00"))
    back = decode(BreakerState, encode(state), "it")
    assert str(back.budget_limit) == "1000.00"
    assert back.latest is not None
    assert back.latest.value == 0.1 + 0.2
    assert type(back.phase) is Phase


def test_instants_are_kept_in_utc() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-7)))
    back = decode(Entry, encode(an_entry(at=elsewhere)), "it")
    assert back.at == NOW
    assert back.at.tzinfo is UTC


def test_what_json_lacks_becomes_text_where_no_type_is_named() -> None:
    entry = an_entry(detail={"amount": Decimal("1.10"), "phase": Phase.OPEN, "days": (NOW, NOW.date())})
    assert decode(Entry, encode(entry), "it").detail == {
        "amount": "1.10",
        "phase": "open",
        "days": ["2026-05-04T12:30:00.250000+00:00", "2026-05-04"],
    }


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_no_number_that_is_not_finite_is_stored(number: float) -> None:
    verdict = a_state().latest
    assert verdict is not None
    for value in (
        replace(a_state(), latest=replace(verdict, value=number)),
        replace(a_state(), budget_limit=Decimal(str(number))),
        an_entry(detail={"deep": [{"x": number}]}),
    ):
        with pytest.raises(StoreError, match="cannot be stored"):
            encode(value)


@pytest.mark.parametrize(
    "value",
    [
        an_entry(at=datetime(2026, 5, 4)),
        an_entry(detail={"x": object()}),
        an_entry(detail={1: "a number for a key"}),
        an_entry(detail="not a mapping"),
    ],
)
def test_what_cannot_be_written_exactly_is_refused(value: Entry) -> None:
    with pytest.raises(StoreError, match="Entry cannot be stored"):
        encode(value)


class _Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class _Inner:
    n: int


@dataclass(frozen=True, slots=True)
class _Value:
    name: str
    amount: Decimal = Decimal(0)
    ratio: float = 0.0
    on: bool = False
    at: datetime | None = None
    colour: _Colour = _Colour.RED
    colours: tuple[_Colour, ...] = ()
    inner: _Inner | None = None
    more: dict[str, int] = field(default_factory=dict)


def test_a_field_of_later_days_takes_its_default() -> None:
    assert decode(_Value, '{"name":"x"}', "it") == _Value("x")
    assert decode(_Value, '{"name":"x","ratio":2}', "it") == _Value("x", ratio=2.0)


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"x","shade":1}',
        '{"name":"x","inner":{"n":1,"m":2}}',
        '{"name":"x","colour":"green"}',
        '{"name":"x","colours":["red","green"]}',
    ],
)
def test_what_a_newer_version_wrote_is_not_guessed(text: str) -> None:
    with pytest.raises(StateNewer, match=r"the thing was written by a newer version.*(shade|'m'|green)"):
        decode(_Value, text, "the thing")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"amount":"1"}',
        '{"name":1}',
        '{"name":"x","amount":1}',
        '{"name":"x","amount":"NaN"}',
        '{"name":"x","amount":"Infinity"}',
        '{"name":"x","amount":"1,5"}',
        '{"name":"x","ratio":NaN}',
        '{"name":"x","ratio":"1"}',
        '{"name":"x","ratio":true}',
        '{"name":"x","on":1}',
        '{"name":"x","at":"2026-05-04T00:00:00"}',
        '{"name":"x","at":"yesterday"}',
        '{"name":"x","colour":["red"]}',
        '{"name":"x","inner":{"n":1.5}}',
        '{"name":"x","more":{"a":"b"}}',
        '{"name":"x","more":[]}',
        '{"name":"x","colours":"red"}',
        "[" * 100_000,
        '{"name":' + "9" * 5000 + "}",
    ],
)
def test_what_does_not_fit_its_type_is_damage(text: str) -> None:
    with pytest.raises(StateDamaged, match="the thing is not readable"):
        decode(_Value, text, "the thing")


def test_an_older_reader_passes_over_what_it_does_not_know_but_never_guesses_an_action() -> None:
    newer = json.loads(encode(a_decision()))
    newer["reasons"].append("a_reason_of_later_days")
    newer["forecast_of_later_days"] = 1
    assert unpack(Decision, newer, "it", lenient=True) == a_decision()
    with pytest.raises(StateNewer, match="action: 'quarantine' is no Action"):
        unpack(Decision, {**newer, "action": "quarantine"}, "it", lenient=True)


def test_the_text_is_compact_json_in_the_order_of_the_fields() -> None:
    assert encode(_Value("é\x00\ud800")) == (
        '{"name":"\\u00e9\\u0000\\ud800","amount":"0","ratio":0.0,"on":false,"at":null,"colour":"red",'
        '"colours":[],"inner":null,"more":{}}'
    )
    assert list(json.loads(encode(an_entry(detail={"z": 1, "a": 2})))["detail"]) == ["z", "a"]
