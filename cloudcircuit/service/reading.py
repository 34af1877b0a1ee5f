"""What a source answered in one cycle, to all that it was asked, as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Breakdown, Cost, ReportStatus, SourceState, Statement
from cloudcircuit.ports import SpendReport
from cloudcircuit.service.ask import Ask
from cloudcircuit.service.cells import SourceImage
from cloudcircuit.service.diff import LedgerDiff
from cloudcircuit.service.house import Source
from cloudcircuit.service.ledger import Word, able_days, join

Views = Sequence[SourceImage]
"""What one source has said, once for each breakdown that it is asked for."""

_WORST = (ReportStatus.SUSPICIOUS, ReportStatus.PARTIAL, ReportStatus.COMPLETE)
MOST_MARKS = 1000
"""How many days of marks are kept of a breakdown."""

LONGEST_MARK = 200
"""A mark of more characters is not kept: its day is told again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one breakdown: what was known before, what was said, what that changes."""

    ask: Ask
    old: Word
    report: SpendReport
    diff: LedgerDiff


@dataclass(frozen=True, slots=True)
class Reading:
    """All answers of a cycle, those without a filter first."""

    answers: tuple[Answer, ...]

    @property
    def speaking(self) -> tuple[Answer, ...]:
        """The answers that speak for the source: one that has no filter, or all where each has one."""
        whole = self.longest_known()
        return self.answers if whole is None else (whole,)

    def longest_known(self, dimension: str | None = None) -> Answer | None:
        """Of the answers without a filter that tell a dimension the one that most was known of before.

        A breakdown that is asked for the first time cannot tell what has changed.
        """
        found = [
            one for one in self.answers if not one.ask.query.where and dimension in (None, *one.ask.query.dimensions)
        ]
        return max(found, key=lambda answer: len(answer.old), default=None)

    @property
    def reports(self) -> list[SpendReport]:
        return [answer.report for answer in self.answers]

    @property
    def watermark(self) -> datetime | None:
        """The earliest of all answers; None where one that speaks for the source has none.

        An answer behind a filter without any charge may have none: the others say how far the source has come.
        """
        known = [report.watermark for report in self.reports if report.watermark is not None]
        is_blind = any(answer.report.watermark is None for answer in self.speaking)
        return None if is_blind else min(known)

    @property
    def status(self) -> ReportStatus:
        return min((report.status for report in self.reports), key=_WORST.index)

    @property
    def broken(self) -> Mapping[date, int]:
        """Rows that cannot be read, by day; the same row may be missing from several answers."""
        found: Counter[date] = Counter()
        for report in self.reports:
            found |= Counter(report.broken)
        return found

    @property
    def accounts(self) -> frozenset[str]:
        return frozenset().union(*(report.accounts for report in self.reports))

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(note for report in self.reports for note in report.notes))

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for report in self.reports for name in report.dimensions))

    @property
    def statements(self) -> tuple[Statement, ...]:
        return tuple(statement for answer in self.answers for statement in answer.diff.statements)

    def has(self, cost: Cost) -> bool:
        return all(cost.column in report.table.column_names for report in self.reports)

    def marks(self) -> dict[str, dict[str, str]]:
        """The marks by breakdown and day, of the days that have one which can be relied on."""
        return {answer.ask.marked: found for answer in self.answers if (found := _kept(answer.report))}


def _kept(report: SpendReport) -> dict[str, str]:
    """The marks of the days that the ledger knows as the source has told them.

    On a broken day, or where the report is not complete, a figure stays that may merely be missing: the day is told
    again, whatever its mark.
    """
    is_complete = report.status is ReportStatus.COMPLETE
    return {
        day.isoformat(): mark
        for day, mark in sorted(report.marks.items())[-MOST_MARKS:]
        if (is_complete or day in report.unchanged) and day not in report.broken and len(mark) <= LONGEST_MARK
    }


def known_marks(state: SourceState | None, ask: Ask, word: Word) -> dict[date, str]:
    """The marks that a source gave before, of the days whose word still is whole."""
    found = state.marks.get(ask.marked) if state else None
    if not found:
        return {}  # days are not read for nothing
    able = able_days(word, ask.query.dimensions)
    return {day: found[day.isoformat()] for day in able if day.isoformat() in found}


def view(spec: Source, ask: Ask, word: Word, state: SourceState) -> SourceImage:
    """What is known of one breakdown."""
    return SourceImage(
        table=join(word, ask.query.dimensions),
        zone=spec.zone,
        watermark=state.settled_until,
        grain=spec.grain,
        broken=frozenset(state.broken),
        accounts=frozenset(state.accounts),
        breakdown=ask.breakdown,
        told=frozenset(able_days(word, ask.query.dimensions)),
    )


def pick(views: Mapping[str, Views], names: Sequence[str], need: Breakdown) -> dict[str, SourceImage]:
    """For each of some sources the view that answers a need. Raises AdapterError when one has none."""
    found = {}
    for name in (name for name in names if name in views):
        image = next((view for view in views[name] if view.breakdown.answers(need)), None)
        if image is None:
            raise AdapterError(f"source {name} was not asked for what this monitor needs; read it again")
        found[name] = image
    return found
