"""Durations, amounts, currencies and time zones: from the operator's words to exact values.

Every function raises ValueError with a sentence that says how to write it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

from cloudcircuit.config.text import meant, quoted

_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>[0-9]{{1,9}}){unit})?" for unit in _SECONDS))
_LOOSE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([a-z]+)\s*", re.IGNORECASE)
_WORDS = {
    **dict.fromkeys(["w", "wk", "wks", "week", "weeks"], "w"),
    **dict.fromkeys(["d", "day", "days"], "d"),
    **dict.fromkeys(["h", "hr", "hrs", "hour", "hours"], "h"),
    **dict.fromkeys(["m", "min", "mins", "minute", "minutes"], "m"),
    **dict.fromkeys(["s", "sec", "secs", "second", "seconds"], "s"),
}
_LONGEST = timedelta(days=3660)
_HOW_LONG = 'a duration is a number and its unit (s, m, h, d, w): "90s", "6h", "1d12h"'

DURATION_PATTERN = r"^(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?$"
"""For editors: JSON Schema knows no named groups."""

_AMOUNT = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")
_THOUSANDS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_DECIMALS = 18  # what a column of charges holds: decimal128(38, 18)
_LARGEST = Decimal(10) ** 15
_CURRENCY = re.compile(r"[A-Z]{3}")


def parse_duration(value: object) -> timedelta:
    """`"90s"`, `"6h"`, `"1d12h"`: units from large to small, each at most once; ten years at most."""
    if not isinstance(value, str):
        raise ValueError(_HOW_LONG)  # noqa: TRY004 - pydantic turns a ValueError into a problem
    found = _DURATION.fullmatch(value)
    if not value or found is None:
        raise ValueError(_HOW_LONG + _suggestion(value))
    seconds = sum(int(number) * _SECONDS[unit] for unit, number in found.groupdict(default="0").items())
    if seconds > _LONGEST.total_seconds():
        raise ValueError("longer than ten years")
    return timedelta(seconds=seconds)


def parse_positive_duration(value: object) -> timedelta:
    """A duration above zero."""
    duration = parse_duration(value)
    if not duration:
        raise ValueError("must be more than 0s")
    return duration


def parse_interval(value: object) -> timedelta:
    """How often something is read: a minute at least."""
    duration = parse_duration(value)
    if duration < timedelta(minutes=1):
        raise ValueError("must be at least 1m")
    return duration


def _suggestion(value: str) -> str:
    """What a duration in other words comes to in ours: `6 hours` is `6h`."""
    text = value.strip()
    parts = _LOOSE.findall(text) if len(text) <= 40 else []
    if not parts or _LOOSE.sub("", text) or any(word.lower() not in _WORDS for _, word in parts):
        return ""
    seconds = int(sum(Decimal(number) * _SECONDS[_WORDS[word.lower()]] for number, word in parts))
    if not 0 < seconds <= _LONGEST.total_seconds():
        return ""
    return f'; write "{format_duration(timedelta(seconds=seconds))}"'


def format_duration(value: timedelta) -> str:
    """The short form of whole seconds: `1d12h`, `0s`."""
    left = int(value.total_seconds())
    text = ""
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, _SECONDS[unit])
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def parse_amount(value: object) -> Decimal:
    """An exact amount of money, never below zero: a TOML number, or text such as `"4000.50"`."""
    amount = _number(value)
    if not amount.is_finite():
        raise ValueError("must be a finite number")
    if amount < 0:
        raise ValueError("must not be below zero")
    if amount >= _LARGEST:
        raise ValueError("too large for an amount of money")
    if amount != 0 and int(amount.normalize().as_tuple().exponent) < -_DECIMALS:
        raise ValueError(f"has more than {_DECIMALS} decimals")
    return Decimal(f"{amount:f}") if amount else Decimal(0)  # 1e3 is kept, and printed, as 1000


def _number(value: object) -> Decimal:
    if isinstance(value, str):
        if _AMOUNT.fullmatch(value) is None:
            raise ValueError(_not_an_amount(value))
        return Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError('must be an amount of money: 4000, 4000.50 or "4000.50"')  # noqa: TRY004 - as above
    return Decimal(value)


def _not_an_amount(value: str) -> str:
    text = f"{quoted(value)} is no amount: it is digits, with a point before the cents"
    if _THOUSANDS.fullmatch(value):
        return f'{text}; write "{value.replace(",", "")}"'
    return text


def parse_positive_amount(value: object) -> Decimal:
    """An amount above zero."""
    amount = parse_amount(value)
    if not amount:
        raise ValueError("must be more than 0")
    return amount


def parse_currency(value: str) -> str:
    """Three capital letters, as in ISO 4217 and in the bill."""
    if _CURRENCY.fullmatch(value):
        return value
    upper = value.strip().upper()
    hint = f'; write "{upper}"' if _CURRENCY.fullmatch(upper) else ""
    raise ValueError(f'{quoted(value)} is no currency: it is three capital letters, as in "USD"{hint}')


def parse_zone(value: str) -> str:
    """The name of a time zone that this machine knows."""
    try:
        # What a machine calls local, and zones that count leap seconds, are found, too, and are no day zones.
        found = not value.startswith(("localtime", "posix", "right/")) and ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        found = None
    if not found:
        zones = available_timezones() - {"localtime"}
        if not zones:
            raise ValueError("this machine has no time zone database: pip install tzdata")
        raise ValueError(f"unknown time zone {quoted(value)}{_nearest_zone(value, zones)}")
    return value


def _nearest_zone(value: str, zones: set[str]) -> str:
    tail = meant(value, zones)
    return tail if "did you mean" in tail else '; names look like "UTC" or "America/Los_Angeles"'
