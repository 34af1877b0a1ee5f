"""Words for people: text from outside made harmless and short, and money, time and shares as one reads them.

Names of services, tags and accounts come from the bill, and whoever can tag a resource can write into them. Here
they become one line without control characters and hidden direction marks; a channel adds only its own escaping.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import floor, isfinite

UNKNOWN = "unknown"

_REPLACEMENT = "\ufffd"
_JOINERS = "\u200c\u200d"  # emoji sequences, Persian and Indic words need them
_ZWJ = "\u200d"
_LONGEST_CLUSTER = 32  # code points; a pile of accents is no excuse to go on for ever
_CUT_BEFORE = re.compile(r"… (\d{1,15}) more\Z")

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "AUD": "A$", "CAD": "CA$"}
_NO_CENTS = frozenset({"JPY", "KRW", "VND", "CLP", "ISK"})


# --- text from outside ----------------------------------------------------------------------------------


def clean(text: str) -> str:
    """One line: runs of white space become one space; control, format and direction marks become `\ufffd`."""
    text = " ".join(text.split())
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if category in {"Cc", "Cs", "Zl", "Zp"} or (category == "Cf" and char not in _JOINERS):
        return _REPLACEMENT
    return char


def storable(text: str) -> str:
    """The text itself, but for the two things that databases and receivers choke on: NUL and lone surrogates."""
    if "\0" in text:
        text = text.replace("\0", _REPLACEMENT)
    return text if text.isascii() else re.sub("[\ud800-\udfff]", _REPLACEMENT, text)


def clusters(text: str) -> Iterator[str]:
    """What a reader takes for one character: accents, emoji sequences, flags and Korean syllables stay whole."""
    current = ""
    for char in text:
        if current and _continues(current, char):
            current += char
            continue
        if current:
            yield current
        current = char
    if current:
        yield current


def _continues(cluster: str, char: str) -> bool:
    if (char < "\u0300" and cluster[-1] != _ZWJ) or len(cluster) >= _LONGEST_CLUSTER:
        return False
    if char in _JOINERS or cluster[-1] == _ZWJ or "\U0001f3fb" <= char <= "\U0001f3ff":
        return True
    if "\U0001f1e6" <= char <= "\U0001f1ff":  # two regional indicators make a flag
        return len(cluster) == 1 and "\U0001f1e6" <= cluster <= "\U0001f1ff"
    if "\u1160" <= char <= "\u11ff":  # the vowels and finals of a Korean syllable
        return "\u1100" <= cluster[-1] <= "\u11ff" or "\uac00" <= cluster[-1] <= "\ud7a3"
    return unicodedata.category(char)[0] == "M"


def cut(text: str, limit: int, size: Callable[[str], int] = len) -> str:
    """Cut between two graphemes so that `size` of the whole is at most `limit`, and say how many are missing.

    A text that was cut before says the sum. `size` may count more than characters: escapes, UTF-16 units. Where
    not even the remark fits, an ellipsis alone stands for it.
    """
    if len(text) <= limit and size(text) <= limit:
        return text
    before = _CUT_BEFORE.search(text, max(0, len(text) - 30))
    body, missing = (text[: before.start()], int(before[1])) if before else (text, 0)
    remark = f"… {len(body) + missing} more"
    room = limit - size(remark)
    if room < 0:
        return "…"[:limit]
    kept = _head(body, room, size)
    return f"{kept}… {len(body) - len(kept) + missing} more"


def _head(text: str, room: int, size: Callable[[str], int]) -> str:
    kept: list[str] = []
    for cluster in clusters(text[: room + _LONGEST_CLUSTER]):
        room -= size(cluster)
        if room < 0:
            break
        kept.append(cluster)
    return "".join(kept)


def shown(text: object, limit: int = 80) -> str:
    """A name as it stands in a sentence: harmless, short, never empty."""
    raw = str(text)
    if len(raw) > limit * _LONGEST_CLUSTER:
        raw = cut(raw, limit * _LONGEST_CLUSTER)
    return cut(clean(raw), limit) or "(empty)"


# --- money, time, shares --------------------------------------------------------------------------------


def money(amount: Decimal | float | str | None, currency: str) -> str:
    """An amount as one says it: `$52.69`, `€12,345`, `CHF 3.20`; `unknown` where there is none."""
    value = number(amount)
    if value is None:
        return UNKNOWN
    code = shown(currency, 12)
    sign = "-" if value < 0 else ""
    symbol = _SYMBOLS.get(currency)
    digits = _digits(abs(value), 0 if currency in _NO_CENTS else 2)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{code} {digits}"


def number(amount: Decimal | float | str | None) -> float | None:
    """A finite number out of a payload's figure (exact money is a string there), else None."""
    try:
        value = None if amount is None else float(amount)
    except (ValueError, OverflowError):
        return None
    return value if value is not None and isfinite(value) else None


def _digits(value: float, cents: int) -> str:
    if value >= 1e15:
        return f"{value:.3g}"
    if 0 < value < 0.005 and cents:
        return "0.00…"
    return f"{value:,.0f}" if value >= 9_999.995 else f"{value:,.{cents}f}"


def share(ratio: float | None) -> str:
    """A share as a percentage. Just under the whole is not the whole."""
    if ratio is None or not isfinite(ratio):
        return UNKNOWN
    percent = ratio * 100
    if abs(percent) >= 1e6:
        return "over 1,000,000%"
    return "99%" if 99 < percent < 100 else f"{percent:,.0f}%"


def duration(seconds: float | None) -> str:
    """A length of time in its largest sensible unit: `3 days`, `26 hours`, `5 minutes`."""
    if seconds is None or not isfinite(seconds):
        return UNKNOWN
    for unit, size, least in (("day", 86400, 2), ("hour", 3600, 1), ("minute", 60, 1)):
        if seconds >= size * least:
            return count(floor(seconds / size), unit)
    return "less than a minute"


def count(amount: int, noun: str, plural: str | None = None) -> str:
    return f"{amount:,} {noun if amount == 1 else plural or noun + 's'}"


def day(when: date, at: date) -> str:
    """`10 October`, with the year when it is not that of `at`."""
    text = f"{when.day} {_MONTHS[when.month - 1]}"
    return text if when.year == at.year else f"{text} {when.year}"


def moment(when: datetime, at: date) -> str:
    """`10 October 14:00 UTC`"""
    when = when.astimezone(UTC)
    return f"{day(when, at)} {when:%H:%M} UTC"


def charge_day(start: datetime) -> date:
    """The local date of a charge day by its first instant, whichever zone cuts it (UTC-10 to UTC+13)."""
    return (start.astimezone(UTC) + timedelta(hours=13)).date()


def span(start: date, end: date, at: date) -> str:
    """A half-open range of days: `October`, `2018`, `8 to 14 October`, `10 October`."""
    last = end - timedelta(days=1)
    year = "" if start.year == at.year else f" {start.year}"
    if start.day == 1 and end.day == 1 and (end - start).days <= 31:
        return f"{_MONTHS[start.month - 1]}{year}"
    if (start.month, start.day, end.month, end.day) == (1, 1, 1, 1) and end.year == start.year + 1:
        return str(start.year)
    return day(start, at) if last <= start else f"{day(start, at)} to {day(last, at)}"


_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
