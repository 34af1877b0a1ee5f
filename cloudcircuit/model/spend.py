"""Dimensions, filters and names; what a source is asked and what a call cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from urllib.parse import unquote

from cloudcircuit.model.words import Grain

NONE_VALUE = "(none)"
"""How a missing dimension value is written in circuit names, filters and owner tables."""


DIMENSIONS: Mapping[str, str] = {
    "service": "ServiceName",
    "service_category": "ServiceCategory",
    "sub_account": "SubAccountId",
    "sub_account_name": "SubAccountName",
    "billing_account": "BillingAccountId",
    "region": "RegionId",
    "provider": "ProviderName",
    "charge_category": "ChargeCategory",
    "charge_class": "ChargeClass",
    "commitment_status": "CommitmentDiscountStatus",
    "sku": "SkuId",
    "resource": "ResourceId",
}
"""The names that `where`, `per` and drivers use, and the FOCUS column of each. Beside them: `tag:KEY`."""


QUANTITY, UNIT = "PricingQuantity", "PricingUnit"
"""The FOCUS columns of how much was used or bought, and in what unit: a price is what one unit costs."""


def is_dimension(name: str) -> bool:
    return name in DIMENSIONS or (name.startswith("tag:") and len(name) > len("tag:"))


def column_of(dimension: str) -> str:
    """The column of a SpendReport that holds a dimension: the FOCUS name, or `Tags.KEY`."""
    return f"Tags.{dimension[4:]}" if dimension.startswith("tag:") else DIMENSIONS[dimension]


@lru_cache(maxsize=4096)
def glob_regex(pattern: str) -> re.Pattern[str]:
    """`*` is any run of characters, `?` one character, all else itself; exact case, whole value."""
    first, *rest = ("".join("." if c == "?" else re.escape(c) for c in part) for part in pattern.split("*"))
    if not rest:
        return re.compile(first, re.DOTALL)
    # A star takes the nearest fit and never reconsiders: backtracking over five stars takes minutes on one long value.
    inner = "".join(f"(?>.*?{part})" for part in rest[:-1])
    return re.compile(f"{first}{inner}.*{rest[-1]}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Match:
    """One key of `where`: the dimension's value fits any of the patterns (`(none)` fits a missing one).

    Patterns are globs, or with `exact` the very values: the filter of one circuit, whatever characters it has.
    """

    dimension: str
    patterns: tuple[str, ...]
    negate: bool = False
    exact: bool = False

    def accepts(self, value: str | None) -> bool:
        return self._fits(value) is not self.negate

    def _fits(self, value: str | None) -> bool:
        if value is None:
            return NONE_VALUE in self.patterns
        if self.exact:
            return value in self.patterns
        return any(glob_regex(pattern).fullmatch(value) for pattern in self.patterns)


Where = tuple[Match, ...]
"""All of them must hold; the empty filter takes everything."""


@dataclass(frozen=True, slots=True)
class Breakdown:
    """One way to split the spend of a source: by these dimensions, of the charges that pass the filter.

    It is both what a monitor needs and what a source is asked for: a source that can group by everything answers all
    monitors with one, a source that cannot (Cost Explorer: by two dimensions) with several.
    """

    dimensions: tuple[str, ...] = ()
    where: Where = ()

    def answers(self, need: Breakdown) -> bool:
        """Whether what is needed can be told from this. The charge category is in every answer."""
        left = {match.dimension for match in need.where if match not in self.where}
        known = {*self.dimensions, "charge_category"}
        return set(self.where) <= set(need.where) and left.union(need.dimensions) <= known


def circuit_id(monitor: str, values: tuple[str | None, ...]) -> str:
    """`monitor/value/…` in the order of `per`; `/` and `%` in a part are percent-encoded."""
    parts = [monitor, *(NONE_VALUE if value is None else value for value in values)]
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def circuit_parts(circuit: str) -> list[str]:
    """The monitor and the values of a circuit's name, decoded."""
    return [unquote(part) for part in circuit.split("/")]


@dataclass(frozen=True, slots=True)
class Circuit:
    """What a monitor watches and trips."""

    id: str
    monitor: str
    values: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class SpendQuery:
    """What a source is asked for, once a cycle for all monitors that hang on it.

    `start` and `end` are a half-open window of charge time in UTC, both at midnight in `zone`, the zone that cuts
    charge days. Rows that begin at or after `visible_until` do not exist yet. `where` must hold for every charge of
    the answer. `marks` are those that the source gave to days which it has told before, for this breakdown: a day
    that still has the same need not be told again (see `SpendReport.unchanged`). With `quantities` the answer may tell
    how much was used, too (see `ports.SpendReport`).
    """

    start: datetime
    end: datetime
    zone: str = "UTC"
    grain: Grain = Grain.DAY
    dimensions: tuple[str, ...] = ()
    where: Where = ()
    visible_until: datetime | None = None
    marks: Mapping[date, str] = field(default_factory=dict)
    quantities: bool = False


@dataclass(frozen=True, slots=True)
class CallCost:
    """What a call cost us: requests made, dollars charged for them, bytes scanned."""

    requests: int = 0
    dollars: Decimal = Decimal(0)
    bytes: int = 0

    def __add__(self, other: CallCost) -> CallCost:
        return CallCost(self.requests + other.requests, self.dollars + other.dollars, self.bytes + other.bytes)

    def __mul__(self, times: int) -> CallCost:
        return CallCost(self.requests * times, self.dollars * times, self.bytes * times)


@dataclass(frozen=True, slots=True)
class PlanStep:
    """What one part of a reading will cost; `once`: only the first reading, which has everything still to learn."""

    what: str
    cost: CallCost
    once: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """What a source can see, for `check --live`."""

    accounts: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    oldest: datetime | None = None
    newest: datetime | None = None
    notes: tuple[str, ...] = ()
