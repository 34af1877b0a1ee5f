"""The checksum that a stored row carries. It finds accidents (a flipped bit, a half-restored file), not forgers."""

from __future__ import annotations

from hashlib import blake2b


def seal(table: str, *parts: object) -> str:
    """32 hex digits over a table's name and the parts of a row, each with its length, so that none run together."""
    raw = [part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass") for part in (table, *parts)]
    lengths = ",".join(str(len(part)) for part in raw).encode()
    return blake2b(b"|".join([lengths, *raw]), digest_size=16).hexdigest()
