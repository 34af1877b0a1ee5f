"""From a query to requests: what is grouped by, what is filtered, and over which time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import NONE_VALUE, Breakdown, Grain, Match, SpendQuery, Where
from cloudcircuit_aws.kinds import Kind, by_kind
from cloudcircuit_aws.needs import FILTERS, can_push, groupings_of, unsupported

Expression = Mapping[str, Any]
Request = dict[str, Any]

RECORD_TYPE = "RECORD_TYPE"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
STEPS = {Grain.DAY: DAY, Grain.HOUR: HOUR}


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of time; days begin at midnight UTC."""

    start: datetime
    end: datetime

    @property
    def days(self) -> int:
        return -((self.start - self.end) // DAY)


@dataclass(frozen=True, slots=True)
class Chain:
    """One request with all its pages. `kind`: what its groups are, None where the record type is grouped by."""

    groupings: tuple[str, ...]
    filters: tuple[Expression, ...]
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """What a query comes to: groupings, filters that are pushed down, and those that are applied to the groups."""

    dimensions: tuple[str, ...]
    groupings: tuple[str, ...]
    filters: tuple[Expression, ...]
    local: Where

    @property
    def is_pair(self) -> bool:
        return len(self.groupings) == 2

    @property
    def tells_status(self) -> bool:
        return "commitment_status" in {*self.dimensions, *(match.dimension for match in self.local)}

    def chains(self, record_types: Iterable[str] = ()) -> tuple[Chain, ...]:
        """One, by record type as well; by two dimensions one for each kind that occurs among `record_types`."""
        if not self.is_pair:
            return (Chain((RECORD_TYPE, *self.groupings), self.filters),)
        return tuple(
            Chain(self.groupings, (*self.filters, _dimension(RECORD_TYPE, names)), kind)
            for kind, names in by_kind(record_types, apart=self.tells_status).items()
        )


def make_ask(query: SpendQuery) -> Ask:
    """Raises AdapterError for what Cost Explorer cannot tell."""
    need = Breakdown(query.dimensions, query.where)
    if problems := unsupported(None, need, query.grain):
        raise AdapterError("; ".join(problems), permanent=True)
    if query.zone != "UTC":
        raise AdapterError('Cost Explorer cuts days at midnight UTC; set timezone = "UTC"', permanent=True)
    local = tuple(match for match in query.where if not can_push(match))
    groupings = groupings_of([*query.dimensions, *(match.dimension for match in local)])
    return Ask(query.dimensions, groupings, tuple(_pushed(query.where)), local)


def _pushed(where: Where) -> list[Expression]:
    return [_express(match) for match in where if can_push(match)]


def _express(match: Match) -> Expression:
    if not match.dimension.startswith("tag:"):
        found = _dimension(FILTERS[match.dimension], match.patterns)
        return {"Not": found} if match.negate else found
    key = match.dimension[4:]
    values = [value for value in match.patterns if value != NONE_VALUE]
    either: list[Expression] = [{"Tags": {"Key": key, "Values": values}}] if values else []
    if NONE_VALUE in match.patterns:
        either.append({"Tags": {"Key": key, "MatchOptions": ["ABSENT"]}})
    return either[0] if len(either) == 1 else {"Or": either}


def _dimension(key: str, values: Sequence[str]) -> Expression:
    return {"Dimensions": {"Key": key, "Values": list(values)}}


def make_request(chain: Chain, span: Span, grain: Grain | None, metrics: Sequence[str]) -> Request:
    """The parameters of GetCostAndUsage; without a grain by month."""
    request: Request = {
        "TimePeriod": {"Start": _instant(span.start, grain), "End": _instant(span.end, grain)},
        "Granularity": {Grain.DAY: "DAILY", Grain.HOUR: "HOURLY", None: "MONTHLY"}[grain],
        "Metrics": list(dict.fromkeys(metrics)),
    }
    if chain.groupings:
        request["GroupBy"] = [_group_by(name) for name in chain.groupings]
    if chain.filters:
        request["Filter"] = chain.filters[0] if len(chain.filters) == 1 else {"And": list(chain.filters)}
    return request


def _group_by(grouping: str) -> Mapping[str, str]:
    if grouping.startswith("tag:"):
        return {"Type": "TAG", "Key": grouping[4:]}
    return {"Type": "DIMENSION", "Key": grouping}


def _instant(at: datetime, grain: Grain | None) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if grain is Grain.HOUR else f"{at:%Y-%m-%d}"


# --- which time ---------------------------------------------------------------------------------------------

HISTORY = timedelta(days=395)
"""Cost Explorer keeps the current month and 13 months before it; asked for more it answers with an error."""
HOURS_KEPT = timedelta(days=13)
"""Hours are kept for 14 days, today among them, where the payer has switched them on (opt-in)."""


def start_of_day(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def known_span(query: SpendQuery, now: datetime) -> Span:
    """The part of a query's window that Cost Explorer can have: nothing before its history, nothing in the future."""
    until = min(query.visible_until or now, now).astimezone(UTC)
    if query.grain is Grain.HOUR:  # an hour that is not over has nothing yet
        start, after = midnight(now) - HOURS_KEPT, until.replace(minute=0, second=0, microsecond=0)
    else:
        start, after = midnight(now) - HISTORY, midnight(until)
        after += DAY if after < until else timedelta()
    return Span(max(query.start, start), min(query.end, after))


def missing_history(query: SpendQuery, span: Span) -> tuple[str, ...]:
    """A note where the window begins before the span."""
    if query.start >= span.start:
        return ()
    what = "hours for 14 days" if query.grain is Grain.HOUR else "13 months"
    return (f"Cost Explorer keeps {what}: what was before {span.start:%Y-%m-%d} is not asked for",)
