"""From what the engine found to what the house is told: days that stay provisional, notes, the watermark."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Grain
from cloudcircuit_focus.files import File, printable
from cloudcircuit_focus.zones import DAY, day_start, local_day

MAX_NOTES = 10
ISO_DATE = re.compile(r"(?<!\d)(\d{4})-(\d\d)-(\d\d)(?!\d)")


@dataclass(frozen=True, slots=True)
class Flaw:
    """Rows of one file that cannot be read for the same reason: the column, an example of it, their days."""

    file: File
    column: str
    rows: int
    example: str | None
    days: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class Reject:
    """A line of a CSV file that is no row."""

    file: File
    line: int
    reason: str
    text: str
    errors: int


def watermark(newest: datetime | None, now: datetime, lag: timedelta, grain: Grain, zone: ZoneInfo) -> datetime | None:
    """The smaller of the start of the newest charge day (or hour) and now − lag; None without a charge."""
    if newest is None:
        return None
    hour = newest.replace(minute=0, second=0, microsecond=0)
    start = hour if grain is Grain.HOUR else day_start(local_day(newest, zone), zone)
    return min(start, now - lag)


def days_in_month(month: date) -> list[date]:
    after = (month.replace(day=28) + 4 * DAY).replace(day=1)
    return [month + n * DAY for n in range((after - month).days)]


def count_broken(
    found: Iterable[tuple[date | None, date | None, int]],
    rejects: Iterable[Reject],
    newest: date | None,
    window: Sequence[date],
) -> dict[date, int]:
    """Unreadable rows by day of the window.

    A row that cannot be given a day may belong to any day of its billing period: all of them stay provisional. Without
    a period, and for a line that is no row at all, it is the newest day, and each day that the line names.
    """
    broken: Counter[date] = Counter()
    last = [] if newest is None else [newest]
    for day, month, rows in found:
        days = [day] if day is not None else days_in_month(month) if month is not None else last
        broken.update(dict.fromkeys(days, rows))
    for reject in rejects:
        broken.update({*last, *named_days(reject.text)})
    inside = set(window)
    return {day: rows for day, rows in sorted(broken.items()) if day in inside}


def named_days(text: str) -> set[date]:
    """The dates that stand in a text."""
    days = set()
    for year, month, day in ISO_DATE.findall(text):
        try:
            days.add(date(int(year), int(month), int(day)))
        except ValueError:
            continue
    return days


def flaw_notes(flaws: Sequence[Flaw]) -> list[str]:
    """One line for each file and column."""
    notes = []
    for flaw in flaws:
        example = f", e.g. {quoted(flaw.example)}" if flaw.example is not None else ", which is empty"
        days = f"; {_listed(flaw.days)} provisional" if flaw.days else ""
        notes.append(f"{_rows(flaw.rows)} in {flaw.file.name} could not be read (column {flaw.column}{example}){days}")
    return notes


def reject_notes(rejects: Sequence[Reject]) -> list[str]:
    """One line for each file with lines that are no rows."""
    notes = []
    for file, lines in _by_file(rejects).items():
        what = "line is no row" if len(lines) == 1 else "lines are no rows"
        days = "the days named there and the newest stay provisional"
        notes.append(f"{len(lines):,} {what} in {file.name} ({_reason(lines)}); {days}")
    return notes


def refuse_hopeless(flaws: Sequence[Flaw], rejects: Sequence[Reject], readable: Mapping[File, int], most: int) -> None:
    """Raises AdapterError for a file in which nothing can be read, or that has as many errors as the engine keeps:
    that is no dirt, but another kind of file."""
    for flaw in flaws:
        if not readable.get(flaw.file):
            example = "is empty" if flaw.example is None else f"holds {quoted(flaw.example)}"
            message = f"no row of {flaw.file.name} can be read: column {flaw.column} {example}, for instance"
            raise AdapterError(message, permanent=True)
    for file, lines in _by_file(rejects).items():
        if not readable.get(file):
            raise AdapterError(f"no row of {file.name} can be read ({_reason(lines)})", permanent=True)
        if sum(reject.errors for reject in lines) >= most:
            message = f"{len(lines):,} lines of {file.name} or more are no rows ({_reason(lines)})"
            raise AdapterError(message, permanent=True)


def _by_file(rejects: Iterable[Reject]) -> dict[File, list[Reject]]:
    files: dict[File, list[Reject]] = defaultdict(list)
    for reject in rejects:
        files[reject.file].append(reject)
    return files


def _reason(lines: Sequence[Reject]) -> str:
    return f"line {lines[0].line}: {lines[0].reason.lower()}"


def quoted(text: str) -> str:
    return f"'{printable(text, 60)}'"


def shorten(notes: Sequence[str]) -> tuple[str, ...]:
    if len(notes) <= MAX_NOTES:
        return tuple(notes)
    return (*notes[:MAX_NOTES], f"and {len(notes) - MAX_NOTES} more notes like these")


def _listed(days: Sequence[date]) -> str:
    shown = ", ".join(day.isoformat() for day in days[:3])
    more = f" and {len(days) - 3} more days" if len(days) > 3 else ""
    return f"{shown}{more} {'stays' if len(days) == 1 else 'stay'}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
