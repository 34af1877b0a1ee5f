"""What stands in a column, and filters, as expressions in SQLAlchemy's words.

Nothing from outside enters a statement but as a parameter, or quoted by the dialect.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, cast, column, func, literal, literal_column, null, or_
from sqlalchemy.types import UserDefinedType

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import NONE_VALUE, Match
from cloudcircuit_sql import tags
from cloudcircuit_sql.columns import Column, Kind, printable
from cloudcircuit_sql.engines import moment
from cloudcircuit_sql.plan import Plan

Value = ColumnElement[Any]

NULLS = ("", "NULL", "null")
"""What stands for a missing value in exports, beside the missing value itself."""

TIERS = (("1E-3", 18), ("1", 15), ("1E3", 12), ("1E6", 9), ("1E9", 6), ("1E20", 3))
"""Doubles below each limit, at decimals that keep them under 15 digits: any amount of up to 13 digits comes back as it
was written, where a plain cast to 18 decimals would add noise."""

NUMBER_SHAPE = r"^\s*[-+]?([0-9]{1,20}(\.[0-9]{0,60})?|\.[0-9]{1,60})([eE][-+]?[0-9]{1,2})?\s*$"


class _Spelled(UserDefinedType[Any]):
    """A type by its very words: dialects have dropped the precision of a decimal before."""

    cache_ok = True

    def __init__(self, words: str) -> None:
        self.words = words

    def get_col_spec(self, **_more: Any) -> str:
        return self.words


def constant(number: int) -> Value:
    """A number that is written out: as a parameter it would be another one in GROUP BY."""
    return literal_column(str(int(number)))


def at(plan: Plan, name: str, instant: datetime) -> Value:
    """An instant, to be compared with a column. Raises AdapterError where the engine has no such literal."""
    known = plan.layout.columns[name]
    words = moment(plan.engine, known.kind, instant)
    if known.kind not in (Kind.INSTANT, Kind.TIME, Kind.DATE) or words is None:
        raise unreadable(plan, known, "timestamp without time zone, in UTC")
    return literal_column(words)


def unreadable(plan: Plan, found: Column, wanted: str) -> AdapterError:
    return AdapterError(
        f"column {found.name} has type {printable(found.type, 60)}, which cannot be read from {plan.engine.label};"
        f" make a view that gives it as {wanted}, and read that",
        permanent=True,
    )


def bare(plan: Plan, name: str) -> Value:
    return column(plan.layout.columns[name].name)


def text(plan: Plan, found: Column | None) -> Value:
    """The text in a column; null when it is one of the words for a missing value."""
    if found is None:
        return cast(null(), _Spelled(plan.engine.text))
    value: Value = column(found.name)
    if found.kind is not Kind.TEXT:
        value = cast(value, _Spelled(plan.engine.text))
    words: Value = literal_column("(" + ", ".join(f"'{word}'" for word in NULLS) + ")")
    return case((value.op("NOT IN")(words), value))


def dimension(plan: Plan, name: str) -> Value:
    sources = plan.layout.sources(name)
    if name.startswith("tag:"):
        return func.nullif(tags.value(plan.form, sources[0], name[len("tag:") :], plan.engine), literal_column("''"))
    found = [text(plan, source) for source in sources]
    return found[0] if len(found) == 1 else func.coalesce(*found)


def amount(plan: Plan, found: Column) -> Value:
    """The amount in a column as a decimal of 18 places; null when it is none, or not finite, or too large."""
    value: Value = column(found.name)
    if not plan.engine.exact:
        return value
    if found.kind is Kind.NUMBER:
        return case((_is_possible(value), _decimal(value)))
    if found.kind is Kind.DOUBLE:
        tiers = [(func.abs(value) < literal_column(limit), _decimal(value, scale)) for limit, scale in TIERS]
        return case(*tiers)
    if found.kind is Kind.TEXT and plan.engine.try_cast:
        return _guarded(func.try_cast(value.op("AS")(literal_column("DECIMAL(38, 18)"))))
    if found.kind is Kind.TEXT and plan.engine.pattern:
        number = cast(value, _Spelled("NUMERIC"))
        return case((value.op(plan.engine.pattern)(literal(NUMBER_SHAPE)), _guarded(number)))
    raise unreadable(plan, found, "a decimal")


def _guarded(number: Value) -> Value:
    return case((_is_possible(number), _decimal(number)))


def _is_possible(number: Value) -> Value:
    """NaN is larger than all numbers, or equal to none: either way it is no amount."""
    return and_(number > literal_column("-1E20"), number < literal_column("1E20"))


def _decimal(number: Value, scale: int = 18) -> Value:
    exact = _Spelled("DECIMAL(38, 18)")
    if scale == 18:
        return cast(number, exact)
    return cast(cast(number, _Spelled(f"DECIMAL({38 if scale == TIERS[-1][1] else 18}, {scale})")), exact)


# --- filters --------------------------------------------------------------------------------------------


def accepts(match: Match, value: Value) -> Value:
    """`match.accepts(value)`, true or false but never null."""
    fits = [_fits(pattern, value, match.exact) for pattern in match.patterns]
    yes, no = (constant(0), constant(1)) if match.negate else (constant(1), constant(0))
    missing = yes if NONE_VALUE in match.patterns else no
    verdict = case((value.is_(None), missing), *([(or_(*fits), yes)] if fits else []), else_=no)
    return verdict == constant(1)


def _fits(pattern: str, value: Value, exact: bool) -> Value:
    if exact or not set("*?").intersection(pattern):
        return value == literal(pattern)
    words = {"*": "%", "?": "_", "%": "!%", "_": "!_", "!": "!!"}
    return value.like(literal("".join(words.get(c, c) for c in pattern)), escape="!")
