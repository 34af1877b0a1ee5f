"""Values to JSON and back, by type hints: exact for Decimal, aware instants, enums and nested dataclasses.

Every field is written, so that a default may change without changing what was stored. Read back, a field that an
older version did not write takes its default. A field or a word that this version does not know was written by a
newer one, and guessing would be dangerous (an unknown breaker phase is not "closed"): StateNewer. A reader of
published decisions that may be older than the daemon asks for `lenient`: unknown fields are passed over and
unknown words left out of lists; a lone unknown word is refused all the same.

Standard library only: programs that ask for decisions load this.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from cloudcircuit.errors import StateDamaged, StateNewer, StoreError

T = TypeVar("T")
Step = Callable[[Any], Any]


class _Unknown(ValueError):
    """A field or a word of a newer version."""


class _Malformed(ValueError):
    """Not what the type hint says."""


def pack(value: Any) -> Any:
    """A dataclass as plain JSON values. Raises ValueError or TypeError for what JSON cannot hold exactly."""
    kind: Any = type(value)
    return _packer(kind)(value)


def encode(value: Any) -> str:
    """A dataclass as one line of JSON text in ASCII. Raises StoreError; NaN and infinities are refused."""
    try:
        return dumps(pack(value))
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"{type(value).__name__} cannot be stored: {error}") from error


_TO_JSON = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def dumps(plain: Any) -> str:
    """JSON without blanks, ASCII (lone surrogates and NUL survive), finite numbers only. Raises ValueError."""
    return _TO_JSON.encode(plain)


def loads(text: str | bytes) -> Any:
    """JSON, where NaN and infinities are not. Raises ValueError."""
    try:
        return _FROM_JSON.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


_FROM_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


def decode(cls: type[T], text: str, what: str) -> T:
    """The dataclass that `encode` wrote; `what` names it in errors. Raises StateDamaged, StateNewer."""
    try:
        plain = loads(text)
    except ValueError as error:
        raise StateDamaged(f"{what} is not readable: {error}") from error
    return unpack(cls, plain, what)


def unpack(cls: type[T], plain: Any, what: str, *, lenient: bool = False) -> T:
    """The dataclass that `pack` made plain. Raises StateDamaged, StateNewer."""
    kind: Any = cls
    try:
        value: T = _read(_reader(kind, lenient), plain)
    except _Unknown as error:
        raise StateNewer(f"{what} was written by a newer version of CloudCircuit: {error}") from error
    except ValueError as error:
        raise StateDamaged(f"{what} is not readable: {error}") from error
    return value


# --- writing --------------------------------------------------------------------------------------------


SHAPES = 1024
"""For how many combinations of types it is remembered, for each dataclass, which fields are to be converted."""

SEEN = 4096
"""How many instants and days are remembered as text and as values: all rows of a cycle share a few."""


def _same(value: Any) -> Any:
    return value


def _decimal_text(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} is not a finite amount")
    return str(value)


@lru_cache(SEEN)
def instant_text(value: datetime) -> str:
    """ISO 8601 in UTC. Raises ValueError for an instant without a zone."""
    if value.tzinfo is UTC:
        return value.isoformat()
    if value.tzinfo is None:
        raise ValueError(f"{value} has no time zone")
    return value.astimezone(UTC).isoformat()


def _loose(value: Any) -> Any:
    """A value without a type hint (history detail, an envelope): what JSON lacks becomes text, for good."""
    if isinstance(value, Mapping):
        return {_key(key): _loose(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_loose(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    step = _WRITERS.get(type(value))
    return step(value) if step else value


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key must be text, not {key!r}")
    return str(key)


_WRITERS: Mapping[Any, Step] = {Decimal: _decimal_text, datetime: instant_text, date: date.isoformat}


@lru_cache(maxsize=256)
def _packer(hint: Any) -> Step:
    """How a value of this type is made plain; `_same` where it already is."""
    if is_dataclass(hint):
        return _pack_dataclass(_hints(hint))
    if hint is Any:
        return _loose
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _optional(_packer(_inner(args)))
    if origin is tuple:
        item = _packer(args[0])
        return list if item is _same else lambda value: [item(each) for each in value]
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_packer(args[1]))
    return _WRITERS.get(hint, _same)


def _pack_dataclass(hints: list[tuple[str, Any]]) -> Step:
    """Most fields are plain already: only the others are called for."""
    names = [name for name, _ in hints]
    steps = [(name, step) for name, part in hints if (step := _packer(part)) is not _same]
    values_of = attrgetter(*names)

    def write(value: Any) -> dict[str, Any]:
        plain = dict(zip(names, values_of(value), strict=True))
        for name, step in steps:
            plain[name] = step(plain[name])
        return plain

    return write


def _optional(step: Step) -> Step:
    return _same if step is _same else lambda value: None if value is None else step(value)


def _mapping(step: Step) -> Step:
    return lambda value: {_key(key): step(item) for key, item in value.items()}


def _inner(args: tuple[Any, ...]) -> Any:
    """The X of `X | None`, the only union that the model uses."""
    (inner,) = (arg for arg in args if arg is not NoneType)
    return inner


def _hints(cls: Any) -> list[tuple[str, Any]]:
    hints = get_type_hints(cls)
    return [(field.name, hints[field.name]) for field in fields(cls)]


# --- reading --------------------------------------------------------------------------------------------

Reader = Mapping[type, Step]
"""How a JSON value of each type that may stand for a value is read; `_same` where it already is one."""


def _read(reader: Reader, plain: Any) -> Any:
    return _step(reader, type(plain))(plain)


def _step(reader: Reader, kind: type) -> Step:
    step = reader.get(kind)
    if step is None:
        raise _Malformed(f"{next(iter(reader)).__name__} expected, found {kind.__name__}")
    return step


def _read_decimal(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise _Malformed(f"{text!r} is not an amount") from error
    if not amount.is_finite():
        raise _Malformed(f"{text!r} is not a finite amount")
    return amount


def read_instant(value: Any) -> datetime:
    """The instant that `instant_text` wrote. Raises ValueError."""
    instant: datetime = _read(_READERS[datetime], value)
    return instant


@lru_cache(SEEN)
def _read_instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise _Malformed(f"{text!r} has no time zone")
    return instant


_READERS: Mapping[Any, Reader] = {
    Any: dict.fromkeys((str, int, bool, float, list, dict, NoneType), _same),
    str: {str: _same},
    int: {int: _same},
    bool: {bool: _same},
    float: {float: _same, int: float},
    Decimal: {str: _read_decimal},
    datetime: {str: _read_instant},
    date: {str: lru_cache(SEEN)(date.fromisoformat)},
}


@lru_cache(maxsize=256)
def _reader(hint: Any, lenient: bool) -> Reader:
    """How a plain value becomes one of this type. The steps raise ValueError."""
    if hint in _READERS:
        return _READERS[hint]
    if is_dataclass(hint):
        return {dict: _read_dataclass(hint, lenient)}
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return {**_reader(_inner(args), lenient), NoneType: _same}
    if origin is tuple:
        return {list: _read_tuple(args[0], lenient)}
    if origin is not None and issubclass(origin, Mapping):
        item = _reader(args[1], lenient)
        return {dict: lambda value: {key: _read(item, each) for key, each in value.items()}}
    return {str: _read_word(hint)}


def _read_word(enum: Any) -> Step:
    words = {member.value: member for member in enum}

    def read(text: str) -> Any:
        word = words.get(text)
        if word is None:
            raise _Unknown(f"{text!r} is no {enum.__name__} that this version knows")
        return word

    return read


def _read_tuple(hint: Any, lenient: bool) -> Step:
    item = _reader(hint, lenient)
    if lenient and isinstance(hint, type) and issubclass(hint, Enum):
        known = {member.value for member in hint}
        return lambda value: tuple(_read(item, each) for each in value if each in known)
    return lambda value: tuple([_read(item, each) for each in value])


def _read_dataclass(cls: Any, lenient: bool) -> Step:
    readers = {name: _reader(part, lenient) for name, part in _hints(cls)}
    required = {field.name for field in fields(cls) if _has_no_default(field)}
    names = list(readers)

    @lru_cache(SHAPES)
    def steps_for(kinds: tuple[type, ...]) -> list[tuple[str, Step]]:
        return _steps(readers, zip(names, kinds, strict=True))

    def read(found: dict[str, Any]) -> Any:
        if [*found] == names:
            steps = steps_for(tuple(map(type, found.values())))
        else:
            found = _fit(cls, found, readers, required, lenient)
            steps = _steps(readers, ((name, type(plain)) for name, plain in found.items()))
        name = ""
        try:
            return cls(**found | {(name := key): step(found[key]) for key, step in steps})
        except ValueError as error:
            raise _named(name, error) from error

    return read


def _steps(readers: Mapping[str, Reader], kinds: Iterable[tuple[str, type]]) -> list[tuple[str, Step]]:
    """The fields that are no values as they stand, each with what makes it one."""
    steps = []
    for name, kind in kinds:
        try:
            steps.append((name, _step(readers[name], kind)))
        except _Malformed as error:
            raise _named(name, error) from error
    return [(name, step) for name, step in steps if step is not _same]


def _named(name: str, error: ValueError) -> ValueError:
    return (_Unknown if isinstance(error, _Unknown) else _Malformed)(f"{name}: {error}")


def _fit(
    cls: Any, found: dict[str, Any], known: Mapping[str, Reader], required: set[str], lenient: bool
) -> dict[str, Any]:
    """What was written by another version: more fields, or fewer."""
    extra = found.keys() - known.keys()
    if extra and not lenient:
        raise _Unknown(f"{cls.__name__} has the unknown field {min(extra)!r}")
    missing = required - found.keys()
    if missing:
        raise _Malformed(f"{cls.__name__} lacks {min(missing)!r}")
    return {name: plain for name, plain in found.items() if name in known}


def _has_no_default(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING
