"""Questions to Azure, and how each is written as the body of a request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cloudcircuit.model import Cost, Where
from cloudcircuit_azure.columns import COLUMNS

DAY = timedelta(days=1)
CHARGE_TYPE = "ChargeType"
Filters = tuple[tuple[str, tuple[str, ...]], ...]
KINDS = {Cost.BILLED: "ActualCost", Cost.EFFECTIVE: "AmortizedCost"}
"""What Azure calls the costs that FOCUS calls billed and effective."""


@dataclass(frozen=True, slots=True)
class Question:
    """One query: a cost of the days `first` to `last` of one month, both of them in it.

    `groupings` are Azure's (type, name), `filters` its (dimension, values): a charge must fit each. `charge_type` is
    that of all charges of the answer, where it is not among the groupings.
    """

    cost: Cost
    first: date
    last: date
    groupings: tuple[tuple[str, str], ...] = ()
    filters: Filters = ()
    charge_type: str | None = None


def months(first: date, last: date) -> Iterator[tuple[date, date]]:
    """The days from first to last, cut at the ends of months.

    Azure counts a query by the months it touches, and daily ranges beyond 31 days are reported to be cut silently.
    """
    while first <= last:
        after = (first.replace(day=28) + 4 * DAY).replace(day=1)
        yield first, min(last, after - DAY)
        first = after


def filters_of(where: Where) -> Filters:
    return tuple((COLUMNS[match.dimension].name, match.patterns) for match in where)


def body_of(question: Question, column: str) -> dict[str, Any]:
    """A QueryDefinition as JSON. `column` is what the cost is called."""
    dataset: dict[str, Any] = {
        "granularity": "Daily",
        "aggregation": {"totalCost": {"name": column, "function": "Sum"}},
        "grouping": [{"type": kind, "name": name} for kind, name in question.groupings],
    }
    parts = [
        {"dimensions": {"name": name, "operator": "In", "values": list(values)}} for name, values in question.filters
    ]
    if parts:
        dataset["filter"] = parts[0] if len(parts) == 1 else {"and": parts}
    return {
        "type": KINDS[question.cost],
        "timeframe": "Custom",
        "timePeriod": {
            "from": f"{question.first.isoformat()}T00:00:00+00:00",
            "to": f"{question.last.isoformat()}T23:59:59+00:00",
        },
        "dataset": dataset,
    }
