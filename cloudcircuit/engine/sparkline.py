"""A circuit's recent past as a chart of text, narrow enough for a telephone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any

from cloudcircuit.engine.text import cut, day, money, number

WIDTH = 30
"""How many periods are shown, one column each."""

HEIGHT = 4
"""Rows of bars; each has eight steps."""

CAPTION = 36
"""The most characters of a line below the bars."""

_BARS = " ▁▂▃▄▅▆▇█"
_LIMIT, _NOTHING_KNOWN, _FOUND = "┄", "·", "▲"

Payload = Mapping[str, Any]


def draw(payload: Payload) -> list[str]:
    """The lines of the chart of an alert: bars, marks below what was found, and what the axes mean.

    Nothing where fewer than two periods are known, or all cost nothing. The limit is that of the newest judged period;
    a negative period is as low as one that cost nothing.
    """
    points = payload.get("series", ())[-WIDTH:]  # what was stored by an older version has none
    values = [number(point["value"]) for point in points]
    known = [value for value in values if value is not None]
    if len(known) < 2 or max(known) <= 0:
        return []
    limit = number(payload["expected"]["high"]) if payload["expected"] else None
    top = max(*known, limit or 0.0)
    columns = [_column(value, top, limit) for value in values]
    bars = ["".join(column[row] for column in columns) for row in reversed(range(HEIGHT))]
    marks = "".join(_FOUND if point["found"] else " " for point in points).rstrip()
    return [*bars, *([marks] if marks else []), *_captions(payload, points, max(known), limit)]


def _column(value: float | None, top: float, limit: float | None) -> list[str]:
    """The cells of one period, the lowest first. Where no bar hides it, the limit is drawn as a line."""
    steps = 0 if value is None else max(1, ceil(max(0.0, value) / top * HEIGHT * 8))
    cells = [_BARS[min(8, max(0, steps - 8 * row))] for row in range(HEIGHT)]
    if value is None:
        cells[0] = _NOTHING_KNOWN
    line = None if limit is None or limit <= 0 else min(HEIGHT - 1, int(limit / top * HEIGHT))
    return [_LIMIT if row == line and cell == " " else cell for row, cell in enumerate(cells)]


def _captions(payload: Payload, points: Sequence[Payload], highest: float, limit: float | None) -> list[str]:
    first, last = (_short(point["start"], payload) for point in (points[0], points[-1]))
    signs = [f"top {money(highest, payload['currency'])}"]
    signs += [] if limit is None else [f"{_LIMIT} {money(limit, payload['currency'])}"]
    signs += [f"{_FOUND} unusual"] if any(point["found"] for point in points) else []
    return [cut(text, CAPTION) for text in (f"{first} – {last}", ", ".join(signs))]


def _short(start: str, payload: Payload) -> str:
    """`12 Oct`, or `12 Oct 14:00` of an hour."""
    at = datetime.fromisoformat(start)
    number_of_day, month, *_ = day(at.date(), at.date()).split()
    hour = f" {at:%H:%M}" if payload["grain"] == "hour" else ""
    return f"{number_of_day} {month[:3]}{hour}"
