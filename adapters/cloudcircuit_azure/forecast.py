"""What one usual cycle will take, from the questions that it will put. Azure takes no money for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from math import ceil, prod
from typing import TYPE_CHECKING

from cloudcircuit.model import CallCost, PlanStep, SpendQuery
from cloudcircuit_azure.columns import Layout, lay_out
from cloudcircuit_azure.reading import Span

if TYPE_CHECKING:
    from cloudcircuit_azure import Options

_PAGE = 5000
_DAYS = 31
_USUAL_SIZE = 20
_CHARGE_TYPES = 2
"""Rows of a page; days of a month; values of a dimension that nobody knows; charge types of a usual month."""

Spans = Sequence[tuple[SpendQuery, Sequence[Span]]]


def steps(options: Options, spans: Spans, sizes: Mapping[str, int]) -> list[PlanStep]:
    """The totals of all months, then the groups: usually of the month that moves, once of all."""
    costs = 2 if options.amortized else 1
    asked = [(query, lay_out(options.place, query.dimensions, query.where), months) for query, months in spans]
    own = {(layout.pushed, span) for _, layout, months in asked if layout.pushed for span in months}
    everything = {((), span) for span in chain.from_iterable(months for _, _, months in asked)}
    found = [_step("totals of each day", costs * len({*own, *everything}))]
    for query, layout, months in asked:
        if layout.grouped and months:
            found += _groups(query, layout, len(months), costs, sizes)
    return found


def _groups(query: SpendQuery, layout: Layout, months: int, costs: int, sizes: Mapping[str, int]) -> Iterator[PlanStep]:
    each = costs * _requests(layout, sizes)
    name = f"groups by {', '.join(query.dimensions) or ', '.join(layout.grouped)}"
    yield _step(f"{name}, of the days that moved", each)
    if months > 1:
        yield _step(f"{name}, of the other months", each * (months - 1), once=True)


def _requests(layout: Layout, sizes: Mapping[str, int]) -> int:
    """For one cost of one month."""
    groups = prod(sizes.get(name, _USUAL_SIZE) for name in layout.grouped)
    pages = max(1, ceil(_DAYS * groups / _PAGE))
    return pages if len(layout.grouped) == 1 else pages * _CHARGE_TYPES


def _step(what: str, requests: int, *, once: bool = False) -> PlanStep:
    return PlanStep(f"{what}: {requests} query units of the tenant, no money", CallCost(requests=requests), once)
