"""A source of the past: it answers each cycle from memory, with what had been said by then and nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow.compute as pc

from cloudcircuit.engine.periods import charge_day, day_end, day_start
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Breakdown, Grain, PlanStep, Probe, SpendQuery, Statement
from cloudcircuit.ports import Deadline, SpendReport
from cloudcircuit.service.backtest.history import History
from cloudcircuit.service.cells import START
from cloudcircuit.service.ledger import able_days, join, recall

Seen = Mapping[date, tuple[Statement, ...]]


@dataclass(frozen=True, slots=True)
class Remembered:
    """`ports.CostAdapter` over a history. A day's mark is how many statements it is made of: the cycle is told anew
    only what somebody has said since.
    """

    history: History

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:  # noqa: ARG002 - memory does not wait
        """Raises AdapterError for a breakdown that the history does not hold: drivers are not looked for."""
        at = query.visible_until
        spoken = self.history.spoken.get(Breakdown(query.dimensions, query.where))
        if spoken is None or at is None:
            raise AdapterError("a backtest does not ask for drivers")
        seen = _seen(spoken, self._days(query), at)
        marks = {day: str(len(said)) for day, said in seen.items()}
        newest = max(seen, default=None)
        # The newest day is told each time: its columns say which costs there are.
        moved = {day for day, mark in marks.items() if query.marks.get(day) != mark or day == newest}
        word = recall(said for day in moved for said in seen[day])
        told = frozenset(able_days(word, query.dimensions))
        unchanged = frozenset(seen.keys() - moved)
        return SpendReport(
            table=join(word, query.dimensions),
            watermark=None if newest is None else self._watermark(at, newest, word.get(newest)),
            status=self.history.status,
            broken={day: rows for day, rows in self.history.broken.items() if day in seen},
            accounts=self.history.accounts if seen else frozenset(),
            notes=self.history.notes,
            told=told,
            unchanged=unchanged,
            marks={day: mark for day, mark in marks.items() if day in told or day in unchanged},
        )

    def probe(self, deadline: Deadline) -> Probe:  # noqa: ARG002 - memory does not wait
        return Probe(tuple(sorted(self.history.accounts)))

    def plan(
        self,
        queries: Sequence[SpendQuery],  # noqa: ARG002 - called by these names
        sizes: Mapping[str, int],  # noqa: ARG002
        deadline: Deadline,  # noqa: ARG002
    ) -> Sequence[PlanStep]:
        return ()

    def close(self) -> None:
        """Nothing is open."""

    def _days(self, query: SpendQuery) -> tuple[date, date]:
        zone = self.history.spec.zone
        return charge_day(query.start, zone), charge_day(query.end, zone)

    def _watermark(self, at: datetime, newest: date, word: Any) -> datetime:
        """What was settled then: days whose lag is over; in a ledger none from the newest period on, which may have
        been said while it ran.
        """
        spec, since = self.history.spec, self.history.since
        is_said = since is not None and at >= since
        bound = self._newest_start(newest, word) if is_said else day_end(newest, spec.zone)
        return min(bound, at - spec.lag, self.history.settled_until or bound)

    def _newest_start(self, newest: date, word: Any) -> datetime:
        spec = self.history.spec
        if spec.grain is Grain.HOUR and word is not None and word.num_rows:
            hour: datetime = pc.max(word[START]).as_py()
            return hour
        return day_start(newest, spec.zone)


def _seen(spoken: Mapping[date, tuple[Statement, ...]], days: tuple[date, date], at: datetime) -> Seen:
    """What had been said of the days of a window by a time."""
    first, beyond = days
    found = {
        day: tuple(one for one in all_said if one.said_at <= at)
        for day, all_said in spoken.items()
        if first <= day < beyond
    }
    return {day: said for day, said in found.items() if said}
