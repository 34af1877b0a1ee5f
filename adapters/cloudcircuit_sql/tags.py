"""Tags: how a table keeps them, and how one is read there, or from their text here."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from cloudcircuit.errors import AdapterError
from cloudcircuit_sql.columns import Column, Kind, printable
from cloudcircuit_sql.engines import Engine

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

Tags = dict[str, str | None]
PAIR_FIELDS = (("key", "value"), ("Key", "Value"))


class Form(StrEnum):
    """How one tag is read: `TEXT` is JSON that is taken apart here, with all of its keys."""

    NONE = "none"
    TEXT = "text"
    JSONB = "jsonb"
    MAP = "map"
    VARIANT = "variant"


def choose(column: Column, wanted: Literal["auto", "json", "map", "none"], engine: Engine) -> Form:
    """How the tags of a column are read. Raises AdapterError where they cannot be."""
    if wanted == "none":
        raise AdapterError(
            f'column {column.name} is left alone, as tags = "none" says; leave `tags` out', permanent=True
        )
    if wanted == "map" or (wanted == "auto" and column.kind is Kind.MAP):
        if engine.map_value:
            return Form.MAP
    elif column.kind is Kind.JSON and engine.has_jsonb:
        return Form.JSONB
    elif column.kind is Kind.VARIANT and engine.variant_value:
        return Form.VARIANT
    elif column.kind in (Kind.TEXT, Kind.JSON) or wanted == "json":
        return Form.TEXT
    raise AdapterError(
        f"column {column.name} has type {printable(column.type, 60)}, from which {engine.label} gives no tags here;"
        ' make a view that gives it as JSON text, or say how they are kept with `tags` ("json", "map", "none")',
        permanent=True,
    )


def as_text(engine: Engine, column: Column) -> ColumnElement[Any]:
    """All tags as JSON text."""
    import sqlalchemy as sa

    if column.kind is Kind.JSON and engine.json_text:
        return sa.Function(engine.json_text, sa.column(column.name))
    return sa.column(column.name) if column.kind is Kind.TEXT else sa.cast(sa.column(column.name), sa.Text)


def value(form: Form, column: Column, key: str, engine: Engine) -> ColumnElement[Any]:
    """One tag, by its exact key."""
    import sqlalchemy as sa

    tags: ColumnElement[Any] = sa.column(column.name)
    wanted = sa.literal(key, sa.Text)
    if form is Form.MAP:
        return sa.Function(engine.map_value, tags, wanted)
    if form is Form.VARIANT:
        return sa.cast(sa.Function(engine.variant_value, tags, wanted), sa.String)
    return _from_jsonb(sa.cast(tags, _jsonb()), wanted)


def _jsonb() -> Any:
    from sqlalchemy.dialects.postgresql import JSONB

    return JSONB


def _from_jsonb(tags: ColumnElement[Any], wanted: ColumnElement[Any]) -> ColumnElement[Any]:
    """From an object, or from an array of key/value objects."""
    import sqlalchemy as sa

    kind = sa.func.jsonb_typeof(tags)
    path: ColumnElement[Any] = sa.literal_column("CAST('$[*] ? (@.key == $k || @.Key == $k)' AS jsonpath)")
    pair = sa.func.jsonb_path_query_first(tags, path, sa.func.jsonb_build_object(sa.literal_column("'k'"), wanted))
    fields = [pair.op("->>")(sa.literal_column(f"'{field}'")) for _, field in PAIR_FIELDS]
    return sa.case((kind == sa.literal_column("'object'"), tags.op("->>")(wanted)), else_=sa.func.coalesce(*fields))


@lru_cache(maxsize=4096)
def parse(text: str) -> Tags:
    """Tags from JSON: an object, or an array of key/value objects; anything else has none. Raises ValueError."""
    try:
        found = json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("too deep") from None
    if isinstance(found, list):
        return dict(pair for entry in reversed(found) for pair in _pairs(entry))
    return {key: _as_text(each) for key, each in found.items()} if isinstance(found, dict) else {}


def _pairs(entry: object) -> list[tuple[str, str | None]]:
    if not isinstance(entry, dict):
        return []
    named = ((key, value) for key, value in PAIR_FIELDS if key in entry)
    return [(entry[key], _as_text(entry.get(value))) for key, value in named if isinstance(entry[key], str)]


def _as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
