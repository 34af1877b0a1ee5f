"""Whether what was answered of a stretch of days is all there is. Pure.

The groups of a day must add up to its total: that finds a page that is missing in the middle, or one that came twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, localcontext

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Grain
from cloudcircuit_aws.asks import STEPS, Chain, Span
from cloudcircuit_aws.days import Totals
from cloudcircuit_aws.kinds import Kind, is_known, kind_of
from cloudcircuit_aws.parse import Cell, Groups

TOLERANCE = Decimal("0.01")
"""Each group is rounded by itself, so that many of them differ from their total by a little."""


@dataclass(frozen=True, slots=True)
class Row:
    """A group whose kind of charge is known; `keys` are in the order of the ask's groupings."""

    kind: Kind
    cell: Cell
    keys: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some days of a breakdown, with the pages of each of its chains.

    `expected` are the totals that the groups must add up to; None where a filter left nothing to compare with.
    """

    span: Span
    grain: Grain
    answered: Sequence[tuple[Chain, Groups]]
    expected: Totals | None

    def periods(self) -> dict[date, set[datetime]]:
        """The periods that were asked for, by day."""
        found, at = defaultdict[date, set[datetime]](set), self.span.start
        while at < self.span.end:
            found[at.date()].add(at)
            at += STEPS[self.grain]
        return found


@dataclass(slots=True)
class Found:
    """What has been read of a breakdown.

    rows     by day; a day that is missing here was not read
    whole    days that were read whole
    broken   rows that are missing, by day
    strange  record types that nobody knows
    """

    rows: dict[date, list[Row]] = field(default_factory=dict)
    whole: set[date] = field(default_factory=set)
    broken: dict[date, int] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    strange: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def take_in(found: Found, stretch: Stretch, totals: Totals) -> int:
    """Add what a stretch says, and judge each of its days that has data. Returns the most groups that a day has."""
    wanted = stretch.periods()
    all_wanted = set[datetime]().union(*wanted.values())
    if not all(groups.periods <= all_wanted for _, groups in stretch.answered):
        raise AdapterError("Cost Explorer answered for a time that it was not asked for; the answer is not usable")
    rows = defaultdict[date, list[Row]](list)
    for row in _rows(found, stretch.answered):
        rows[row.cell.start.date()].append(row)
    for day in wanted.keys() & set(totals.with_data):
        missing = sum(len(wanted[day] - groups.periods) for _, groups in stretch.answered)
        flaws = sum(groups.flaws.get(day, 0) for _, groups in stretch.answered)
        if missing:
            found.broken[day] = missing
            found.notes.append(f"{day} is missing from Cost Explorer's answer; it is read again next time")
        else:
            _judge(found, day, rows[day], flaws, totals.days[day].currency, stretch.expected)
    return max([1, *map(len, rows.values())])


def _rows(found: Found, answered: Sequence[tuple[Chain, Groups]]) -> Iterator[Row]:
    for chain, groups in answered:
        found.names |= groups.names
        for cell in groups.cells:
            if chain.kind is not None:
                yield Row(chain.kind, cell, cell.keys)
                continue
            record_type = cell.keys[0] or ""
            if not is_known(record_type):
                found.strange.add(record_type)
            yield Row(kind_of(record_type), cell, cell.keys[1:])


def _judge(found: Found, day: date, rows: Sequence[Row], flaws: int, currency: str, expected: Totals | None) -> None:
    own = [row for row in rows if row.cell.currency == currency]
    flaws += len(rows) - len(own)
    if flaws:
        found.rows[day] = own
        found.broken[day] = flaws
        found.notes.append(f"groups of {day} whose cost cannot be read, or is not in {currency}: {flaws}")
    elif expected is not None and (gap := _gap(own, expected, day)):
        found.broken[day] = 1
        text = f"the groups of {day} and their total differ by {gap} {currency}; it is read again next time"
        found.notes.append(text)
    else:
        found.rows[day] = own
        found.whole.add(day)


def _gap(rows: Sequence[Row], expected: Totals, day: date) -> Decimal | None:
    """By how much groups and total differ, where that is more than rounding."""
    total = expected.days[day].amounts if day in expected.days else ()
    with localcontext(prec=60):
        sums = [sum((row.cell.amounts[at] for row in rows), Decimal(0)) for at in range(len(total))]
        worst = max((abs(found - said) for found, said in zip(sums, total, strict=True)), default=Decimal(0))
    return round(worst, 2) if worst > TOLERANCE else None


def leave(found: Found, moved: Sequence[date], error: AdapterError) -> None:
    """What was not read any more waits for the next reading."""
    left = [day for day in moved if day not in found.whole and day not in found.broken]
    found.broken |= dict.fromkeys(left, 1)
    found.notes.insert(0, f"days that are not read yet: {len(left)}, up to {left[-1]}; {error}")


def unknown_types(found: Found, types: Mapping[Span, frozenset[str]]) -> None:
    """Record types of breakdowns by two dimensions, whose chains do not name them."""
    found.strange |= {name for names in types.values() for name in names if not is_known(name)}
