"""How a configuration speaks to its operator: key paths, quoted words, what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

_BARE = re.compile(r"[A-Za-z0-9_-]{1,80}")
_LONGEST = 80
_MOST = 1000

Key = tuple[str | int, ...]
"""Where something stands: `("monitors", "production", "sources", 0)`."""


def quoted(text: str) -> str:
    """A word of the operator's in double quotes, cut short, with nothing in it that could move a cursor."""
    short = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return '"' + "".join(_visible(character) for character in short) + '"'


def _visible(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\u{ord(character):04x}"


def path_of(key: Key) -> str:
    """`monitors.production.sources[0]`; a part that is no bare TOML key stands in quotes."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE.fullmatch(part) else quoted(part))
    return text


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """A name that nothing has. A URL in its place may be a secret: it is not repeated."""
    if "://" in name:
        return f"must be the name of a {kind}, not a URL"
    return f"unknown {kind} {quoted(name)}{meant(name, known)}"


def meant(word: str, known: Iterable[str]) -> str:
    """The tail of a message about an unknown word: the nearest known one, or all there are, if they are not many."""
    names = sorted(known)
    if len(names) > _MOST:
        return ""
    lower = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), lower, n=1, cutoff=0.65) if len(word) <= _LONGEST else []
    if close:
        return f"; did you mean {quoted(lower[close[0]])}?"
    return f"; there are: {', '.join(names)}" if names else "; there are none"
