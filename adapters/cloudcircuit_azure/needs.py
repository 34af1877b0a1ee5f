"""What a source can answer of a monitor's need, and which breakdowns answer all needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cloudcircuit.model import Breakdown, Grain, Match
from cloudcircuit_azure.columns import (
    CATEGORY,
    COLUMNS,
    MOST,
    can_push,
    fixed_values,
    grouped_by,
    has_resources,
    is_tag,
    lay_out,
    offered,
)
from cloudcircuit_azure.scopes import Scope

if TYPE_CHECKING:
    from cloudcircuit_azure import Options

EXPORT = 'read a FOCUS export of Cost Management with adapter = "focus"'


def find_unsupported(options: Options, need: Breakdown, grain: Grain) -> tuple[str, ...]:
    """What Azure's query API cannot answer of a need, each with the way out."""
    scope = options.place
    names = tuple(dict.fromkeys((*need.dimensions, *(match.dimension for match in need.where))))
    found = [_unknown(scope, name) for name in names]
    if grain is Grain.HOUR:
        found.append('Azure\'s query API has days and no hours; set grain = "day"')
    if not any(found):
        found += [_too_much(scope, need), *(_unfolded(match) for match in need.where)]
    return tuple(text for text in found if text)


def _unknown(scope: Scope, name: str) -> str | None:
    if name == "resource" and not has_resources(scope):
        return (
            f"Azure groups by resource in a subscription or a resource group, not in a {scope.kind}; make a source "
            f"for each subscription, or {EXPORT}"
        )
    if is_tag(name) or name in offered(scope):
        return None
    return f"Azure's query API cannot tell {name} apart in a {scope.kind}; {EXPORT}"


def _too_much(scope: Scope, need: Breakdown) -> str | None:
    grouped = lay_out(scope, need.dimensions, need.where).grouped
    tags = [name for name in grouped if is_tag(name)]
    if len(tags) > 1:
        return f"Azure's query API groups by one tag at a time, and this needs {' and '.join(tags)}; {EXPORT}"
    if len(grouped) > MOST:
        return (
            f"Azure's query API groups by {MOST} dimensions, and this needs {', '.join(grouped)} (a filter needs one, "
            f"too, unless it is a list of services or subscription ids without a wildcard); {EXPORT}"
        )
    return None


def _unfolded(match: Match) -> str | None:
    """Patterns that can never fit, for the values are told in lower case."""
    column = COLUMNS.get(match.dimension)
    bad = [pattern for pattern in match.patterns if pattern != pattern.lower()] if column and column.folded else []
    if not bad or match.exact:
        return None
    return f"values of {match.dimension} are told in lower case; write {bad[0].lower()} for {bad[0]}"


def split_needs(options: Options, needs: Sequence[Breakdown], _grain: Grain) -> tuple[Breakdown, ...]:
    """As few breakdowns as answer all needs: what another one answers is left out."""
    found = list(dict.fromkeys(_breakdown(options.place, need) for need in needs))
    return tuple(each for place, each in enumerate(found) if not _is_spare(found, place))


def _is_spare(found: Sequence[Breakdown], place: int) -> bool:
    """Whether another breakdown answers this one; of two that answer each other the first stays."""
    own = found[place]
    return any(
        other.answers(own) and (at < place or not own.answers(other)) for at, other in enumerate(found) if at != place
    )


def _breakdown(scope: Scope, need: Breakdown) -> Breakdown:
    """Filters become dimensions where there is room, for then other monitors can share the answer.

    The filter of one circuit is nobody else's: Azure gets it, where it can take it.
    """
    own = tuple(m for m in need.where if m.exact and m.dimension not in need.dimensions and _is_pushed(scope, m))
    names = {*need.dimensions, *(match.dimension for match in need.where if match not in own)}
    if len(grouped_by(scope, names)) > MOST:
        layout = lay_out(scope, need.dimensions, need.where)
        own = layout.pushed
        names = {*need.dimensions, *(match.dimension for match in layout.ours)}
    return Breakdown(tuple(sorted(names - {CATEGORY})), own)


def _is_pushed(scope: Scope, match: Match) -> bool:
    return match.dimension not in fixed_values(scope) and can_push(match)
