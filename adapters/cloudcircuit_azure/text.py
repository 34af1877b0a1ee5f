"""Text from outside, made fit for a message."""

from __future__ import annotations


def printable(text: str, limit: int = 300) -> str:
    """On one line: no control characters, no endless texts."""
    clean = "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text[:limit])
    line = " ".join(clean.split())
    return line if len(text) <= limit else f"{line}…"
