"""What Cost Explorer can be asked for: two groupings at most, and filters on exact values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cloudcircuit.model import NONE_VALUE, Breakdown, Grain, Match, Where

GROUPINGS: Mapping[str, str] = {
    "service": "SERVICE",
    "sub_account": "LINKED_ACCOUNT",
    "sub_account_name": "LINKED_ACCOUNT",
    "sku": "USAGE_TYPE",
}
"""The dimensions of Cost Explorer that are grouped by; a tag is grouped by under its own name, `tag:KEY`."""

FILTERS: Mapping[str, str] = {
    "service": "SERVICE",
    "sub_account": "LINKED_ACCOUNT",
    "sku": "USAGE_TYPE",
    "region": "REGION",
}
"""Those that can be filtered by; every charge has a value in each of them."""

FREE = frozenset({"charge_category", "commitment_status", "billing_account", "provider"})
"""What is known of every group, whatever it is grouped by."""

MOST_GROUPINGS = 2
PAIR_COST = 8
"""What a breakdown by two dimensions is held to cost: a chain for each kind of charge, each with many more rows."""

FILTERED = 0.9
"""A filter makes rows fewer, and so pages at times."""

WAY_OUT = 'read a FOCUS export of AWS Data Exports with adapter = "focus"'


def grouping_of(dimension: str) -> str | None:
    return dimension if dimension.startswith("tag:") else GROUPINGS.get(dimension)


def groupings_of(dimensions: Iterable[str]) -> tuple[str, ...]:
    """What has to be grouped by, each once, in a fixed order."""
    return tuple(sorted({found for name in dimensions if (found := grouping_of(name)) is not None}))


def can_push(match: Match) -> bool:
    """Whether Cost Explorer can apply this filter exactly as we mean it."""
    if not match.patterns or not all(map(str.strip, match.patterns)):
        return False
    if not match.exact and any(sign in pattern for pattern in match.patterns for sign in "*?"):
        return False
    if match.dimension.startswith("tag:"):
        return not match.negate  # whether "not this value" takes what has no such tag is not documented
    return match.dimension in FILTERS and NONE_VALUE not in match.patterns


def _grouped(need: Breakdown) -> Breakdown:
    """Its filters applied to the groups, but for those that can only be pushed down."""
    pushed = tuple(m for m in need.where if not _is_tellable(m.dimension) and can_push(m))
    return _breakdown(need, pushed)


def _pushed(need: Breakdown) -> Breakdown:
    """Its filters pushed down as far as can be."""
    return _breakdown(need, tuple(m for m in need.where if can_push(m)))


def _breakdown(need: Breakdown, pushed: tuple[Match, ...]) -> Breakdown:
    left = [match.dimension for match in need.where if match not in pushed]
    return Breakdown(tuple(sorted({*need.dimensions, *left})), pushed)


def _is_tellable(dimension: str) -> bool:
    return dimension in FREE or grouping_of(dimension) is not None


def _is_possible(one: Breakdown) -> bool:
    return all(map(_is_tellable, one.dimensions)) and len(groupings_of(one.dimensions)) <= MOST_GROUPINGS


def unsupported(_options: Any, need: Breakdown, _grain: Grain) -> tuple[str, ...]:
    """What of a need Cost Explorer cannot tell, each with the way out. Makes no call."""
    least = _pushed(need)
    strange = [name for name in least.dimensions if not _is_tellable(name)]
    said = [_cannot(name) for name in strange]
    groupings = groupings_of(least.dimensions)
    if len(groupings) > MOST_GROUPINGS:
        names = ", ".join(name for name in least.dimensions if grouping_of(name) is not None)
        said.append(
            f"Cost Explorer groups by two dimensions at most, and this needs {names}; name exact values in `where`"
            f" instead of patterns, drop one from `per`, or {WAY_OUT}"
        )
    return tuple(said)


def _cannot(name: str) -> str:
    if name in FILTERS:
        return (
            f"Cost Explorer can filter by {name} but not group by it: name exact values in `where` and leave it out of"
            f" `per`, or {WAY_OUT}"
        )
    return f"Cost Explorer does not know {name}; {WAY_OUT}"


def split(_options: Any, needs: Sequence[Breakdown], _grain: Grain) -> tuple[Breakdown, ...]:
    """The cheapest breakdowns that answer all needs, those without a filter first. Makes no call.

    Each need can be answered by groups, which serve others as well, or by a filter of its own. The one that answers
    the most for its cost is taken, until all are answered; what others answer by then is dropped.
    """
    options = {option for need in needs for option in (_grouped(need), _pushed(need)) if _is_possible(option)}
    ranked = sorted(options, key=_rank)
    left, chosen = list(needs), list[Breakdown]()
    while left and ranked:
        best = min(ranked, key=lambda one: _worth(one, left))
        if not any(map(best.answers, left)):
            break
        chosen.append(best)
        left = [need for need in left if not best.answers(need)]
    return tuple(sorted(_drop_needless(_merge(chosen), needs), key=_rank))


def _rank(one: Breakdown) -> tuple[int, tuple[str, ...], str]:
    return len(one.where), one.dimensions, repr(one.where)


def _merge(chosen: Sequence[Breakdown]) -> list[Breakdown]:
    """Those that come to the same request are one: accounts by id and by name, or beside them what costs nothing."""
    found: dict[tuple[tuple[str, ...], Where], set[str]] = {}
    for one in chosen:
        found.setdefault((groupings_of(one.dimensions), one.where), set()).update(one.dimensions)
    return [Breakdown(tuple(sorted(names)), where) for (_, where), names in found.items()]


def _worth(one: Breakdown, left: Sequence[Breakdown]) -> tuple[float, int]:
    """Its cost for each need that it answers, the less the better; of equals the one that answers more."""
    answered = sum(map(one.answers, left))
    return (_cost(one) / answered if answered else float("inf"), -answered)


def _cost(one: Breakdown) -> float:
    chains = PAIR_COST if len(groupings_of(one.dimensions)) == MOST_GROUPINGS else 1
    return chains * FILTERED if one.where else chains


def _drop_needless(chosen: Sequence[Breakdown], needs: Sequence[Breakdown]) -> list[Breakdown]:
    kept = list(chosen)
    for one in chosen:
        others = [other for other in kept if other is not one]
        if all(any(other.answers(need) for other in others) for need in needs):
            kept = others
    return kept
