"""SVG as text: elements, escaped; nothing from outside reaches a picture except through `tag` and `text`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of a picture in its own units: pixels at its natural size, whose letters are 12 high."""

    width: float = 400
    height: float = 200


SMALL = Size()
"""Two beside each other on a desk, one on a phone: the letters stay readable in both."""


LETTER = 6.6
"""Width of a letter at most, for no browser is there to measure it."""


def tag(name: str, *children: str, **attributes: str | float | None) -> str:
    """One element; `children` are markup already. `class_` is class, `text_anchor` text-anchor; None is left out."""
    said = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    return f"<{name}{said}>{''.join(children)}</{name}>" if children else f"<{name}{said}/>"


def _attribute(key: str, value: str | float) -> str:
    text = words(value) if isinstance(value, str) else figure(value)
    return f' {key.rstrip("_").replace("_", "-")}="{text}"'


def words(text: str) -> str:
    """Text as it may stand in an element or in an attribute: escaped, and without what XML cannot hold."""
    return escape(_ILLEGAL.sub("\ufffd", text), quote=True)


def figure(value: float) -> str:
    """A coordinate to a tenth of a unit, as short as it can be written."""
    text = f"{value:.1f}"
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def text(at: tuple[float, float], said: str, class_: str | None = None, anchor: str | None = None) -> str:
    return tag("text", words(said), x=at[0], y=at[1], class_=class_, text_anchor=anchor)


def picture(size: Size, title: str, description: str, children: Sequence[str]) -> str:
    """A whole chart: an image by its role, with its name and what it shows for those who do not see it."""
    return tag(
        "svg",
        tag("title", words(title)),
        tag("desc", words(description)),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        class_="chart",
        role="img",
        viewBox=f"0 0 {figure(size.width)} {figure(size.height)}",
        width=size.width,
        height=size.height,
    )
