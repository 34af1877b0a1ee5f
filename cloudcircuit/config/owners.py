"""The owners table: a CSV with a budget, an owner and a channel for each circuit of a monitor."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cloudcircuit.config.files import Unreadable, decode, read_bytes
from cloudcircuit.config.reading import Reading
from cloudcircuit.config.text import Key, meant, quoted, unknown
from cloudcircuit.config.units import parse_currency, parse_positive_amount
from cloudcircuit.errors import Problem
from cloudcircuit.model import NONE_VALUE, BookRow, BudgetBook

_SIZE = 16 << 20
_MONEY = ("amount", "currency", "owner", "channel", "from")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_REWRITTEN = re.compile(r"[0-9](\.[0-9]+)?E\+[0-9]+", re.IGNORECASE)
_LONGEST_CELL = 1000

Line = tuple[int, list[str]]


def read_book(file: str, per: tuple[str, ...], currency: str, key: Key, reading: Reading) -> BudgetBook | None:
    """The table in `file`, or None when it has problems, which are noted as `file:line`."""
    try:
        content = read_bytes(reading.root / file, _SIZE)
        text = decode(content)
    except Unreadable as error:
        reading.problem(key, f"{quoted(file)} {error}")
        return None
    reading.digest.update(file.encode() + b"\0" + content)
    table = _Table(file, per, currency, reading)
    lines = list(table.lines(text))
    header = table.header(lines[0]) if lines else None
    if not lines:
        table.problem(1, f"is empty; its first line is {_heading(per)}")
    rows = table.rows(lines[1:], header) if header else []
    if table.sound:
        return BudgetBook(file, _by_circuit(rows))
    return None


def _heading(per: tuple[str, ...]) -> str:
    return quoted(",".join((*per, *_MONEY)))


def _by_circuit(rows: list[BookRow]) -> dict[tuple[str | None, ...], tuple[BookRow, ...]]:
    found: dict[tuple[str | None, ...], list[BookRow]] = {}
    for row in sorted(rows, key=lambda row: row.since):
        found.setdefault(row.values, []).append(row)
    return {values: tuple(rows) for values, rows in found.items()}


@dataclass(slots=True)
class _Table:
    file: str
    per: tuple[str, ...]
    currency: str
    reading: Reading
    sound: bool = True

    def problem(self, line: int, message: str) -> None:
        self.sound = False
        self.reading.problems.append(Problem(f"{self.file}:{line}", message))

    def lines(self, text: str) -> Iterator[Line]:
        """The lines that are not blank, each with the number of its first line, its cells stripped."""
        reader = csv.reader(text.splitlines(keepends=True), strict=True)
        at = 1
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield at, [cell.strip() for cell in cells]
                at = reader.line_num + 1
        except csv.Error as error:
            self.problem(at, f"not CSV: {error}")

    def header(self, line: Line) -> list[str] | None:
        """The names of the columns, or None when they cannot be used."""
        at, names = line
        if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
            self.problem(at, "the columns must be separated by commas")
            return None
        known = (*self.per, *_MONEY)
        for name in names:
            if name not in known:
                self.problem(at, f"unknown column {quoted(name)}{meant(name, known)}")
            elif names.count(name) > 1:
                self.problem(at, f"the column {quoted(name)} is there twice")
        for name in (*self.per, "amount"):
            if name not in names:
                self.problem(at, f"the column {quoted(name)} is missing")
        return names if self.sound else None

    def rows(self, lines: list[Line], header: list[str]) -> list[BookRow]:
        rows: list[BookRow] = []
        first: dict[tuple[tuple[str | None, ...], date], int] = {}
        for at, cells in lines:
            row = self._row(at, cells, header)
            if row is None:
                continue
            earlier = first.setdefault((row.values, row.since), at)
            if earlier != at:
                self.problem(at, f"the same circuit from the same day as line {earlier}")
            rows.append(row)
        return rows

    def _row(self, at: int, cells: list[str], header: list[str]) -> BookRow | None:
        if len(cells) != len(header):
            self.problem(at, f"has {len(cells)} cells, the first line {len(header)}")
            return None
        cell = dict(zip(header, cells, strict=True))
        since = self._since(at, cell.get("from", ""))
        values = tuple(self._value(at, name, cell[name]) for name in self.per)
        amount = self._amount(at, cell["amount"])
        currency = self._currency(at, cell.get("currency", ""))
        owner = self._line(at, "owner", cell.get("owner", ""))
        channel = self._channel(at, cell.get("channel", ""))
        return BookRow(values, amount, currency, owner, channel, since) if since else None

    def _since(self, at: int, text: str) -> date | None:
        if not text:
            return date.min
        try:
            if _DATE.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:
            pass  # told below, together with everything else that is no date
        self.problem(at, f"from: {quoted(text)} is no date: write it as 2026-01-31")
        return None

    def _value(self, at: int, name: str, text: str) -> str | None:
        if not text:
            self.problem(at, f"{name}: is empty; write {NONE_VALUE} for charges without one")
        elif _REWRITTEN.fullmatch(text):
            self.problem(at, f"{name}: {quoted(text)} looks like a number that a spreadsheet has rewritten")
        return None if text == NONE_VALUE else self._line(at, name, text)

    def _line(self, at: int, name: str, text: str) -> str | None:
        if not text.isprintable() or len(text) > _LONGEST_CELL:
            self.problem(at, f"{name}: must be one line of at most {_LONGEST_CELL} printable characters")
        return text or None

    def _amount(self, at: int, text: str) -> Decimal | None:
        try:
            return parse_positive_amount(text) if text else None
        except ValueError as error:
            self.problem(at, f"amount: {error}")
            return None

    def _currency(self, at: int, text: str) -> str | None:
        try:
            found = parse_currency(text) if text else None
        except ValueError as error:
            self.problem(at, f"currency: {error}")
            return None
        if found and found != self.currency:
            self.problem(at, f"currency: {found}, but the monitor's is {self.currency}")
        return found

    def _channel(self, at: int, text: str) -> str | None:
        known = self.reading.known.notifiers
        if text and text not in known:
            self.problem(at, f"channel: {unknown('notifier', text, known)}")
        return text or None
