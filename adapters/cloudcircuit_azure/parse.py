"""From the bytes of an answer to rows: columns by name, amounts exact, nothing guessed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn

from cloudcircuit.charges import parse_amount
from cloudcircuit.errors import AdapterError
from cloudcircuit_azure.queries import CHARGE_TYPE, Question
from cloudcircuit_azure.text import printable

_COSTS = ("totalcost", "cost", "pretaxcost")
_DATES = ("usagedate",)
_CURRENCIES = ("currency",)


@dataclass(frozen=True, slots=True)
class Page:
    """One page as Azure sent it: names of columns, rows of values, and the link to the next page."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    next_link: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `values` are aligned with the question's groupings, the charge type is `charge_type`."""

    day: date
    charge_type: str
    currency: str
    amount: Decimal
    values: tuple[str, ...] = ()


@dataclass(slots=True)
class Answer:
    """All that was said to one question: rows, and how many of a day could not be read."""

    rows: list[Row] = field(default_factory=list)
    broken: Counter[date] = field(default_factory=Counter)


def read_page(body: bytes) -> Page:
    """An answer of the Query API. Raises AdapterError for anything else: what cannot be read is never no spend."""
    try:
        found = json.loads(
            body.decode("utf-8-sig"), parse_float=Decimal, parse_constant=str, object_pairs_hook=_no_twice
        )
    except (ValueError, RecursionError) as error:
        raise AdapterError("Azure's answer is no whole JSON in UTF-8; nothing of it is used") from error
    properties = found.get("properties") if isinstance(found, dict) else None
    columns = properties.get("columns") if isinstance(properties, dict) else None
    rows = properties.get("rows") if isinstance(properties, dict) else None
    if not isinstance(properties, dict) or not isinstance(columns, list) or not isinstance(rows, list):
        _refuse("has no columns and rows")
    names = tuple(column.get("name") if isinstance(column, dict) else None for column in columns)
    if not all(isinstance(name, str) for name in names):
        _refuse("has a column without a name")
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        _refuse("has a row that does not fit its columns")
    link = properties.get("nextLink")
    if link is not None and not isinstance(link, str):
        _refuse("has a link to the next page that is no text")
    return Page(tuple(str(name) for name in names), rows, link or None)


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(what: str) -> NoReturn:
    raise AdapterError(f"Azure's answer {what}; nothing of it is used")


def read_rows(page: Page, question: Question, answer: Answer) -> None:
    """Add the rows of a page to an answer.

    Raises AdapterError for a missing column and for days that were not asked for: ranges are reported to be shifted
    silently.
    """
    if not page.rows:
        return
    places = _Places(page, question)
    for row in page.rows:
        day = _read_day(row[places.day], question)
        amount = _read_amount(row[places.cost])
        currency = row[places.currency]
        values = [row[place] for place in places.values]
        kind = row[places.charge_type] if places.charge_type is not None else question.charge_type
        texts = [_text(value) for value in (kind, *values)]
        if amount is None or not isinstance(currency, str) or not currency.strip() or None in texts:
            answer.broken[day] += 1
            continue
        known = [text for text in texts if text is not None]
        answer.rows.append(Row(day, known[0], currency.strip().upper(), amount, tuple(known[1:])))


class _Places:
    """Where in a row the columns stand that a question asked for."""

    def __init__(self, page: Page, question: Question) -> None:
        self._names = [name.casefold() for name in page.columns]
        self.cost = self._find(_COSTS, "the cost")
        self.day = self._find(_DATES, "UsageDate")
        self.currency = self._find(_CURRENCIES, "Currency")
        own_type = question.charge_type is None
        self.charge_type = self._find((CHARGE_TYPE.casefold(),), CHARGE_TYPE) if own_type else None
        self.values = [
            self._find(("tagvalue", name.casefold()) if kind == "TagKey" else (name.casefold(),), name)
            for kind, name in question.groupings
            if name != CHARGE_TYPE or kind == "TagKey"
        ]

    def _find(self, names: Iterable[str], what: str) -> int:
        for name in names:
            if self._names.count(name) == 1:
                return self._names.index(name)
        listed = printable(", ".join(self._names), 200)
        raise AdapterError(f"Azure's answer has no column, or several, for {what}; it has {listed}")


def _text(value: object) -> str | None:
    """A group is text; a missing one is empty. Anything else is none."""
    if value is None:
        return ""
    return value if isinstance(value, str) else None


def _read_amount(value: object) -> Decimal | None:
    """An amount is a number, finite. What is only written like one is not taken for one."""
    if not isinstance(value, int | Decimal):
        return None
    try:
        return parse_amount(value)
    except ValueError:
        return None


def _read_day(value: object, question: Question) -> date:
    try:
        day = date.fromisoformat(str(value)[:10])
    except ValueError:
        raise AdapterError(f"Azure's answer has a day that is none: {printable(str(value), 40)}") from None
    if not question.first <= day <= question.last:
        raise AdapterError(
            f"Azure answered for {day}, and was asked for {question.first} to {question.last}; nothing of it is used"
        )
    return day
