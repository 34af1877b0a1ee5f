"""What stands in a picture, read back from its SVG."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

START = datetime(2027, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NASTY = "\"'><script>alert(1)</script>&amp;<![CDATA[ ]]> \0\x1b[2J ￾ \ud800 \u202e"

_SVG = "{http://www.w3.org/2000/svg}"


def parse(svg: str) -> ET.Element:
    """The picture; fails unless it is well-formed."""
    return ET.fromstring(svg)


def classed(root: ET.Element, class_: str) -> list[ET.Element]:
    """The elements of a class, in order; `value provisional` is not `value`."""
    return [each for each in root.iter() if each.get("class") == class_]


def named(root: ET.Element, name: str) -> list[ET.Element]:
    return list(root.iter(f"{_SVG}{name}"))


def said(root: ET.Element) -> list[str]:
    """All texts that are drawn."""
    return [each.text or "" for each in named(root, "text")]


def runs(path: ET.Element) -> list[list[tuple[float, float]]]:
    """The places of a path, a list for each stretch that hangs together."""
    stretches = (path.get("d") or "").split("M")[1:]
    return [[(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", each)] for each in stretches]


def places(root: ET.Element, class_: str) -> list[tuple[float, float]]:
    """The places of all paths of a class together."""
    return [place for path in classed(root, class_) for run in runs(path) for place in run]
