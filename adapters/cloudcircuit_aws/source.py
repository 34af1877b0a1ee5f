"""One open source: totals first, then the days that have moved, then what they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import CallCost, Cost, Grain, PlanStep, Probe, SpendQuery
from cloudcircuit.ports import AdapterContext, Deadline, SpendReport
from cloudcircuit_aws.answer import find_watermark, make_report
from cloudcircuit_aws.asks import (
    DAY,
    HISTORY,
    RECORD_TYPE,
    Ask,
    Chain,
    Expression,
    Span,
    known_span,
    make_ask,
    make_request,
    midnight,
    missing_history,
    start_of_day,
)
from cloudcircuit_aws.check import Found, Stretch, leave, take_in, unknown_types
from cloudcircuit_aws.client import CapReached, Client
from cloudcircuit_aws.days import USAGE, Totals, cut_newest, is_same, read_totals, rows_a_day, stretches
from cloudcircuit_aws.parse import Groups, first_keys
from cloudcircuit_aws.plan import make_plan

if TYPE_CHECKING:
    from cloudcircuit_aws import Options

NO_PAYER = "the account id of the payer is not known, as STS does not tell it; set `account`"


class AwsSource:
    """One open source."""

    def __init__(self, options: Options, context: AdapterContext) -> None:
        self._options = options
        self._context = context
        self._client = Client(options, context)
        self._totals: dict[Grain, Totals] = {}
        self._types: dict[Span, frozenset[str]] = {}
        self._payer: tuple[str | None] | None = None

    def close(self) -> None:
        """Forget the connection and the credentials."""
        self._client.close()

    def plan(
        self,
        queries: Sequence[SpendQuery],
        sizes: Mapping[str, int],
        deadline: Deadline,  # noqa: ARG002 - the seam's; nothing is called here
    ) -> Sequence[PlanStep]:
        """What a usual cycle costs, and the first. Makes no call."""
        return make_plan(self._options, queries, sizes)

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        """The charges of the days that have moved since they were told; see `SpendReport`."""
        before, ask, now = self._client.spent, make_ask(query), self._context.clock.now()
        span = known_span(query, now)
        totals = self._know(span, query.grain, deadline)
        payer = self._find_payer(ask, deadline)
        found = self._read(query, ask, totals, deadline)
        costs = (Cost.BILLED, Cost.EFFECTIVE) if len(self._options.metrics) == 2 else (Cost.BILLED,)
        return make_report(
            query,
            ask,
            found,
            totals,
            payer=payer,
            costs=costs,
            watermark=find_watermark(totals, query.visible_until or now, self._context.lag, query.grain),
            notes=(
                *missing_history(query, span),
                *self._elsewhere(),
                *_emptiness(totals),
                *([] if payer else [NO_PAYER]),
            ),
            cost=CallCost(self._client.spent.requests - before.requests, self._client.spent.dollars - before.dollars),
        )

    # --- totals ---------------------------------------------------------------------------------------------

    def _know(self, span: Span, grain: Grain, deadline: Deadline) -> Totals:
        """The totals of all days of a span, asked for once in a cycle."""
        if span.start >= span.end:
            return Totals(span, {}, span.end)
        known = self._totals.get(grain)
        if known is None or known.span.start > span.start or known.asked < span.end:
            known = self._totals[grain] = self._ask_totals(span, grain, (), deadline)
        return known.within(span)

    def _ask_totals(self, span: Span, grain: Grain, filters: tuple[Expression, ...], deadline: Deadline) -> Totals:
        metrics = self._options.metrics
        request = make_request(Chain((), filters), span, grain, (*metrics, USAGE))
        return read_totals(list(self._client.pages(request, deadline)), span, metrics, grain)

    # --- groups ---------------------------------------------------------------------------------------------

    def _read(self, query: SpendQuery, ask: Ask, totals: Totals, deadline: Deadline) -> Found:
        """The days that moved, the newest first: what has been read when time or money runs out is kept."""
        found, size = Found(), self._options.page_size
        moved = [day for day in totals.with_data if not is_same(query.marks.get(day), totals.days[day])]
        rows = rows_a_day(query.marks.values())
        left = stretches(moved, rows, size)
        while left:
            rest, span = cut_newest(left.pop(), rows, size)
            left += [rest] if rest else []
            try:
                types = self._find_types(moved, query.grain, totals, deadline) if ask.is_pair else frozenset[str]()
                stretch = self._ask_groups(ask, types, _ended(span, totals), query.grain, totals, deadline)
                rows = take_in(found, stretch, totals)
            except AdapterError as error:
                if not isinstance(error, CapReached) and (error.permanent or not found.whole):
                    raise
                leave(found, moved, error)
                break
        if ask.is_pair:
            unknown_types(found, self._types)
        return found

    def _ask_groups(
        self, ask: Ask, types: frozenset[str], span: Span, grain: Grain, totals: Totals, deadline: Deadline
    ) -> Stretch:
        answered = [(chain, self._follow(chain, span, grain, deadline)) for chain in ask.chains(types)]
        expected: Totals | None = totals
        if ask.filters:  # one page cannot have a hole
            many = any(groups.pages > 1 for _, groups in answered)
            expected = self._ask_totals(span, grain, ask.filters, deadline) if many else None
        return Stretch(span, grain, answered, expected)

    def _follow(self, chain: Chain, span: Span, grain: Grain, deadline: Deadline) -> Groups:
        metrics, groups = self._options.metrics, Groups()
        for page in self._client.pages(make_request(chain, span, grain, metrics), deadline):
            groups.add(page, chain.groupings, metrics, grain)
        return groups

    def _find_types(self, days: Sequence[date], grain: Grain, totals: Totals, deadline: Deadline) -> frozenset[str]:
        """Which record types occur on the days that moved: one request for all breakdowns by two dimensions."""
        span = Span(start_of_day(min(days)), start_of_day(max(days)) + DAY)
        if span not in self._types:
            groups = self._follow(Chain((RECORD_TYPE,), ()), _ended(span, totals), grain, deadline)
            self._types[span] = frozenset(cell.keys[0] or "" for cell in groups.cells)
        return self._types[span]

    # --- whose ----------------------------------------------------------------------------------------------

    def _find_payer(self, ask: Ask, deadline: Deadline) -> str | None:
        if self._payer is None:
            self._payer = (self._client.account(deadline),)
        named = {*ask.dimensions, *(match.dimension for match in ask.local)}
        if self._payer[0] is None and "billing_account" in named:
            raise AdapterError(NO_PAYER)
        return self._payer[0]

    def _elsewhere(self) -> tuple[str, ...]:
        """A note where the environment leads to something else than AWS."""
        host = urlsplit(self._client.endpoint or "").hostname or ""
        if not host or host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws")):
            return ()
        return (f"the environment sends requests for Cost Explorer to {host}, which is not AWS",)

    # --- check ----------------------------------------------------------------------------------------------

    def probe(self, deadline: Deadline) -> Probe:
        """What is there, by two requests: the days of all history, and the accounts of this month and the last."""
        now = self._context.clock.now()
        span = known_span(SpendQuery(midnight(now) - HISTORY, midnight(now) + DAY), now)
        totals = self._know(span, Grain.DAY, deadline)
        days, since = totals.with_data, totals.estimated_since
        accounts = self._see_accounts(span, deadline)
        payer, spent = self._client.account(deadline), self._client.spent
        notes = [
            f"payer account {payer}" if payer else NO_PAYER,
            *self._elsewhere(),
            *([f"figures are estimated since {since}"] if since else []),
            *_emptiness(totals),
            f"this check made {spent.requests} requests, which cost {spent.dollars} USD",
        ]
        return Probe(
            accounts=accounts,
            currencies=tuple(sorted({totals.days[day].currency for day in days})),
            oldest=start_of_day(days[0]) if days else None,
            newest=start_of_day(days[-1]) if days else None,
            notes=tuple(notes),
        )

    def _see_accounts(self, span: Span, deadline: Deadline) -> tuple[str, ...]:
        last_month = ((span.end - DAY).replace(day=1) - DAY).replace(day=1)
        chain = Chain(("LINKED_ACCOUNT",), ())
        request = make_request(chain, Span(last_month, span.end), None, self._options.metrics)
        return tuple(sorted({key for page in self._client.pages(request, deadline) for key in first_keys(page)}))


def _ended(span: Span, totals: Totals) -> Span:
    """Not beyond the last period that there is: hours end amid a day."""
    return Span(span.start, min(span.end, totals.span.end))


def _emptiness(totals: Totals) -> tuple[str, ...]:
    return () if totals.with_data else ("Cost Explorer has no data for this time: that is no data, not no spend",)
