"""The plot's place in the picture, its grid and its two axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cloudcircuit.charts.lines import Spot
from cloudcircuit.charts.scale import Range, Scale, drawable, seconds
from cloudcircuit.charts.svg import LETTER, Size, tag, text
from cloudcircuit.charts.ticks import amount_labels, dates, steps

_FOOT = 20.0  # the dates below the plot
_RIGHT = 14.0
_FAR = 1000.0  # plots; beyond it a line that leaves the plot is upright anyway
_ROOM_FOR_A_DATE = 64.0


@dataclass(frozen=True, slots=True)
class Frame:
    """Two scales, and what stands on their axes; `foot` is the height between the plot and its dates."""

    size: Size
    x: Scale
    y: Scale
    foot: float
    amounts: tuple[tuple[float, str], ...]

    def place(self, at: float, value: float | None) -> Spot | None:
        """The place of a value at a time in seconds, above and below the plot too; None where there is none to draw."""
        value = drawable(value)
        if value is None or not self.x.low <= at <= self.x.high:
            return None
        far = _FAR * (self.y.high - self.y.low)
        return self.x(at), self.y(min(max(value, self.y.low - far), self.y.high + far))

    def spot(self, at: float, value: float | None) -> Spot | None:
        """The same, and None where it lies off the plot."""
        return self.place(at, value) if value is not None and self.y.low <= value <= self.y.high else None

    def clipped(self, at: float, value: float | None) -> Spot | None:
        """The same, but what lies above or below is drawn at the edge: for areas that reach beyond it."""
        value = drawable(value)
        return None if value is None else self.spot(at, min(max(value, self.y.low), self.y.high))


def frame(
    size: Size,
    span: Range,
    amounts: Range,
    currency: str,
    *,
    head: float = 10,
    foot: float = 0,
    names: Sequence[str] = (),
) -> Frame:
    """The frame for `span` (seconds) and `amounts`; `head` is the room above the plot, `foot` that for strips below,
    whose `names` stand at the left as the amounts do.
    """
    marks = steps(amounts, about=4 if size.height - head - foot > 120 else 2)
    labels = amount_labels(marks, currency)
    left = min(max(48.0, max(map(len, [*labels, *names])) * LETTER + 8), size.width / 2)
    y = Scale(marks[0], marks[-1], size.height - _FOOT - foot, head)
    return Frame(size, Scale(*span, left, size.width - _RIGHT), y, foot, tuple(zip(marks, labels, strict=True)))


def draw_frame(made: Frame) -> Iterator[str]:
    """Grid lines, the amounts at the left, the dates at the bottom."""
    yield tag("g", *_grid(made), class_="grid")
    yield tag("g", *_amounts(made), class_="axis")
    yield tag("g", *_dates(made), class_="axis")


def _grid(made: Frame) -> Iterator[str]:
    for value, _ in made.amounts:
        zero = "zero" if value == 0 else None
        yield tag("line", x1=made.x.start, x2=made.x.end, y1=made.y(value), y2=made.y(value), class_=zero)


def _amounts(made: Frame) -> Iterator[str]:
    for value, label in made.amounts:
        yield text((made.x.start - 6, made.y(value) + 4), label, anchor="end")


def _dates(made: Frame) -> Iterator[str]:
    y = made.y.start + made.foot
    most = max(2, int((made.x.end - made.x.start) / _ROOM_FOR_A_DATE))
    for at, label in dates((made.x.low, made.x.high), most):
        x = made.x(seconds(at))
        yield tag("line", x1=x, x2=x, y1=y, y2=y + 4)
        is_last = x + len(label) * LETTER / 2 > made.size.width
        yield text((made.size.width if is_last else x, y + 16), label, anchor="end" if is_last else "middle")
