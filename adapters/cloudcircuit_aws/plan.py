"""What reading will cost, without a call. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

from cloudcircuit.model import CallCost, Grain, PlanStep, SpendQuery
from cloudcircuit_aws.asks import Ask, Span, make_ask
from cloudcircuit_aws.needs import GROUPINGS, can_push, grouping_of

if TYPE_CHECKING:
    from cloudcircuit_aws import Options

MOVED = 3
"""Days that move between two readings: today, yesterday, and one that was corrected."""
TYPES = 2
"""Record types that a value has on a day: usage, and one that goes with it (covered usage, a discount, tax)."""
KINDS = 3
"""Chains of a breakdown by two dimensions: usage, covered by commitments or not, tax, and one other."""
SIZES: Mapping[str, int] = {"service": 40, "sub_account": 20, "sub_account_name": 20, "sku": 500}
"""How many values a dimension has where nothing is known; a tag has `TAG_VALUES`."""
TAG_VALUES = 20


def make_plan(options: Options, queries: Sequence[SpendQuery], sizes: Mapping[str, int]) -> list[PlanStep]:
    """One usual cycle, and what the first reading costs beside it."""

    def step(what: str, requests: int, *, once: bool = False) -> PlanStep:
        return PlanStep(what, CallCost(requests=1, dollars=options.request_price) * requests, once)

    pages = Pages(options.page_size)
    asks = [(query, make_ask(query)) for query in queries]
    grains = {query.grain: max(_days(each) for each in queries if each.grain is query.grain) for query in queries}
    steps = [
        step("totals of all days, to see which have moved", pages.of(days, _hours(grain)))
        for grain, days in grains.items()
    ]
    if any(ask.is_pair for _, ask in asks):
        steps.append(step("which record types occur", 1))
    for query, ask in asks:
        rows, days = _rows(query, ask, sizes), _days(query)
        usual = min(MOVED, days)
        steps.append(step(f"{_name(query, ask)}, {usual} days that moved", pages.of_ask(ask, usual, rows)))
        steps.append(
            step(f"{_name(query, ask)}, first reading of {days} days", pages.of_ask(ask, days, rows), once=True)
        )
    return steps


class Pages:
    """How many pages of an assumed size answers have."""

    def __init__(self, size: int) -> None:
        self._size = size

    def of(self, days: int, rows: int) -> int:
        return max(1, -(-days * rows // self._size))

    def of_ask(self, ask: Ask, days: int, rows: int) -> int:
        """By two dimensions, usage has the rows and the other kinds of charge have few."""
        return self.of(days, rows) + KINDS - 1 if ask.is_pair else self.of(days, rows * TYPES)


def _rows(query: SpendQuery, ask: Ask, sizes: Mapping[str, int]) -> int:
    """Groups a period, with every value beside every other."""
    return prod(_size(grouping, query, sizes) for grouping in ask.groupings) * _hours(query.grain)


def _size(grouping: str, query: SpendQuery, sizes: Mapping[str, int]) -> int:
    names = [grouping] if grouping.startswith("tag:") else [name for name, key in GROUPINGS.items() if key == grouping]
    listed = [len(m.patterns) for m in query.where if m.dimension in names and not m.negate and can_push(m)]
    known = [sizes[name] for name in names if name in sizes]
    return min(listed, default=0) or max(known, default=0) or SIZES.get(names[0], TAG_VALUES)


def _hours(grain: Grain) -> int:
    return 24 if grain is Grain.HOUR else 1


def _days(query: SpendQuery) -> int:
    days = Span(query.start, query.end).days
    return min(days, 14) if query.grain is Grain.HOUR else days


def _name(query: SpendQuery, ask: Ask) -> str:
    by = " and ".join(name for name in query.dimensions if grouping_of(name)) or "kind alone"
    filtered = sorted({match.dimension for match in query.where if match not in ask.local})
    where = f" where {' and '.join(filtered)} match" if filtered else ""
    return f"usage and other charges by {by}{where}"
