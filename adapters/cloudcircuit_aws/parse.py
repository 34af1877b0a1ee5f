"""What Cost Explorer answers, as values. Pure.

A period, a group or an amount that is not what was asked for is counted as a flaw of its day, never taken for zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from cloudcircuit.charges import parse_amount
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Grain
from cloudcircuit_aws.asks import STEPS

Answer = Mapping[str, Any]
Keys = tuple[str | None, ...]

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?", re.ASCII)
_AMOUNT = re.compile(r"-?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cell:
    """One group of one period: its values in the order of the groupings, its amounts in that of the metrics."""

    start: datetime
    keys: Keys
    amounts: tuple[Decimal, ...]
    currency: str


@dataclass(slots=True)
class Groups:
    """All pages of a chain: the periods that were answered, their groups, flaws by day, and names of accounts."""

    periods: set[datetime] = field(default_factory=set)
    cells: list[Cell] = field(default_factory=list)
    flaws: dict[date, int] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    pages: int = 0

    def add(self, page: Answer, groupings: Sequence[str], metrics: Sequence[str], grain: Grain) -> None:
        """Raises AdapterError for a page that is no answer."""
        self.pages += 1
        self.names |= _names(page)
        for period in periods_of(page):
            start = start_of(period, grain)
            self.periods.add(start)
            groups = period.get("Groups")
            cells = [_cell(group, start, groupings, metrics) for group in groups or ()]
            self.cells += [cell for cell in cells if cell is not None]
            if flaws := cells.count(None) + (groups is None):
                self.flaws[start.date()] = self.flaws.get(start.date(), 0) + flaws


def periods_of(page: Answer) -> Sequence[Mapping[str, Any]]:
    """Raises AdapterError for what is no answer at all, such as one that was cut off."""
    periods = page.get("ResultsByTime")
    if not isinstance(periods, list) or not all(isinstance(period, dict) for period in periods):
        raise _unusable("no ResultsByTime")
    return periods


def start_of(period: Mapping[str, Any], grain: Grain) -> datetime:
    """When a period begins; it is one day or hour long. Raises AdapterError."""
    times = period.get("TimePeriod")
    start, end = (read_instant(times.get(key)) if isinstance(times, dict) else None for key in ("Start", "End"))
    if start is None or end is None or end - start != STEPS[grain]:
        raise _unusable(f"a period that is no {grain.value}")
    return start


def read_instant(text: object) -> datetime | None:
    if not isinstance(text, str) or not _INSTANT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def read_number(metrics: object, name: str) -> tuple[Decimal, str] | None:
    """The amount and the unit of a metric; None where it is missing or no finite decimal number."""
    found = metrics.get(name) if isinstance(metrics, dict) else None
    amount = found.get("Amount") if isinstance(found, dict) else None
    unit = found.get("Unit") if isinstance(found, dict) else None
    if not isinstance(amount, str) or not isinstance(unit, str) or not _AMOUNT.fullmatch(amount):
        return None
    return Decimal(amount), unit


def read_money(metrics: object, names: Sequence[str]) -> tuple[tuple[Decimal, ...], str] | None:
    """The amounts of several metrics in one currency; None where one is missing or their currencies differ."""
    found = [number for name in names if (number := read_number(metrics, name)) is not None]
    units = {unit for _, unit in found}
    if len(found) < len(names) or len(units) != 1 or not _CURRENCY.fullmatch(currency := units.pop()):
        return None
    try:
        return tuple(parse_amount(amount) for amount, _ in found), currency
    except ValueError:
        return None


def _cell(group: object, start: datetime, groupings: Sequence[str], metrics: Sequence[str]) -> Cell | None:
    if not isinstance(group, dict):
        return None
    keys, money = _keys(group.get("Keys"), groupings), read_money(group.get("Metrics"), metrics)
    return None if keys is None or money is None else Cell(start, keys, *money)


def _keys(found: object, groupings: Sequence[str]) -> Keys | None:
    """A tag comes as `KEY$value`, and without a value where a charge has no such tag."""
    if not isinstance(found, list) or len(found) != len(groupings) or not all(isinstance(key, str) for key in found):
        return None
    keys: list[str | None] = []
    for key, grouping in zip(found, groupings, strict=True):
        prefix = f"{grouping[4:]}$" if grouping.startswith("tag:") else ""
        if not key.startswith(prefix):
            return None
        keys.append(key[len(prefix) :] or None)
    return tuple(keys)


def _names(page: Answer) -> dict[str, str]:
    """The names of linked accounts, where they are grouped by."""
    found = page.get("DimensionValueAttributes")
    pairs = [(each.get("Value"), each.get("Attributes")) for each in _dicts(found)]
    return {
        value: attributes["description"]
        for value, attributes in pairs
        if isinstance(value, str) and isinstance(attributes, dict) and isinstance(attributes.get("description"), str)
    }


def _dicts(found: object) -> Iterable[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def first_keys(page: Answer) -> set[str]:
    """The values of the first grouping."""
    keys = [group.get("Keys") for period in periods_of(page) for group in _dicts(period.get("Groups"))]
    return {each[0] for each in keys if isinstance(each, list) and each and isinstance(each[0], str)}


def next_token(page: Answer) -> str | None:
    token = page.get("NextPageToken")
    return token if isinstance(token, str) and token else None


def _unusable(what: str) -> AdapterError:
    return AdapterError(f"Cost Explorer answered with {what}; the answer was cut off, or is no answer of Cost Explorer")
