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


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one breakdown: what was known before, what was said, what that changes."""

    ask: Ask
    old: Word
    report: SpendReport
    diff: LedgerDiff


@dataclass(frozen=True, slots=True)
class Reading:
    """All answers of a cycle. The first has no filter where there is one that has none: it speaks for the whole."""

    answers: tuple[Answer, ...]

    @property
    def whole(self) -> Answer:
        return self.answers[0]

    @property
    def reports(self) -> list[SpendReport]:
        return [answer.report for answer in self.answers]

    @property
    def watermark(self) -> datetime | None:
        marks = [report.watermark for report in self.reports]
        known = [mark for mark in marks if mark is not None]
        return min(known) if len(known) == len(marks) else None

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
        """The marks of days that were told whole. A day that was not is told again, whatever its mark."""
        return {
            answer.ask.name: {
                day.isoformat(): mark
                for day, mark in sorted(answer.report.marks.items())[-MOST_MARKS:]
                if answer.report.status is not ReportStatus.PARTIAL and day not in answer.report.broken
            }
            for answer in self.answers
            if answer.report.marks
        }


def known_marks(state: SourceState | None, ask: Ask, word: Word) -> dict[date, str]:
    """The marks that a source gave before, of the days whose word still is whole."""
    found = state.marks.get(ask.name, {}) if state else {}
    able = able_days(word, ask.query.dimensions)
    return {day: found[day.isoformat()] for day in able if day.isoformat() in found}


def view(spec: Source, ask: Ask, word: Word, state: SourceState) -> SourceImage:
    """What is known of one breakdown."""
    return SourceImage(
        table=join(word, ask.query.dimensions),
        zone=spec.zone,
        watermark=state.watermark,
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
