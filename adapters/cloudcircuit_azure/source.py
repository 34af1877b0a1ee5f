"""One open source: what is asked, in which order, and that nothing is asked twice in a cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Breakdown, CallCost, Cost, PlanStep, Probe, SpendQuery
from cloudcircuit.ports import AdapterContext, Deadline, SpendReport
from cloudcircuit_azure import forecast
from cloudcircuit_azure.columns import lay_out
from cloudcircuit_azure.needs import find_unsupported
from cloudcircuit_azure.parse import Answer, read_rows
from cloudcircuit_azure.queries import Question, body_of, months
from cloudcircuit_azure.reading import Reading
from cloudcircuit_azure.report import make_probe, make_report

if TYPE_CHECKING:
    from cloudcircuit_azure import Options
    from cloudcircuit_azure.client import Line

_UTC = {"UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "Etc/GMT", "GMT", "UCT", "Universal", "Zulu"}
_PROBED = timedelta(days=31)


class AzureSource:
    """One open source."""

    def __init__(self, options: Options, context: AdapterContext) -> None:
        self._options = options
        self._context = context
        self._line: Line | None = None
        self._answers: dict[Question, Answer] = {}

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
        self._answers.clear()

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        """The charges of one breakdown: first the totals of its days, then the groups of those that moved."""
        self._check(query)
        layout = lay_out(self._options.place, query.dimensions, query.where)
        window = self._window(query)
        before = self._requests
        reading = Reading(self._options, query, layout, partial(self._answer, deadline))
        told = reading.read(list(months(*window)) if window else [])
        found = make_report(self._options, query, layout, told, self._now(query), self._context.lag)
        return replace(found, cost=CallCost(requests=self._requests - before))

    def probe(self, deadline: Deadline) -> Probe:
        """What the last 31 days hold."""
        today = self._context.clock.now().astimezone(UTC).date()
        asked = [
            Question(Cost.BILLED, first, last, (("Dimension", "ChargeType"), ("Dimension", "SubscriptionId")))
            for first, last in months(today - _PROBED, today)
        ]
        return make_probe([self._answer(deadline, question) for question in asked])

    def plan(self, queries: Sequence[SpendQuery], sizes: Mapping[str, int], deadline: Deadline) -> Sequence[PlanStep]:
        """What the breakdowns of one cycle take; nothing is asked."""
        del deadline
        spans = [(query, list(months(*window)) if (window := self._window(query)) else []) for query in queries]
        return forecast.steps(self._options, spans, sizes)

    @property
    def _requests(self) -> int:
        return self._line.requests if self._line else 0

    def _check(self, query: SpendQuery) -> None:
        problems = find_unsupported(self._options, Breakdown(query.dimensions, query.where), query.grain)
        if query.zone not in _UTC:
            problems = (*problems, f'Azure cuts its days in UTC, not in {query.zone}; set timezone = "UTC"')
        if problems:
            raise AdapterError("; ".join(problems), permanent=True)

    def _now(self, query: SpendQuery) -> datetime:
        return query.visible_until or self._context.clock.now()

    def _window(self, query: SpendQuery) -> tuple[date, date] | None:
        """The first and the last day to ask for.

        Never a day to come: a query that ends in the future is cut silently, one that begins there is answered with
        last year's.
        """
        until = min(query.end, self._now(query), self._context.clock.now())
        first, last = query.start.astimezone(UTC).date(), (until - timedelta(microseconds=1)).astimezone(UTC).date()
        return (first, last) if first <= last else None

    def _answer(self, deadline: Deadline, question: Question, *, fresh: bool = False) -> Answer:
        if fresh or question not in self._answers:
            self._answers[question] = self._ask(question, deadline)
        return self._answers[question]

    def _ask(self, question: Question, deadline: Deadline) -> Answer:
        if self._line is None:
            from cloudcircuit_azure.client import Line

            self._line = Line(self._options, self._context, deadline)
        answer = Answer()
        for page in self._line.pages(body_of(question, self._options.column), deadline):
            read_rows(page, question, answer)
        return answer
