"""Output: text that may come from anywhere made harmless, tables, sparklines, JSON."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cloudcircuit.engine.text import clean, shown
from cloudcircuit.model import Action

WIDTH = 120
"""Where nobody looks (a file, a pipe), lines are this wide."""

COLOURS = {Action.ALLOW: "green", Action.THROTTLE: "yellow", Action.BLOCK: "bold red"}
_BARS = "▁▂▃▄▅▆▇█"


def console() -> Console:
    """Where data go: stdout. Colours and width are the terminal's; NO_COLOR is respected."""
    if sys.stdout.isatty():
        return Console(highlight=False, emoji=False)
    return Console(highlight=False, emoji=False, width=WIDTH)


def harmless(text: str) -> str:
    """Lines without control characters, ANSI sequences or hidden direction marks."""
    return "\n".join(_line(line) for line in text.splitlines())


def _line(line: str) -> str:
    indent = len(line) - len(line.lstrip(" "))
    return " " * indent + clean(line)


def text(value: object, style: str = "", limit: int = 80) -> Text:
    """Outside text as one line in a style; nothing in it is markup."""
    return Text(shown(value, limit), style=style)


def grid(*, padding: tuple[int, int] = (0, 1)) -> Table:
    """Columns without lines."""
    return Table(box=None, show_header=False, padding=padding, pad_edge=False)


def table(*columns: str) -> Table:
    """A table with a head, for one line a row."""
    found = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    for column in columns:
        found.add_column(column, no_wrap=True)
    return found


def spark(values: Sequence[float | None], marked: Collection[int] = ()) -> Text:
    """A line of bars, from zero to the largest; what is not known is a dot, and marked places are red."""
    top = max((value for value in values if value is not None), default=0.0)
    line = Text()
    for place, value in enumerate(values):
        bar = "·" if value is None else _bar(value, top)
        line.append(bar, style="dim" if value is None else "red" if place in marked else "cyan")
    return line


def _bar(value: float, top: float) -> str:
    if top <= 0 or value <= 0:
        return _BARS[0]
    return _BARS[min(len(_BARS) - 1, math.ceil(value / top * (len(_BARS) - 1)))]


def gauge(ratio: float, width: int = 10) -> Text:
    """How much of a whole is used, as a bar of blocks."""
    full = min(width, max(0, round(ratio * width)))
    colour = "red" if ratio >= 1 else "yellow" if ratio >= 0.9 else "green"
    return Text.assemble(("━" * full, colour), ("╌" * (width - full), "bright_black"))


def print_json(value: object) -> None:
    """JSON on stdout, indented; money is text with all its digits, and what is not finite is null."""
    sys.stdout.write(json.dumps(plain(value), indent=2, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """A value as JSON has it: dataclasses are objects, instants ISO 8601 in UTC, amounts text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return _plain_atom(value)


def _plain_atom(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value
