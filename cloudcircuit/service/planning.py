"""What the readings of a source will cost, before any is paid for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import CallCost, PlanStep, SpendQuery, column_of
from cloudcircuit.service.ask import Ask, asks_for
from cloudcircuit.service.cells import encode
from cloudcircuit.service.house import House, Source
from cloudcircuit.service.ledger import image

PATIENCE = 60.0
"""The longest that one source is waited for, in seconds."""

ASSUMED = {"sub_account": 20, "service": 40}
"""How many values dimensions have where nobody has said and nothing is known."""

_LOOK_BACK = timedelta(days=35)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many values dimensions have, and by whom that is known: `given`, from the `ledger`, or `assumed`."""

    values: Mapping[str, int]
    known_by: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one source will be asked, in a usual reading and in its first one, every so often.

    `error` says why that is not known; `steps` is empty then.
    """

    source: str
    every: timedelta
    sizes: Sizes
    queries: tuple[SpendQuery, ...] = ()
    steps: tuple[PlanStep, ...] = ()
    error: str | None = None

    @property
    def reading(self) -> CallCost:
        """A usual one."""
        return sum((step.cost for step in self.steps if not step.once), CallCost())

    @property
    def first(self) -> CallCost:
        """The first one: a usual one, and what is done once."""
        return sum((step.cost for step in self.steps), CallCost())

    def readings(self, days: int) -> int:
        """How many readings begin within some days, at most."""
        return -(-days * _DAY // self.every)

    def over(self, days: int) -> CallCost:
        """What the usual readings of some days cost."""
        return self.reading * self.readings(days)


def plan(house: House, spec: Source, given: Mapping[str, int], now: datetime) -> Plan:
    """The plan of one source; a source that cannot tell is a plan with an error. Raises StoreError.

    `given` are numbers of values that somebody knows better than the ledger.
    """
    found = Plan(spec.name, spec.every, _sizes(given, {}))
    try:
        asks = asks_for(house, spec, now)
        sizes = _sizes(given, _known_sizes(house, spec, asks, now))
        found = replace(found, sizes=sizes, queries=tuple(ask.query for ask in asks))
        return replace(found, steps=_checked(_ask(house, spec, found)))
    except AdapterError as error:
        return replace(found, error=str(error))


def _ask(house: House, spec: Source, found: Plan) -> Sequence[PlanStep]:
    try:
        with closing(spec.open()) as adapter:
            return adapter.plan(found.queries, found.sizes.values, house.deadline(min(PATIENCE, spec.timeout)))
    except AdapterError:
        raise
    except Exception as error:  # its text may hold a secret
        raise AdapterError(f"its adapter broke with {type(error).__name__}; this is a fault of the adapter") from error


def _checked(steps: Sequence[PlanStep]) -> tuple[PlanStep, ...]:
    """Refuse what is no cost. Raises AdapterError."""
    for step in steps:
        if not (step.cost.dollars.is_finite() and step.cost.dollars >= 0):
            raise AdapterError("its adapter plans with a cost that is none; this is a fault of the adapter")
    return tuple(steps)


def _sizes(given: Mapping[str, int], known: Mapping[str, int]) -> Sizes:
    by = {**dict.fromkeys(ASSUMED, "assumed"), **dict.fromkeys(known, "ledger"), **dict.fromkeys(given, "given")}
    return Sizes({**ASSUMED, **known, **given}, by)


def _known_sizes(house: House, spec: Source, asks: Iterable[Ask], now: datetime) -> dict[str, int]:
    """How many values each dimension has had lately. A filter hides some, so the largest number counts."""
    found: dict[str, int] = {}
    for ask in asks:
        first, end = max(ask.query.start, now - _LOOK_BACK).date(), ask.query.end.date() + _DAY
        table = image(house.store.statements(ask.name, spec.grain, first, end), ask.query.dimensions)
        if table.num_rows:
            counts = {name: len(encode(table[column_of(name)]).values) - 1 for name in ask.query.dimensions}
            found |= {name: max(size, found.get(name, 0)) for name, size in counts.items() if size}
    return found
