"""A JSON Schema of the configuration, for editors: completion and squiggles while it is being written.

It knows the words and their kinds; what tables must agree on, `cloudcircuit check` knows.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from cloudcircuit.config.schema import NOTIFIERS, TABLES
from cloudcircuit.config.units import format_duration

_DRAFT = "http://json-schema.org/draft-07/schema#"
_NAME = "^.{1,100}$"


class _Generator(GenerateJsonSchema):
    """Defaults in the notation of the file: durations as `48h`, amounts as numbers."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return format_duration(dft)
        return float(dft) if isinstance(dft, Decimal) else super().encode_default(dft)


def json_schema() -> dict[str, Any]:
    """The schema as plain values, always the same for the same version."""
    models: list[type[BaseModel]] = [*TABLES.values(), *NOTIFIERS.values()]
    _, tree = models_json_schema([(model, "validation") for model in models], schema_generator=_Generator)
    definitions = {name: _tidied(item) for name, item in sorted(tree["$defs"].items())}
    definitions["SourceTable"]["additionalProperties"] = True  # the options of the adapter
    notifiers = {"anyOf": [_reference(model) for model in NOTIFIERS.values()]}
    return {
        "$schema": _DRAFT,
        "title": "CloudCircuit",
        "type": "object",
        "properties": {
            "daemon": _reference(TABLES["daemon"]),
            "defaults": _reference(TABLES["defaults"]),
            "sources": _named(_reference(TABLES["sources"])),
            "notifiers": _named(notifiers),
            "monitors": _named(_reference(TABLES["monitors"])),
            "fx": {"type": "array", "items": _reference(TABLES["fx"])},
        },
        "required": ["sources", "notifiers", "monitors"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _reference(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{model.__name__}"}


def _named(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "patternProperties": {_NAME: item}, "additionalProperties": False, "minProperties": 1}


def _tidied(value: Any) -> Any:
    """Without titles that repeat the key, and without null, which TOML does not have."""
    if isinstance(value, list):
        return [_tidied(item) for item in value if item != {"type": "null"}]
    if not isinstance(value, dict):
        return value
    kept = {key: _tidied(item) for key, item in value.items() if not _idle(key, item)}
    if kept.get("const") is False:
        kept = {"type": "boolean"}  # false switches a check off, true on
    choices = kept.get("anyOf", [])
    if len(choices) == 1:
        del kept["anyOf"]
        kept |= choices[0]
    return kept


def _idle(key: str, item: object) -> bool:
    return (key == "title" and isinstance(item, str)) or (key == "default" and item is None)
