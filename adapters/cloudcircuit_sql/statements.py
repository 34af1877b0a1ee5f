"""What is asked of the table, in SQLAlchemy's own words; nothing from outside enters a statement but as a parameter.

The sums come from one statement. Inside of it each row gets a bucket (a charge day, or an hour), and a state: whether
the answer takes it. Rows that it does not take are counted, without their dimensions, so that broken rows, accounts
and the newest charge are known from the same scan.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    FromClause,
    Select,
    and_,
    case,
    collate,
    column,
    func,
    literal,
    literal_column,
    not_,
    null,
    or_,
    select,
)

from cloudcircuit.model import Match
from cloudcircuit_sql import tags
from cloudcircuit_sql.columns import ACCOUNT, CATEGORY, CURRENCY, PERIOD, START, TAGS
from cloudcircuit_sql.expressions import Value, accepts, amount, at, bare, constant, dimension, text
from cloudcircuit_sql.plan import AHEAD, DEFAULT_CATEGORY, EARLIEST, Plan, State

SLACK = timedelta(days=2)
"""Texts are compared with texts, whatever offset they end in: the window is that much wider, and cut here."""

DATE_SHAPE = "____-__-__%"
MOST_TEXTS = 1000
"""Texts of starts that are looked at for the newest one: those of two days and more."""


# --- the sums -------------------------------------------------------------------------------------------


def charges(plan: Plan, limit: int) -> Select[Any]:
    """Bucket (or the text of the start), state, account, rows; then what only rows that are taken have: currency,
    category, the keys, the unit, the text of tags, the costs, the quantity.
    """
    rows = _rows(plan).subquery("r")
    judged = select(*rows.c, _state(plan, rows).label("s")).subquery("j")
    texts = ["u", "k", *(_alias(plan, name) for name in plan.keys)]
    texts += [*(["n"] if plan.quantity else []), *(["t"] if plan.reads_tags else [])]
    costs = [_cost(index) for index in range(len(plan.layout.costs))]
    costs += ["q"] if plan.quantity else []
    taken = [case((judged.c.s == constant(State.TAKEN), judged.c[name])).label(name) for name in (*texts, *costs)]
    cells = select(judged.c.w, judged.c.s, judged.c.a, *taken).subquery("c")
    keys = [cells.c[name] for name in ("w", "s", "a", *texts)]
    amounts = [cells.c[name] for name in costs]
    found: list[Value] = [func.sum(amount) for amount in amounts] if plan.engine.exact else [*amounts]
    group = keys if plan.engine.exact else [*keys, *amounts]
    return select(*keys[:3], func.count(), *keys[3:], *found).group_by(*group).limit(constant(limit))


def _rows(plan: Plan) -> Select[Any]:
    """The rows of the window, in one shape. The bare column is compared, so that an engine can skip all others."""
    get = plan.layout.columns.get
    values = [
        _bucket(plan).label("w"),
        text(plan, get(ACCOUNT)).label("a"),
        text(plan, get(CURRENCY)).label("u"),
        text(plan, get(CATEGORY)).label("k"),
        *(dimension(plan, name).label(_alias(plan, name)) for name in plan.names),
    ]
    if plan.reads_tags:
        values.append(tags.as_text(plan.engine, plan.layout.columns[TAGS]).label("t"))
    for index, cost in enumerate(plan.layout.costs):
        values.append(amount(plan, plan.layout.columns[cost]).label(_cost(index)))
    if plan.quantity:
        quantity: Value = column(plan.quantity[0].name)
        unit = case((quantity.is_not(None), text(plan, plan.quantity[1])))
        values += [unit.label("n"), quantity.label("q")]
    return select(*values).select_from(plan.source).where(_within(plan))


def _cost(index: int) -> str:
    return f"v{index}"


def _alias(plan: Plan, name: str) -> str:
    return "k" if name == "charge_category" else f"d{plan.names.index(name)}"


def _state(plan: Plan, rows: FromClause) -> Value:
    """The first flaw of a row, or whether the filters take it."""
    names = ["u", *(_cost(index) for index in range(len(plan.layout.costs)))]
    broken = [(rows.c[name].is_(None), constant(State.BROKEN + index)) for index, name in enumerate(names)]
    refused = [(not_(accepts(match, _judged(plan, match, rows))), constant(State.OTHER)) for match in plan.pushed]
    return case(*broken, *refused, else_=constant(State.TAKEN))


def _judged(plan: Plan, match: Match, rows: FromClause) -> Value:
    """What a filter looks at; a row without a category is taken for the usual one."""
    value: Value = rows.c[_alias(plan, match.dimension)]
    if match.dimension != "charge_category":
        return value
    return func.coalesce(value, literal_column(f"'{DEFAULT_CATEGORY}'"))


def _start_text(plan: Plan) -> Value:
    start = bare(plan, START)
    return collate(start, plan.engine.order) if plan.engine.order else start


def _text_of(at: datetime) -> Value:
    return literal(at.astimezone(UTC).date().isoformat())


def _within(plan: Plan) -> Value:
    if plan.has_text_start:
        start = _start_text(plan)
        window = (start >= _text_of(plan.query.start - SLACK), start < _text_of(plan.end + SLACK))
        return and_(*window, start.like(literal(DATE_SHAPE)))
    start = bare(plan, START)
    return and_(start >= at(plan, START, plan.query.start), start < at(plan, START, plan.end))


def _bucket(plan: Plan) -> Value:
    """The number of the bucket that a row begins in, found by halving; of a text the text, to be cut here."""
    if plan.has_text_start:
        return bare(plan, START)
    start = bare(plan, START)
    edges = [at(plan, START, bucket.begin) for bucket in plan.buckets]

    def halve(low: int, high: int) -> Value:
        if high - low == 1:
            return constant(low)
        middle = (low + high) // 2
        return case((start < edges[middle], halve(low, middle)), else_=halve(middle, high))

    return halve(0, len(edges))


# --- what the sums do not tell --------------------------------------------------------------------------


def undated(plan: Plan) -> Select[Any]:
    """Rows that begin at no time at all, counted by the month that bills them, as far as it is said."""
    period = plan.layout.columns.get(PERIOD)
    keys: list[Value] = [bare(plan, PERIOD)] if period else []
    first: list[Value] = keys or [null()]
    return select(*first, func.count()).select_from(plan.source).where(_impossible(plan)).group_by(*keys)


def _impossible(plan: Plan) -> Value:
    horizon = plan.now + AHEAD
    if plan.has_text_start:
        start = _start_text(plan)
        unlike = not_(start.like(literal(DATE_SHAPE)))
        return or_(start.is_(None), start < _text_of(EARLIEST), start >= _text_of(horizon), unlike)
    start = bare(plan, START)
    return or_(start.is_(None), start < at(plan, START, EARLIEST), start >= at(plan, START, horizon))


def newest(plan: Plan, until: datetime) -> Select[Any]:
    """The newest possible start before an instant; of texts the newest few, for they sort as texts."""
    if plan.has_text_start:
        start = _start_text(plan)
        possible = (start >= _text_of(EARLIEST), start < _text_of(until + SLACK), start.like(literal(DATE_SHAPE)))
        plain = bare(plan, START)
        texts = select(plain).select_from(plan.source).where(*possible)
        return texts.group_by(plain).order_by(plain.desc()).limit(constant(MOST_TEXTS))
    start = bare(plan, START)
    dated = and_(start >= at(plan, START, EARLIEST), start < at(plan, START, until))
    return select(func.max(start)).select_from(plan.source).where(dated)


def survey(plan: Plan, limit: int) -> Select[Any]:
    """What there is of each account and currency: rows, the oldest and the newest start."""
    get = plan.layout.columns.get
    start = bare(plan, START)
    rows = select(
        text(plan, get(ACCOUNT)).label("a"), text(plan, get(CURRENCY)).label("u"), start.label("w")
    ).select_from(plan.source)
    kept = rows.where(not_(_impossible(plan))).subquery("r")
    found = func.count(), func.min(kept.c.w), func.max(kept.c.w)
    return select(kept.c.a, kept.c.u, *found).group_by(kept.c.a, kept.c.u).limit(constant(limit))
