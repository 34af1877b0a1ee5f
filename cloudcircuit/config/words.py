"""The one place where pydantic's errors become problems in the operator's words.

Values are not repeated, except the wrong one of a closed list: any other may be a secret in the wrong place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cloudcircuit.config.fields import OFF, ON
from cloudcircuit.config.schema import IS
from cloudcircuit.config.text import Key, meant, path_of, quoted
from cloudcircuit.errors import Problem

_OURS = frozenset({ON, OFF, IS, "[key]"})
_WORD = re.compile(r"'([^']*)'")


def explain(error: ValidationError, model: type[BaseModel], key: Key) -> list[Problem]:
    """The problems of one table that stands at `key`."""
    return [_problem(detail, model, key) for detail in error.errors(include_url=False)]


def _problem(detail: ErrorDetails, model: type[BaseModel], key: Key) -> Problem:
    place = tuple(part for part in detail["loc"] if part not in _OURS)
    return Problem(path_of((*key, *place)), _message(detail, model))


def _message(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        return f"unknown key{meant(str(detail['loc'][-1]), keys_of(_model_at(model, detail['loc'][:-1])))}"
    if kind == "missing":
        return f"missing{_description(model, detail['loc'])}"
    if kind == "model_type" and ON in detail["loc"]:
        return "must be a table, true or false"
    context = detail.get("ctx", {})
    if kind in ("literal_error", "enum"):
        return _one_of(detail["input"], context)
    say = SAYINGS.get(kind) or FOR_OPTIONS.get(kind)
    return say(context) if say else _as_it_is(detail["msg"])


def _one_of(value: object, context: Mapping[str, Any]) -> str:
    words = _WORD.findall(str(context["expected"]))
    if isinstance(value, str) and words:
        tail = meant(value, words)
        return f"unknown word {quoted(value)}{tail}"
    return f"must be one of {', '.join(quoted(word) for word in words)}"


def _fixed(text: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda _context: text


def _bound(text: str, name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda context: f"{text} {_plain(context[name])}"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


SAYINGS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "value_error": lambda context: str(context["error"]),
    "string_type": _fixed('must be text in quotes: "…"'),
    "bool_type": _fixed("must be true or false, without quotes"),
    "int_type": _fixed("must be a whole number, without quotes"),
    "float_type": _fixed("must be a number, without quotes"),
    "finite_number": _fixed("is too large a number"),
    "list_type": _fixed('must be a list: ["…", "…"]'),
    "dict_type": _fixed("must be a table: { key = value }"),
    "model_type": _fixed("must be a table: { key = value }"),
    "date_type": _fixed("must be a date, without quotes: 2026-01-31"),
    "string_too_short": _fixed("must not be empty"),
    "string_too_long": lambda context: f"has more than {context['max_length']} characters",
    "too_short": _fixed("must not be an empty list"),
    "too_long": lambda context: f"has more than {context['max_length']} items",
    "greater_than": _bound("must be more than", "gt"),
    "greater_than_equal": _bound("must be at least", "ge"),
    "less_than": _bound("must be less than", "lt"),
    "less_than_equal": _bound("must be at most", "le"),
}
"""Every kind of error that our own tables can raise."""

FOR_OPTIONS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "tuple_type": SAYINGS["list_type"],
    "bool_parsing": SAYINGS["bool_type"],
    "int_parsing": SAYINGS["int_type"],
    "int_from_float": SAYINGS["int_type"],
    "float_parsing": SAYINGS["float_type"],
    "decimal_type": SAYINGS["float_type"],
    "decimal_parsing": SAYINGS["float_type"],
    "byte_size": _fixed('must be a size: "500MB", "2GB"'),
    "byte_size_unit": _fixed('must be a size: "500MB", "2GB"'),
    "string_pattern_mismatch": lambda context: f"must match {context['pattern']}",
}
"""What adapters' options raise most; what is in neither stays in pydantic's words."""


def _as_it_is(message: str) -> str:
    """pydantic's own words."""
    return message.replace("Input should be", "must be", 1).replace("Value error, ", "", 1)


def keys_of(model: type[BaseModel] | None) -> list[str]:
    """The keys that a table of this model has, as the operator writes them."""
    fields = model.model_fields if model else {}
    return [field.alias or name for name, field in fields.items()]


def _model_at(model: type[BaseModel] | None, place: tuple[int | str, ...]) -> type[BaseModel] | None:
    for part in place:
        if model is not None and part not in _OURS and isinstance(part, str):
            field = _field(model, part)
            model = _model_in(field.annotation) if field else None
    return model


def _field(model: type[BaseModel], key: str) -> Any:
    return next((field for name, field in model.model_fields.items() if key == (field.alias or name)), None)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The first model in an annotation such as `Annotated[BudgetTable | False, …] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for item in get_args(annotation) if (found := _model_in(item))), None)


def _description(model: type[BaseModel], place: tuple[int | str, ...]) -> str:
    table = _model_at(model, place[:-1])
    field = _field(table, str(place[-1])) if table else None
    return f": {field.description[0].lower()}{field.description[1:].rstrip('.')}" if field and field.description else ""
