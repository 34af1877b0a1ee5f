"""`dataclasses.replace` for the model's large frozen values, where it is called for every circuit of every cycle."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")

Setter = Callable[[Any, Any], None]


def evolve(value: T, /, **changes: Any) -> T:
    """A copy of a slotted dataclass with some fields changed, about three times as fast as `replace`.

    It runs no `__post_init__`, which the values that it is meant for do not have. Raises TypeError for a field that
    does not exist.
    """
    kind: Any = type(value)
    setters, read = _plan(kind)
    copy: T = object.__new__(type(value))
    for setter, field in zip(setters.values(), read(value), strict=True):
        setter(copy, field)
    try:
        for name, field in changes.items():
            setters[name](copy, field)
    except KeyError as error:
        raise TypeError(f"{type(value).__name__} has no field {error}") from error
    return copy


@lru_cache(maxsize=64)
def _plan(cls: Any) -> tuple[dict[str, Setter], Callable[[Any], tuple[Any, ...]]]:
    """How each field of a class is written, and how all of them are read at once."""
    names = tuple(cls.__dataclass_fields__)
    if len(names) < 2 or hasattr(cls, "__post_init__"):
        raise TypeError(f"{cls.__name__} is not a plain record of two fields or more")
    return {name: getattr(cls, name).__set__ for name in names}, attrgetter(*names)
