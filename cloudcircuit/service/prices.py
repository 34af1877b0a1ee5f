"""How much of a change of cost is a change of price, where a source tells quantities.

For each item (a SKU in a region, covered by a commitment or not, in one unit) with quantities q and costs a unit p in
both periods, after Bennet (The theory of measurement of changes in cost of living, 1920):

    price     (p1 - p0) (q0 + q1) / 2
    quantity  (q1 - q0) (p0 + p1) / 2

The two add up to the change of cost, neither period is preferred, and no part is left to be called "mixed". What was
used in one of the periods alone has no price to compare: all of it is quantity. Rows without a quantity are neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cloudcircuit.model import QUANTITY, UNIT, Grain, Monitor, column_of
from cloudcircuit.service.cells import CATEGORY, CURRENCY, Ints, SourceImage, combine
from cloudcircuit.service.measure import select

Floats = NDArray[np.float64]

_ITEM = ("service", "sku", "region", "commitment_status", "charge_category")
"""What tells items apart, as far as a source tells it. Its SKU it must tell: the price of a service is no price."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What a change of cost a period is made of. Estimates, in the monitor's currency."""

    price: float = 0.0
    quantity: float = 0.0

    def __add__(self, other: Effects) -> Effects:
        return Effects(self.price + other.price, self.quantity + other.quantity)


@dataclass(frozen=True, slots=True)
class Sides:
    """The two sides of a comparison: the numbers of their known periods, of one grain."""

    grain: Grain
    before: Ints
    after: Ints


def find_effects(monitor: Monitor, images: Iterable[SourceImage], sides: Sides) -> Effects:
    """Price and quantity in the run rate of a monitor, of what its sources tell quantities of; converted money is not
    looked at.
    """
    able = (image for image in images if {QUANTITY, UNIT, "SkuId"} <= set(image.table.column_names))
    return sum((_effects(monitor, image, sides) for image in able), Effects())


def _effects(monitor: Monitor, image: SourceImage, sides: Sides) -> Effects:
    periods = image.periods(sides.grain)
    after = np.isin(periods, sides.after)
    counted = select(image, monitor.where) & image.column(CURRENCY).equals(monitor.currency)
    counted &= image.column(CATEGORY).equals(*monitor.run_rate_charges) & (after | np.isin(periods, sides.before))
    rows, amounts = np.flatnonzero(counted), image.amounts(monitor.run_rate_cost)
    if amounts is None or not len(rows):
        return Effects()
    money = amounts.take(pa.array(rows)).cast(pa.float64()).to_numpy()
    quantities = image.table[QUANTITY].to_numpy()[rows]
    told = np.isfinite(quantities) & ~image.column(UNIT).equals(None)[rows]
    lengths = (len(sides.before), len(sides.after))
    items, count = _items(image, rows[told])
    keys = items * 2 + after[rows][told]
    cost, used = (_means(keys, weights, count, lengths) for weights in (money[told], quantities[told]))
    untold = _means(after[rows][~told].astype(np.int64), money[~told], 1, lengths)
    return bennet(cost, used, float(untold[1, 0] - untold[0, 0]))


def _items(image: SourceImage, rows: Ints) -> tuple[Ints, int]:
    told = [image.dimension(name) for name in _ITEM if column_of(name) in image.table.column_names]
    columns = [(column.codes[rows], len(column.values)) for column in (*told, image.column(UNIT))]
    return combine(columns, len(rows))


def _means(keys: Ints, weights: Floats, count: int, lengths: tuple[int, int]) -> Floats:
    """What each item comes to a period, before and after: (2, items)."""
    sums = np.bincount(keys, weights=weights, minlength=2 * count)
    means: Floats = sums.reshape(count, 2).T / np.array(lengths)[:, None]
    return means


def bennet(cost: Floats, used: Floats, untold: float = 0.0) -> Effects:
    """The parts of a change; both are (2, items): a period before, and a period after.

    `untold` is the change of what has no quantity. What is new while that falls may be the same, told another way: if
    more than half of their difference fell, it is not said to be usage.
    """
    compared = (used > 0).all(axis=0)
    price = cost[:, compared] / used[:, compared]
    by_price = float(((price[1] - price[0]) * used[:, compared].mean(axis=0)).sum())
    whole = cost[1] - cost[0]
    fresh = float(whole[((used == 0) & (cost == 0)).any(axis=0) & (used > 0).any(axis=0)].sum())
    if fresh * untold < 0 and 3 * abs(untold) > abs(fresh):
        fresh = 0.0
    return Effects(by_price, float(whole[compared].sum()) - by_price + fresh)
