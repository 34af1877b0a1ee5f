"""The checksum that a stored row carries. It finds accidents (a flipped bit, a half-restored file), not forgers."""

from __future__ import annotations

from hashlib import blake2b


def seal(table: str, *parts: object) -> str:
    """32 hex digits over a table's name and the parts of a row, each with its kind and length."""
    shape, raw = [], [table.encode()]
    for part in parts:
        text = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
        shape.append(f"{_kind(part)}{len(text)}")
        raw.append(text)
    return blake2b(b"|".join([",".join(shape).encode(), *raw]), digest_size=16).hexdigest()


def _kind(part: object) -> str:
    """What a database keeps it as; a word of an enum is text."""
    if isinstance(part, str):
        return "t"
    return "i" if isinstance(part, int) else type(part).__name__
