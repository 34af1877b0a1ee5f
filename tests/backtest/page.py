"""A report read back: its elements, strictly nested, and its texts."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "br", "hr", "img", "link", "input"}


@dataclass
class Element:
    name: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that is said within, with single spaces."""
        return " ".join(" ".join(self.words).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]
        self.all: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {key: value or "" for key, value in attrs})
        self.open[-1].children.append(element)
        self.all.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        closed = self.open.pop()
        assert closed.name == tag, f"<{closed.name}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.words.append(data)


def read(html: str) -> list[Element]:
    """The elements of a page, in order. Fails where they are not properly nested."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == [reader.root], f"<{reader.open[-1].name}> is never closed"
    return reader.all


def find(html: str, name: str, **attributes: str) -> list[Element]:
    wanted = {key.rstrip("_"): value for key, value in attributes.items()}
    return [each for each in read(html) if each.name == name and wanted.items() <= each.attributes.items()]


def pictures(html: str) -> list[ET.Element]:
    """The charts of the page, each well-formed by itself."""
    parts = [part.partition("</svg>")[0] for part in html.split("<svg ")[1:]]
    return [ET.fromstring(f"<svg {part}</svg>") for part in parts]
