"""Reading the files of a configuration: bounded, regular files only, UTF-8; and TOML to plain values."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from cloudcircuit.config.text import Key, path_of
from cloudcircuit.errors import ConfigError, Problem

CONFIG_SIZE = 1 << 20
_PARTS = 16
_NAME = r"""(?:(?<![A-Za-z0-9_-])[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
# tomllib takes quadratic time over a dotted key: 10,000 parts, 20 kB, are more than a second.
_LONG_KEY = re.compile(rf"(?:{_NAME}[ \t]*+\.[ \t]*+){{{_PARTS},}}")
_AT = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL)


class Unreadable(Exception):
    """A file that cannot be used. The message says why, and holds nothing of what is in it."""


def read_bytes(path: Path, cap: int) -> bytes:
    """The content of a regular file of at most `cap` bytes. Raises Unreadable."""
    try:
        # A pipe without a writer would block in open: it must not, for it is refused right after.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise Unreadable(_reason(error)) from None
    try:
        return _read(descriptor, cap)
    except OSError as error:
        raise Unreadable(_reason(error)) from None
    finally:
        os.close(descriptor)


def _read(descriptor: int, cap: int) -> bytes:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable("is a folder, not a file" if stat.S_ISDIR(found.st_mode) else "is not a regular file")
    if found.st_size > cap:
        raise Unreadable(_too_large(cap))
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        content = file.read(cap + 1)
    if len(content) > cap:  # it grew, or it lies about its size, as files in /proc do
        raise Unreadable(_too_large(cap))
    return content


def _reason(error: Exception) -> str:
    if not isinstance(error, OSError):
        return "is no file's name"
    return f"cannot be read: {(error.strerror or 'input/output error').lower()}"


def _too_large(cap: int) -> str:
    size = f"{cap >> 20} MiB" if cap >= 1 << 20 else f"{cap >> 10} KiB"
    return f"is larger than {size}"


def decode(content: bytes) -> str:
    """UTF-8, with or without its byte order mark. Raises Unreadable."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("is UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"is not UTF-8 (line {line}); save it as UTF-8") from None


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """TOML to plain values; numbers with a fraction become Decimal. Raises ConfigError."""
    long = _LONG_KEY.search(text)
    if long:
        line = text.count("\n", 0, long.start()) + 1
        raise ConfigError((Problem(f"line {line}", f"a key of more than {_PARTS} parts"),), file)
    try:
        tree = tomllib.loads(text, parse_float=Decimal)
    except ValueError as error:  # a TOMLDecodeError, or an integer of thousands of digits
        raise ConfigError((_syntax(str(error)),), file) from None
    except RecursionError:
        raise ConfigError((Problem("", "is nested too deeply"),), file) from None
    problems = _not_finite(tree, ())
    if problems:
        raise ConfigError(tuple(problems), file)
    return tree


def _syntax(message: str) -> Problem:
    found = _AT.fullmatch(message)
    if found is None:
        return Problem("", "a number in it has too many digits" if "digits" in message else "is not TOML")
    where = f"line {found['line']}, column {found['column']}" if found["line"] else "end of file"
    return Problem(where, _SYNTAX.get(found["what"]) or _twice(found["what"]) or f"not TOML: {found['what']}")


_SYNTAX = {
    "Cannot overwrite a value": "a key that is there already",
    "Invalid value": 'not a value; text stands in quotes: "6h"',
    "Expected newline or end of document after a statement": 'something follows the value; text stands in quotes: "6h"',
}
"""What people get wrong most, in other words than tomllib's; those of another version stand as they are."""


def _twice(what: str) -> str:
    found = re.fullmatch(r"Cannot (?:declare|mutate immutable namespace) \((.*)\)(?: twice)?", what)
    parts = re.findall(r"'([^']*)'", found[1]) if found else []
    return f"[{path_of(tuple(parts))}] is there already" if parts else ""


def _not_finite(value: object, key: Key) -> list[Problem]:
    """TOML knows nan and inf; money does not."""
    if isinstance(value, dict):
        return [problem for name, item in value.items() for problem in _not_finite(item, (*key, name))]
    if isinstance(value, list):
        return [problem for at, item in enumerate(value) for problem in _not_finite(item, (*key, at))]
    if isinstance(value, Decimal) and not value.is_finite():
        return [Problem(path_of(key), "must be a finite number")]
    return []
