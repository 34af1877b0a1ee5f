"""What the lines and marks of charts stand for."""

from __future__ import annotations

from collections.abc import Sequence

from cloudcircuit.charts.parts import HEIGHTS, Shape, draw_shape
from cloudcircuit.charts.svg import LETTER, Size, tag, text

_SAMPLE = Size(26, 14)

_DRAWN = {
    "value": tag("path", class_="value", d="M1,10 9,6 16,8 25,3"),
    "provisional": tag("path", class_="value provisional", d="M1,10 9,6 16,8 25,3"),
    "unusual": tag("circle", class_="unusual", cx=13, cy=7, r=3),
    "band": tag("rect", class_="band", x=1, y=1, width=24, height=12),
    "expected": tag("path", class_="expected", d="M1,7H25"),
    "before": tag("rect", class_="before", x=1, y=1, width=24, height=12),
    "limit": tag("path", class_="limit", d="M1,7H25"),
    "fan": tag("path", class_="fan", d="M1,11 25,1 25,10z") + tag("path", class_="median", d="M1,11 25,5"),
    **{shape.value: tag("g", draw_shape(shape, 13, 7), class_=f"mark {shape}") for shape in Shape},
    **{
        level.value: tag("g", tag("rect", class_=str(level), x=1, y=12 - high, width=24, height=high), class_="strip")
        for level, high in HEIGHTS.items()
    },
}


def sample(name: str) -> str:
    """One sample as a small picture, for a page that says beside it what it is: a class, a Shape or a Level."""
    return tag(
        "svg",
        _DRAWN[name],
        xmlns="http://www.w3.org/2000/svg",
        class_="chart sample",
        viewBox=f"0 0 {_SAMPLE.width} {_SAMPLE.height}",
        width=_SAMPLE.width,
        height=_SAMPLE.height,
        aria_hidden="true",
    )


def draw_key(entries: Sequence[tuple[str, str]], left: float, top: float) -> str:
    """Samples and their words in one row, for a picture that stands alone."""
    parts = []
    for name, said in entries:
        parts.append(tag("g", _DRAWN[name], transform=f"translate({left:.0f} {top:.0f})"))
        parts.append(text((left + _SAMPLE.width + 5, top + 11), said, "name"))
        left += _SAMPLE.width + 5 + len(said) * LETTER * 0.85 + 16
    return tag("g", *parts)
