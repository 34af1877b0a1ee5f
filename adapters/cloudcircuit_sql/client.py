"""One open source: a table by its URL, asked with one or two statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import CallCost, PlanStep, Probe, SpendQuery
from cloudcircuit.ports import AdapterContext, Deadline, SpendReport
from cloudcircuit_sql import address, answer, tags
from cloudcircuit_sql.buckets import cut, load_zone
from cloudcircuit_sql.columns import TAGS, Layout, check_dimensions, make_layout
from cloudcircuit_sql.connect import Session, ask
from cloudcircuit_sql.plan import Plan

if TYPE_CHECKING:
    from cloudcircuit_sql import Options

_T = TypeVar("_T")

STATEMENTS = 2
"""The sums, and the rows that begin at no time; a third one where a window does not reach up to now."""


class SqlSource:
    """One open source. What it learns of the table holds for a cycle; no connection stays open between questions."""

    def __init__(self, options: Options, context: AdapterContext) -> None:
        self._options = options
        self._context = context
        self._layout: Layout | None = None

    def close(self) -> None:
        """Nothing stays open between questions."""

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        """All charges of the window, added up by the engine."""
        load_zone(query.zone)
        options, lag = self._options, self._context.lag

        def work(session: Session, plan: Plan) -> SpendReport:
            return answer.report(session, plan, options.table, options.max_rows, lag)

        found, requests = self._ask(query, work, deadline)
        return replace(found, cost=CallCost(requests=requests))

    def probe(self, deadline: Deadline) -> Probe:
        """What the whole table holds."""
        now, options = self._context.clock.now(), self._options

        def work(session: Session, plan: Plan) -> Probe:
            return answer.probe(session, plan, options.table, options.max_rows)

        found, _ = self._ask(SpendQuery(now, now, visible_until=now), work, deadline)
        return found

    def plan(self, queries: Sequence[SpendQuery], _sizes: Mapping[str, int], _deadline: Deadline) -> Sequence[PlanStep]:
        """A statement or two for each question. What they cost is between the operator and whoever runs the engine."""
        engine = address.find(self._context.secret(self._options.url), self._options.table).engine
        bills = f"; {engine.bills}, which is not counted here" if engine.bills else ""
        what = f"statements to {engine.label} ({self._options.table}){bills}"
        return [PlanStep(what, CallCost(requests=STATEMENTS)) for _ in queries]

    def _ask(self, query: SpendQuery, work: Callable[[Session, Plan], _T], deadline: Deadline) -> tuple[_T, int]:
        """Do the work on a connection; with it, how many statements were sent."""
        if deadline.expired:
            raise AdapterError("there was no time left to ask the database; nothing was asked")
        where = address.find(self._context.secret(self._options.url), self._options.table)
        sent = 0

        def take() -> None:
            nonlocal sent
            self._context.meter.take(CallCost(requests=1))
            sent += 1

        def go(session: Session) -> _T:
            return work(session, self._make_plan(session, where, query))

        return ask(where, go, take, deadline, self._context.source), sent

    def _make_plan(self, session: Session, where: address.Address, query: SpendQuery) -> Plan:
        table, now = self._options.table, query.visible_until or self._context.clock.now()
        if self._layout is None:
            self._layout = make_layout(table, session.columns())
        plan = Plan(where.engine, self._layout, where.source, query, now, cut(query, now))
        check_dimensions(table, self._layout, plan.asked)
        if any(name.startswith("tag:") for name in plan.asked):
            plan = replace(plan, form=tags.choose(self._layout.columns[TAGS], self._options.tags, where.engine))
        return plan
