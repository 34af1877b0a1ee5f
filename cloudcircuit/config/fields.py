"""The kinds of field that the tables are made of, for pydantic: each accepts one notation and says which."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationInfo,
    WithJsonSchema,
)

from cloudcircuit.config.text import meant, quoted, unknown
from cloudcircuit.config.units import (
    DURATION_PATTERN,
    parse_amount,
    parse_currency,
    parse_duration,
    parse_interval,
    parse_positive_amount,
    parse_positive_duration,
    parse_zone,
)
from cloudcircuit.model import (
    DIMENSIONS,
    NONE_VALUE,
    Condition,
    Cost,
    Grain,
    Mode,
    Period,
    Severity,
    WhenStale,
    check_secret_reference,
    is_dimension,
)

A_WEEK = "/week"
"""What ends a number of false alerts that is meant for a whole channel."""

_A_WEEK = re.compile(r"\d+(\.\d+)?" + A_WEEK)
_NAME_LENGTH = 100
_TEXT_LENGTH = 500

ON = "<on>"
OFF = "<off>"
"""Tags of `Switch`: pydantic puts them into the path of an error, where the operator has written nothing."""


class Table(BaseModel):
    """A TOML table: exact types, no unknown keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Known:
    """The names that a table can refer to; the `context` of a validation."""

    sources: frozenset[str] = frozenset()
    notifiers: frozenset[str] = frozenset()


def check_name(name: str) -> str:
    """What a source, monitor or notifier may be called: anything that prints in one line."""
    if not name or name != name.strip() or not name.isprintable() or len(name) > _NAME_LENGTH:
        raise ValueError(f"a name is 1 to {_NAME_LENGTH} printable characters, with no space at either end")
    return name


def _refers_to(kind: Literal["source", "notifier"]) -> Callable[[str, ValidationInfo], str]:
    def check(name: str, info: ValidationInfo) -> str:
        context: Known = info.context  # type: ignore[assignment]  # always given: see reading.py
        known = context.sources if kind == "source" else context.notifiers
        if name not in known:
            raise ValueError(unknown(kind, name, known))
        return name

    return check


def check_dimension(name: str) -> str:
    """A dimension of the model, or `tag:KEY`."""
    if is_dimension(name) and name.isprintable() and len(name) <= _TEXT_LENGTH:
        return name
    tail = meant(name, [*DIMENSIONS, "tag:KEY"])
    raise ValueError(f"unknown dimension {quoted(name)}{tail}")


def _distinct(items: list[Any]) -> list[Any]:
    twice = [item for item, count in Counter(items).items() if count > 1]
    if twice:
        raise ValueError(f"names {quoted(str(twice[0]))} twice")
    return items


def _check_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line of printable text")
    return text


def _check_path(text: str) -> str:
    if "://" in text:
        raise ValueError("must be the path of a file, not a URL")
    if "\0" in text:
        raise ValueError("is no file's name")
    return text


def _check_link(text: str) -> str:
    rest = text.replace("{circuit}", "")
    if not text.startswith(("https://", "http://")) or not text.isprintable() or " " in text:
        raise ValueError('must be a URL, such as "https://costs.example.com/?circuit={circuit}"')
    if rest == text or "{" in rest or "}" in rest:
        raise ValueError("must contain {circuit}, the place of the circuit's name, and no other braces")
    return text


def _number(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value


def _false_alerts(value: object) -> object:
    if isinstance(value, str) and _A_WEEK.fullmatch(value) is None:
        raise ValueError('must be a number, of false alerts per circuit and quarter, or "2/week" for a whole channel')
    return _number(value)


def _check_false_alerts(value: float | str) -> float | str:
    number = float(value.removesuffix(A_WEEK)) if isinstance(value, str) else value
    least, most = (0.01, 1000.0) if isinstance(value, str) else (0.0001, 1.0)
    if not least <= number <= most:
        raise ValueError(f"must lie between {least:g} and {most:g}{A_WEEK if isinstance(value, str) else ''}")
    return value


def _one_or_more(value: object) -> object:
    if not isinstance(value, str | list):
        raise ValueError('must be text or a list of texts: "…" or ["…", "…"]')  # noqa: TRY004 - see units.py
    return [value] if isinstance(value, str) else value


def _on(value: object) -> object:
    return {} if value is True else value


def _tag(value: object) -> str:
    return OFF if value is False else ON


_DURATION_SCHEMA = WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN})
Duration = Annotated[timedelta, BeforeValidator(parse_positive_duration), _DURATION_SCHEMA]
Interval = Annotated[timedelta, BeforeValidator(parse_interval), _DURATION_SCHEMA]
Lag = Annotated[timedelta, BeforeValidator(parse_duration), _DURATION_SCHEMA]

_AMOUNT_SCHEMA = WithJsonSchema(
    {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)?$"}]}
)
Amount = Annotated[Decimal, BeforeValidator(parse_amount), _AMOUNT_SCHEMA]
PositiveAmount = Annotated[Decimal, BeforeValidator(parse_positive_amount), _AMOUNT_SCHEMA]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
FalseAlerts = Annotated[
    float | str,
    AfterValidator(_check_false_alerts),
    BeforeValidator(_false_alerts),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0.0001, "maximum": 1}, {"type": "string", "pattern": _A_WEEK.pattern}]}
    ),
]
Share = Annotated[float, Field(gt=0, le=1), BeforeValidator(_number)]
Days = Annotated[int, Field(ge=2, le=366)]

Currency = Annotated[str, AfterValidator(parse_currency), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$"})]
Zone = Annotated[str, AfterValidator(parse_zone)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=_TEXT_LENGTH), AfterValidator(_check_line)]
FilePath = Annotated[str, StringConstraints(min_length=1, max_length=4096), AfterValidator(_check_path)]
Link = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_check_link)]
SecretReference = Annotated[
    str, AfterValidator(check_secret_reference), WithJsonSchema({"type": "string", "pattern": "^(env|file):."})
]

# Strict mode would want the members themselves; a configuration has their values.
ModeWord = Annotated[Mode, Field(strict=False)]
GrainWord = Annotated[Grain, Field(strict=False)]
CostWord = Annotated[Cost, Field(strict=False)]
PeriodWord = Annotated[Period, Field(strict=False)]
SeverityWord = Annotated[Severity, Field(strict=False)]
WhenStaleWord = Annotated[WhenStale, Field(strict=False)]
ConditionWord = Annotated[Condition, Field(strict=False)]

SourceName = Annotated[str, AfterValidator(_refers_to("source"))]
NotifierName = Annotated[str, AfterValidator(_refers_to("notifier"))]
Dimension = Annotated[str, AfterValidator(check_dimension)]
Pattern = Annotated[
    str,
    StringConstraints(min_length=1, max_length=_TEXT_LENGTH),
    Field(description=f"A value; * and ? are globs, {NONE_VALUE} is a missing one."),
]
Patterns = Annotated[
    list[Pattern],
    BeforeValidator(_one_or_more),
    Field(min_length=1, max_length=1000),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
DISTINCT = AfterValidator(_distinct)

Off = Annotated[Literal[False], Tag(OFF)]
TAGGED = Discriminator(_tag)
SWITCHED = BeforeValidator(_on)
"""`Annotated[Annotated[X, Tag(ON)] | Off, TAGGED, SWITCHED]`: a table, `true` for its defaults, or `false`."""
