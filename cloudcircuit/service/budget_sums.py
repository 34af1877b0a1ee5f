"""What the circuits of a monitor have cost in a budget period, to the last digit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from operator import add

import numpy as np
import pyarrow as pa

from cloudcircuit.model import Cost
from cloudcircuit.service.cells import Bools, sum_by
from cloudcircuit.service.series import Cut, require_cost

_ALL_DIGITS = 40
"""decimal128 has 38; Python's own 28 would round."""


@dataclass(frozen=True, slots=True)
class BudgetSums:
    """Exact sums over one budget period, each aligned with `Cut.circuits`, in one cost.

    `settled` and `known` are all charges, of settled days and of all days; `settled_usage` and `known_usage` the part
    of them that is run rate. `settled_days` of the `passed_days`, which lie before every source's watermark, are in.
    """

    start: date
    end: date
    settled: tuple[Decimal, ...]
    known: tuple[Decimal, ...]
    settled_usage: tuple[Decimal, ...]
    known_usage: tuple[Decimal, ...]
    settled_days: int
    passed_days: int

    @property
    def complete(self) -> bool:
        """Whether every day that has passed the watermark is in; the sources may still have answered in part."""
        return self.settled_days == self.passed_days


def budget_sums(cut: Cut, cost: Cost, start: date, end: date) -> BudgetSums:
    """Sum the charges of [start, end), which begins inside the cut's days; days beyond them have no charges yet.

    Raises ConfigError when a source does not have the cost, ValueError when the period begins before the cut.
    """
    if start < cut.span.start:
        raise ValueError(f"the period begins on {start}, before the days that were cut ({cut.span.start})")
    require_cost(cut.monitor, cost, cut.sums.amounts, "budget")
    days = cut.span.ordinals()
    inside = (days >= start.toordinal()) & (days < end.toordinal())
    settled = inside & cut.days.settled
    other, usage, settled_other, settled_usage = _quarters(cut, cost, inside, settled)
    with localcontext(prec=_ALL_DIGITS):
        known_usage = tuple(map(add, usage, settled_usage))
        whole = tuple(map(add, settled_other, settled_usage))
        known = tuple(map(add, whole, map(add, other, usage)))
    settled_days, passed_days = np.count_nonzero(settled), np.count_nonzero(inside & cut.days.passed)
    return BudgetSums(start, end, whole, known, settled_usage, known_usage, int(settled_days), int(passed_days))


def _quarters(cut: Cut, cost: Cost, inside: Bools, settled: Bools) -> list[tuple[Decimal, ...]]:
    """For each circuit: other charges and usage of days that are not settled, then of those that are."""
    sums = cut.sums
    rows = inside[sums.place]
    keys = (sums.circuit * 2 + settled[sums.place]) * 2 + sums.usage
    distinct, totals = sum_by(keys[rows], {cost.column: sums.amounts[cost].filter(pa.array(rows))})
    quarters = [Decimal(0)] * (4 * len(cut.circuits))
    for key, total in zip(distinct.tolist(), totals[cost.column].to_pylist(), strict=True):
        quarters[key] = total
    return [tuple(quarters[quarter::4]) for quarter in range(4)]
