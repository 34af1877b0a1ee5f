"""Values to store: one of each by hand, and any of a type for hypothesis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from cloudcircuit.model import (
    Act,
    Action,
    AnomalousPeriod,
    BreakerState,
    Commit,
    Decision,
    Delivery,
    Entry,
    Grain,
    Mode,
    Phase,
    Reason,
    Severity,
    SourceState,
    Statement,
    Verdict,
    WhenStale,
)

NOW = datetime(2026, 5, 4, 12, 30, 0, 250_000, tzinfo=UTC)
TODAY = NOW.date()
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def a_decision(circuit: str = "production/AmazonEC2", version: int = 1, at: datetime = NOW) -> Decision:
    return Decision(
        circuit=circuit,
        monitor=circuit.split("/")[0],
        id=f"{circuit}#{version}",
        version=version,
        at=at,
        since=at,
        action=Action.BLOCK,
        would=Action.BLOCK,
        mode=Mode.ENFORCE,
        severity=Severity.CRITICAL,
        reasons=(Reason.BUDGET_BREACHED, Reason.ANOMALY),
        text="1,240.10 of 1,000 USD are spent",
        phase=Phase.OPEN,
        data_as_of=at - HOUR,
        stale=False,
        stale_at=at + DAY,
        when_stale=WhenStale.HOLD,
        valid_until=at + HOUR,
        currency="USD",
        spend=Decimal("1240.10"),
        budget=Decimal("1000"),
    )


def a_state(
    circuit: str = "production/AmazonEC2", version: int = 1, at: datetime = NOW, **changes: Any
) -> BreakerState:
    monitor, *values = circuit.split("/")
    state = BreakerState(
        circuit=circuit,
        monitor=monitor,
        values=tuple(values),
        version=version,
        phase=Phase.OPEN,
        judged_through=at - DAY,
        provisional=(at,),
        trips=1,
        opened_at=at,
        cooldown_until=at + 2 * DAY,
        anomalies=(AnomalousPeriod(at - DAY, 412.5),),
        budget_limit=Decimal("1000.00"),
        alerted={"tripped": at},
        latest=Verdict(at - DAY, 0.1 + 0.2, 100.0, None, 412.5, True, False, (Reason.ANOMALY,)),
        decision=a_decision(circuit, version, at),
    )
    return replace(state, **changes)


def a_delivery(id: str = "msg-1", **changes: Any) -> Delivery:
    known = {"channel": "slack", "monitor": "production", "owed_at": NOW, "severity": Severity.CRITICAL}
    return Delivery(**{"id": id, "envelope": {"text": "blocked", "n": [1, 2.5, None, True]}, **known, **changes})


def an_entry(subject: str = "production/AmazonEC2", **changes: Any) -> Entry:
    known: dict[str, Any] = {"at": NOW, "kind": "transition", "version": 1, "detail": {"from": "closed", "to": "open"}}
    return Entry(**{"subject": subject, **known, **changes})


def a_statement(source: str = "aws", day: date = TODAY, said_at: datetime = NOW, body: bytes = b"arrow") -> Statement:
    return Statement(source, Grain.DAY, day, said_at, 1, body)


def a_source(source: str = "aws", version: int = 1, **changes: Any) -> SourceState:
    return SourceState(**{"source": source, "version": version, "watermark": NOW - DAY, "last_attempt": NOW, **changes})


def an_act(id: str = "act-1", **changes: Any) -> Act:
    known: dict[str, Any] = {"kind": "override", "match": "production/*", "at": NOW, "owner": "kim", "reason": "launch"}
    return Act(**{"id": id, "action": Action.BLOCK, **known, **changes})


def a_transition(version: int, circuit: str = "production/AmazonEC2", at: datetime = NOW) -> Commit:
    """A state with its line of history and the alert that it owes."""
    return Commit(
        states=(a_state(circuit, version, at),),
        history=(an_entry(circuit, version=version, at=at),),
        deliveries=(a_delivery(f"{circuit}#{version}", owed_at=at),),
    )


# --- any value of a type --------------------------------------------------------------------------------

_INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
_LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    int: st.integers(-(2**70), 2**70),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    datetime: _INSTANTS,
    date: st.dates(),
    Any: st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    ),
}


@lru_cache(maxsize=128)
def any_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a dataclass, or of any type hint that the model uses."""
    if hint in _LEAVES:
        return _LEAVES[hint]
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        kind: Any = hint
        return st.builds(kind, **{each.name: any_of(hints[each.name]) for each in fields(hint)})
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return st.none() | any_of(next(arg for arg in args if arg is not NoneType))
    if origin is tuple:
        return st.lists(any_of(args[0]), max_size=3).map(tuple)
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(any_of(args[0]), any_of(args[1]), max_size=3)
    assert issubclass(hint, Enum), hint
    return st.sampled_from(hint)
