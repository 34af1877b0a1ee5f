"""Our dimensions and Azure's: what can be grouped by, what a filter may say, what the scope itself tells.

At most two things group a query (Query - Usage, REST reference). The charge type is one of them unless each charge
type is asked for by itself, so a breakdown has at most two dimensions beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cloudcircuit.model import NONE_VALUE, Match, Where
from cloudcircuit_azure.scopes import Scope

MOST = 2
CATEGORY = "charge_category"
COMMITMENT = "commitment_status"
_MOST_VALUES = 100


@dataclass(frozen=True, slots=True)
class Column:
    """A dimension of Azure.

    `folded`: Azure's own writing of it varies in case, so it is told in lower case. `filtered`: Azure's filter can say
    exactly what ours does. It does not look at case, so that is only where case tells nothing apart: subscription ids,
    and services, whose names the totals of a reading show (see `reading`). Names of meters do differ in case alone.
    """

    name: str
    folded: bool = False
    filtered: bool = False


COLUMNS: Mapping[str, Column] = {
    "service": Column("ServiceName", filtered=True),
    "sub_account": Column("SubscriptionId", folded=True, filtered=True),
    "sub_account_name": Column("SubscriptionName"),
    "region": Column("ResourceLocation", folded=True),
    "resource": Column("ResourceId", folded=True),
    "sku": Column("Meter"),
    COMMITMENT: Column("PricingModel"),
}
"""Only columns that every agreement (EA, MCA, pay-as-you-go) lists among its valid groupings."""

_CATEGORIES = {
    "": "Usage",
    "usage": "Usage",
    "unusedreservation": "Usage",
    "unusedsavingsplan": "Usage",
    "purchase": "Purchase",
    "refund": "Adjustment",
    "roundingadjustment": "Adjustment",
    "tax": "Tax",
}


def category_of(charge_type: str) -> str:
    """The FOCUS ChargeCategory of an Azure ChargeType; what is unknown is an adjustment: in budgets, in no run rate."""
    return _CATEGORIES.get(charge_type.casefold(), "Adjustment")


def is_known_type(charge_type: str) -> bool:
    return charge_type.casefold() in _CATEGORIES


def fixed_values(scope: Scope) -> dict[str, str]:
    """The dimensions that are the same for all charges of a scope, and their values."""
    known = {"provider": "Microsoft", "billing_account": scope.billing_account, "sub_account": scope.subscription}
    return {name: value for name, value in known.items() if value is not None}


def offered(scope: Scope) -> tuple[str, ...]:
    """The dimensions that such a source can be asked for, beside tags."""
    names = {*COLUMNS, *fixed_values(scope), CATEGORY}
    return tuple(sorted(name for name in names if name != "resource" or has_resources(scope)))


def has_resources(scope: Scope) -> bool:
    """Whether Azure groups by resource here: in subscriptions and resource groups alone."""
    return scope.subscription is not None


def is_tag(dimension: str) -> bool:
    return dimension.startswith("tag:")


def grouping_of(dimension: str) -> tuple[str, str]:
    """Azure's type and name of what groups by a dimension."""
    return ("TagKey", dimension[4:]) if is_tag(dimension) else ("Dimension", COLUMNS[dimension].name)


def value_of(dimension: str, raw: str, charge_type: str) -> str | None:
    """The value of a dimension, from what Azure says in its column; an empty one is missing."""
    if dimension == COMMITMENT:
        return _commitment(raw, charge_type)
    folded = not is_tag(dimension) and COLUMNS[dimension].folded
    return (raw.lower() if folded else raw) or None


def _commitment(pricing_model: str, charge_type: str) -> str | None:
    kind = charge_type.casefold()
    if kind.startswith("unused"):
        return "Unused"
    covered = pricing_model.casefold() in {"reservation", "savingsplan"}
    return "Used" if covered and category_of(kind) == "Usage" else None


@dataclass(frozen=True, slots=True)
class Layout:
    """How a breakdown is asked for: what groups it beside the charge type, what Azure filters, what we filter."""

    grouped: tuple[str, ...]
    pushed: Where
    ours: Where


def grouped_by(scope: Scope, dimensions: Iterable[str]) -> tuple[str, ...]:
    """Those of the dimensions that need a grouping of their own."""
    free = {*fixed_values(scope), CATEGORY}
    return tuple(dict.fromkeys(name for name in dimensions if name not in free))


def lay_out(scope: Scope, dimensions: Iterable[str], where: Where) -> Layout:
    """What has to be asked for; more than `MOST` groupings cannot be.

    Azure filters for one circuit, and where there is no room for another grouping.
    """
    grouped = list(grouped_by(scope, dimensions))
    free = [match for match in where if match.dimension not in grouped and grouped_by(scope, (match.dimension,))]
    able = [match for match in free if can_push(match)]
    grouped += dict.fromkeys(match.dimension for match in free if match not in able)
    pushed = []
    for match in able:
        if match.dimension in grouped:
            continue
        if match.exact or len(grouped) >= MOST:
            pushed.append(match)
        else:
            grouped.append(match.dimension)
    return Layout(tuple(grouped), tuple(pushed), tuple(match for match in where if match not in pushed))


def can_push(match: Match) -> bool:
    """Whether Azure's filter says exactly the same: it has `In` alone, and knows no patterns and no "missing"."""
    column = COLUMNS.get(match.dimension)
    if column is None or not column.filtered or match.negate or not 0 < len(match.patterns) <= _MOST_VALUES:
        return False
    return all(_is_value(pattern, match.exact, column) for pattern in match.patterns)


def _is_value(pattern: str, exact: bool, column: Column) -> bool:
    if pattern in {"", NONE_VALUE} or (column.folded and pattern != pattern.lower()):
        return False
    return exact or not set("*?") & set(pattern)
