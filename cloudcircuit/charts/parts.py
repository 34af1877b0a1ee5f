"""What stands beside a series: marks above it, strips of states below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import inf

from cloudcircuit.charts.scale import Scale, seconds
from cloudcircuit.charts.svg import LETTER, figure, tag, text, words

STRIP = 15.0
"""The height that one strip needs."""

_ROW = 11.0
_ROWS = 3
_BREADTH = 10.0


class Shape(StrEnum):
    """The forms of a mark, told apart without their colours."""

    TRIANGLE = "triangle"
    SQUARE = "square"
    DIAMOND = "diamond"
    RING = "ring"


class Level(StrEnum):
    """The three heights of a strip: from a thin line to its full height."""

    QUIET = "quiet"
    HALF = "half"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a moment. `label` is read by pointing at it, `note` stands beside it."""

    at: datetime
    shape: Shape
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A state from `start` to `end`."""

    start: datetime
    end: datetime
    level: Level
    label: str


@dataclass(frozen=True, slots=True)
class Strip:
    """One row of states; `name` stands at its left."""

    name: str
    stretches: tuple[Stretch, ...]


# --- marks ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MarkRows:
    """Marks in rows, so that neighbours do not cover each other; `height` is the room that the rows need."""

    rows: tuple[tuple[int, Mark], ...]

    @property
    def height(self) -> float:
        return _ROW * (1 + max(row for row, _ in self.rows)) + 2 if self.rows else 0.0


def in_rows(marks: Iterable[Mark], per_second: float) -> MarkRows:
    """Each mark in the lowest row that is free at its place, in the last where none is; `per_second` is the scale."""
    ends = [-inf] * _ROWS
    found = []
    for mark in sorted(marks, key=lambda mark: mark.at):
        x = seconds(mark.at) * per_second
        row = next((row for row, end in enumerate(ends) if x >= end), _ROWS - 1)
        ends[row] = x + _BREADTH
        found.append((row, mark))
    return MarkRows(tuple(found))


def draw_marks(marks: MarkRows, x: Scale, y: Scale) -> Iterator[str]:
    """The rows above the plot, each mark with a thin line down through it, where it lies within the scale."""
    for row, mark in marks.rows:
        if x.low <= seconds(mark.at) <= x.high:
            yield _draw_mark(mark, x(seconds(mark.at)), y.end - 2 - _ROW * (row + 0.5), y.start, left=x.start)


def _draw_mark(mark: Mark, x: float, y: float, bottom: float, *, left: float) -> str:
    is_left = len(mark.note) * 0.9 * LETTER <= x - 8 - left  # what follows would crowd it on the right
    beside = (x - 8, y + 4) if is_left else (x + 8, y + 4)
    return tag(
        "g",
        tag("title", words(mark.label)),
        tag("path", class_="stem", d=f"M{figure(x)},{figure(y + 5)}V{figure(bottom)}"),
        draw_shape(mark.shape, x, y),
        *([text(beside, mark.note, "note", "end" if is_left else "start")] if mark.note else []),
        class_=f"mark {mark.shape}",
    )


def draw_shape(shape: Shape, x: float, y: float) -> str:
    """A mark without its line, around (x, y)."""
    if shape is Shape.RING:
        return tag("circle", cx=x, cy=y, r=3.5)
    return tag("path", d=f"M{figure(x)},{figure(y)}{_OUTLINES[shape]}")


_OUTLINES = {
    Shape.TRIANGLE: "m-4.5,-4h9l-4.5,8z",
    Shape.SQUARE: "m-4,-4h8v8h-8z",
    Shape.DIAMOND: "m0,-5l5,5l-5,5l-5,-5z",
}


# --- strips -----------------------------------------------------------------------------------------------


def draw_strips(strips: Sequence[Strip], x: Scale, top: float) -> Iterator[str]:
    """The strips below each other, from `top` on; what lies beyond the scale is cut off."""
    for row, strip in enumerate(strips):
        bottom = top + (row + 1) * STRIP - 2
        yield tag(
            "g",
            text((x.start - 6, bottom - 1), strip.name, "name", "end"),
            *(_draw_stretch(each, x, bottom) for each in strip.stretches if _is_within(each, x)),
            class_="strip",
        )


def _is_within(stretch: Stretch, x: Scale) -> bool:
    return seconds(stretch.end) > x.low and seconds(stretch.start) < x.high


def _draw_stretch(stretch: Stretch, x: Scale, bottom: float) -> str:
    start, end = (x(min(max(seconds(at), x.low), x.high)) for at in (stretch.start, stretch.end))
    return tag(
        "rect",
        tag("title", words(stretch.label)),
        x=start,
        y=bottom - HEIGHTS[stretch.level],
        width=max(end - start, 0.5),
        height=HEIGHTS[stretch.level],
        class_=str(stretch.level),
    )


HEIGHTS = {Level.QUIET: 2.0, Level.HALF: 6.0, Level.FULL: 10.0}
