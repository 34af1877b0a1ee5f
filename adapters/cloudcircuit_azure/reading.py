"""One reading of one breakdown: the totals of each day first, then the groups of the days whose totals moved.

The totals are by charge type alone, so they are small. They tell which days there are, which of them are as they were
told before, and which charge types occur; and they are what the groups must add up to, for a page that is missing or
told twice shows in nothing else.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Cost, SpendQuery, Where
from cloudcircuit_azure.columns import Layout, grouping_of
from cloudcircuit_azure.parse import Answer, Row
from cloudcircuit_azure.queries import CHARGE_TYPE, Filters, Question, filters_of
from cloudcircuit_azure.text import printable

if TYPE_CHECKING:
    from cloudcircuit_azure import Options

CENT = Decimal("0.01")
"""Groups may differ from their total by as much, in any currency: Azure adds up in floating point."""
_MARK_VERSION = "1"
_READ_AGAIN = "read again"
"""The mark of a day that is told but not whole: no totals have it."""
SERVICE = "service"
_TYPE_GROUPING = ("Dimension", CHARGE_TYPE)
_SERVICE_GROUPING = grouping_of(SERVICE)

Span = tuple[date, date]
Line = tuple[Cost, Row]


class Ask(Protocol):
    """How a question is put; `fresh`: even if it was put before in this cycle."""

    def __call__(self, question: Question, *, fresh: bool = False) -> Answer: ...


@dataclass(slots=True)
class Told:
    """What a reading found.

    `known` are the days that Azure has charges of, whatever the filter. `lost` are those whose groups do not add up:
    their rows are left out.
    """

    lines: list[Line] = field(default_factory=list)
    known: set[date] = field(default_factory=set)
    unchanged: set[date] = field(default_factory=set)
    marks: dict[date, str] = field(default_factory=dict)
    broken: Counter[date] = field(default_factory=Counter)
    lost: set[date] = field(default_factory=set)

    @property
    def moved(self) -> set[date]:
        return self.known - self.unchanged - self.lost


class Reading:
    """Asks what one breakdown takes."""

    def __init__(self, options: Options, query: SpendQuery, layout: Layout, ask: Ask) -> None:
        self._query = query
        self._layout = layout
        self._ask = ask
        self._filters = filters_of(layout.pushed)
        self._costs = (Cost.BILLED, Cost.EFFECTIVE) if options.amortized else (Cost.BILLED,)
        self._column = options.column

    def read(self, spans: Sequence[Span]) -> Told:
        """`spans` are the days of the window, cut at the ends of months. Raises AdapterError."""
        told = Told()
        lines = self._totals(spans, (), told.broken)
        told.known = {row.day for _, row in lines} | set(told.broken)
        if self._filters:
            lines = self._totals(spans, self._filters, told.broken)
            self._check_case(lines)
        self._compare(lines, told)
        told.lines = [line for line in lines if line[1].day in told.moved]
        if self._layout.grouped:
            self._group(spans, told)
        return told

    def _compare(self, lines: Sequence[Line], told: Told) -> None:
        """Give each day its mark, and find those that still have the one of the last reading."""
        by_day: dict[date, list[Line]] = defaultdict(list)
        for line in lines:
            by_day[line[1].day].append(line)
        told.marks = {day: _READ_AGAIN if day in told.broken else self._mark(by_day[day]) for day in sorted(told.known)}
        told.unchanged = {day for day, mark in told.marks.items() if self._query.marks.get(day) == mark != _READ_AGAIN}

    def _mark(self, lines: Sequence[Line]) -> str:
        """What a day's totals add up to, to a millionth: digits beyond it differ from one asking to the next."""
        sums = sorted((*key, f"{amount:.6f}") for key, amount in _sums(lines).items())
        text = repr((_MARK_VERSION, self._costs, self._column, [part[1:] for part in sums]))
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()

    def _totals(
        self, spans: Sequence[Span], filters: Filters, broken: Counter[date], *, fresh: bool = False
    ) -> list[Line]:
        named = (_SERVICE_GROUPING,) if filters and self._services else ()
        asked = (Question(cost, *span, (_TYPE_GROUPING, *named), filters) for cost in self._costs for span in spans)
        return self._collect(list(asked), broken, fresh=fresh)

    @property
    def _services(self) -> Where:
        return tuple(match for match in self._layout.pushed if match.dimension == SERVICE)

    def _check_case(self, lines: Sequence[Line]) -> None:
        """Azure's filter does not look at case, ours does. Raises AdapterError where that makes a difference."""
        for match in self._services:
            for name in sorted({row.values[0] for _, row in lines}):
                if not match.accepts(name):
                    raise AdapterError(
                        f"Azure writes {printable(name, 80)}; write where.service like it", permanent=True
                    )

    def _collect(self, questions: Sequence[Question], broken: Counter[date], *, fresh: bool = False) -> list[Line]:
        lines: list[Line] = []
        for question in questions:
            answer = self._ask(question, fresh=fresh)
            lines += [(question.cost, row) for row in answer.rows]
            broken.update(answer.broken)
        return lines

    def _group(self, spans: Sequence[Span], told: Told) -> None:
        """Put groups in the place of the totals, on the days where they add up to them."""
        totals = told.lines
        asked = [question for span in spans for question in self._questions(span, totals)]
        found = [line for line in self._collect(asked, told.broken) if line[1].day in told.moved]
        doubtful = _disagreeing(found, totals, told.moved - set(told.broken))
        if doubtful:
            # Azure renews its figures six times a day, perhaps between our two questions: the totals once more.
            again = [span for span in spans if any(span[0] <= day <= span[1] for day in doubtful)]
            told.lost = _disagreeing(found, self._totals(again, self._filters, Counter(), fresh=True), doubtful)
        told.broken.update(dict.fromkeys(told.lost, 1))
        told.marks |= dict.fromkeys({*doubtful, *told.broken} & told.known, _READ_AGAIN)
        for day in told.lost:
            del told.marks[day]
        told.lines = [line for line in found if line[1].day not in told.lost]

    def _questions(self, span: Span, totals: Sequence[Line]) -> Iterator[Question]:
        """The groups of the days of one month that have totals here."""
        for cost in self._costs:
            rows = [row for at, row in totals if at is cost and span[0] <= row.day <= span[1]]
            if rows:
                first, last = min(row.day for row in rows), max(row.day for row in rows)
                yield from self._by_type(cost, (first, last), sorted({row.charge_type for row in rows}))

    def _by_type(self, cost: Cost, span: Span, types: Sequence[str]) -> Iterator[Question]:
        """One question where the charge type can be a grouping; else one for each charge type that occurs."""
        groupings = tuple(grouping_of(name) for name in self._layout.grouped)
        if len(groupings) == 1:
            yield Question(cost, *span, (_TYPE_GROUPING, *groupings), self._filters)
            return
        for kind in types:
            own: Filters = ((CHARGE_TYPE, (kind,)),) if len(types) > 1 else ()
            yield Question(cost, *span, groupings, (*self._filters, *own), kind)


Key = tuple[date, Cost, str, str]


def _sums(lines: Sequence[Line]) -> Mapping[Key, Decimal]:
    """By day, cost, charge type and currency."""
    sums: dict[Key, Decimal] = defaultdict(Decimal)
    for cost, row in lines:
        sums[row.day, cost, row.charge_type.casefold(), row.currency] += row.amount
    return sums


def _disagreeing(groups: Sequence[Line], totals: Sequence[Line], days: Collection[date]) -> set[date]:
    """The days on which groups do not add up to their totals, within a cent."""
    left, right = _sums(groups), _sums(totals)
    apart = {key[0] for key in {*left, *right} if abs(left.get(key, 0) - right.get(key, Decimal(0))) > CENT}
    return apart & set(days)
