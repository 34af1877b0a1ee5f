"""What stands in a file's columns as expressions for the query engine: instants, texts, amounts, tags, filters.

Nothing from outside enters a statement unquoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from cloudcircuit.model import NONE_VALUE, Match
from cloudcircuit_focus.columns import Column, Format, Kind, Layout, source_columns

DEFAULT_CATEGORY = "Usage"
"""What a row without a ChargeCategory is taken for."""

NULLS = ("", "NULL", "null")
"""What stands for a missing value in exports, beside the missing value itself."""

MAX_REJECTS = 10_000
"""Errors in lines that are no rows: the engine keeps no more than this many of a file (a line may have several)."""

BUFFER = 8 * 2**20
"""Bytes of a CSV file that each thread holds at a time: a quarter of what is usual, and no slower."""

FILE_COLUMN = "(the file of this row)"
"""The column that the engine adds: a name that no export has."""

TIERS = (("1e-3", 18), ("1", 15), ("1e3", 12), ("1e6", 9), ("1e9", 6))
"""Doubles below each limit, at decimals that keep them under 15 digits: any amount of up to 13 digits comes back as it
was written, where a plain cast to 18 decimals would add noise."""


def literal(text: str | None) -> str:
    """A text as SQL. A NUL cannot stand in a statement, so it is spelled."""
    if text is None:
        return "NULL"
    quoted = "'" + text.replace("'", "''") + "'"
    return "(" + quoted.replace("\0", "' || chr(0) || '") + ")" if "\0" in text else quoted


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def moment(at: datetime | None) -> str:
    """An instant as SQL, in UTC like all instants there."""
    return "NULL" if at is None else f"TIMESTAMP '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"


# --- one file -------------------------------------------------------------------------------------------


def scan(layout: Layout, urls: Iterable[str]) -> str:
    """The table function that reads files of one layout. CSV is read as text throughout, its columns by position."""
    names = ", ".join(literal(_without_globs(url)) for url in urls)
    if layout.format is Format.PARQUET:
        options = f"union_by_name=true, hive_partitioning=false, binary_as_string=true, filename={literal(FILE_COLUMN)}"
        return f"read_parquet([{names}], {options})"
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(layout.width))
    nulls = ", ".join(literal(text) for text in NULLS)
    packed = "gzip" if layout.format is Format.CSV_GZIP else "none"
    return (
        f"read_csv([{names}], columns={{{columns}}}, auto_detect=false, header=true, delim=',', quote='\"', "
        f"escape='\"', nullstr=[{nulls}], compression='{packed}', hive_partitioning=false, "
        f"filename={literal(FILE_COLUMN)}, buffer_size={BUFFER}, store_rejects=true, "
        f"rejects_limit={MAX_REJECTS})"
    )


def _without_globs(url: str) -> str:
    """A local name as the engine's glob that fits it alone; the names in object stores are opened as they are."""
    return url if "://" in url else re.sub(r"([*?\[])", r"[\1]", url)


def time_of(column: Column | None) -> str:
    """The instant in a column as TIMESTAMP in UTC; null when it is none."""
    if column is None:
        return "CAST(NULL AS TIMESTAMP)"
    if column.kind is Kind.TEXT or "TZ" in column.type:
        return f"TRY_CAST(TRY_CAST({column.sql} AS TIMESTAMPTZ) AS TIMESTAMP)"
    return f"TRY_CAST({column.sql} AS TIMESTAMP)"


def text_of(column: Column | None) -> str:
    """The text in a column; null when it is one of the words for a missing value."""
    if column is None:
        return "CAST(NULL AS VARCHAR)"
    text = column.sql if column.type == "VARCHAR" else f"CAST({column.sql} AS VARCHAR)"
    return f"CASE WHEN {text} NOT IN ({', '.join(map(literal, NULLS))}) THEN {text} END"


def amount_of(column: Column) -> str:
    """The amount in a column as DECIMAL(38, 18); null when it is none, or not finite, or too large."""
    exact = "TRY_CAST({} AS DECIMAL(38, 18))"
    if column.kind is Kind.FLOAT:
        return exact.format(f"CAST({column.sql} AS VARCHAR)")
    if column.kind is not Kind.DOUBLE:
        return exact.format(column.sql)
    # TRY_CAST in the tiers too: where a file's statistics leave NaN out, the engine takes the condition for granted.
    tiers = " ".join(
        f"WHEN abs({column.sql}) < {limit} THEN CAST(TRY_CAST({column.sql} AS DECIMAL(18, {scale})) AS DECIMAL(38, 18))"
        for limit, scale in TIERS
    )
    return f"CASE {tiers} ELSE {exact.format(column.sql)} END"


def quantity_of(column: Column) -> str:
    """The number in a column as DOUBLE; null when it is none, or not finite.

    `nullif` keeps the engine from doing the cast while it reads a CSV file: there a text that is no number makes the
    whole line one that is no row.
    """
    is_number = column.kind in (Kind.NUMBER, Kind.DOUBLE, Kind.FLOAT)
    value = column.sql if is_number else f"nullif(CAST({column.sql} AS VARCHAR), '')"
    number = f"TRY_CAST({value} AS DOUBLE)"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def tag_of(column: Column | None, key: str) -> str:
    """The value of a tag, by its exact key; null when it is missing or empty."""
    if column is None:
        return "CAST(NULL AS VARCHAR)"
    tags, wanted = column.sql, literal(key)
    if column.kind is Kind.STRUCT:
        value = f"struct_extract({tags}, {wanted})" if key in column.keys else "NULL"
    elif column.kind is Kind.MAP:
        value = f"map_extract_value({tags}, {wanted})"
    elif column.kind is Kind.PAIRS:
        value = _pair_value(tags, wanted, *column.keys)
    else:
        value = _json_value(f"CAST({tags} AS VARCHAR)", key)
    return f"nullif(CAST({value} AS VARCHAR), '')"


def _pair_value(pairs: str, wanted: str, key: str, value: str) -> str:
    chosen = f"list_filter({pairs}, lambda pair: pair.{identifier(key)} = {wanted})[1]"
    return f"struct_extract({chosen}, {literal(value)})"


def _json_value(text: str, key: str) -> str:
    """From an object, or from an array of key/value objects. A JSON pointer takes any key as it is.

    TRY is slow on what it catches, so it only sees what looks like JSON; all else is checked first.
    """
    pointer = literal("/" + key.replace("~", "~0").replace("/", "~1"))
    pairs = ", ".join(_json_pair(text, literal(key), *names) for names in (("key", "value"), ("Key", "Value")))
    value = f"json_extract_string({text}, {pointer})"
    return (
        f"CASE WHEN {text} LIKE '{{%}}' THEN TRY({value}) WHEN {text} LIKE '[%]' THEN TRY(coalesce({pairs})) "
        f"WHEN json_valid({text}) THEN coalesce({pairs}, {value}) END"
    )


def _json_pair(text: str, wanted: str, key: str, value: str) -> str:
    shape = literal(f'[{{"{key}": "VARCHAR", "{value}": "VARCHAR"}}]')
    return _pair_value(f"json_transform({text}, {shape})", wanted, key, value)


def dimension_of(layout: Layout, dimension: str) -> str:
    """The value of a dimension; null when it is missing, or the file has no column for it."""
    columns = [layout.columns.get(name) for name in source_columns(dimension)]
    if dimension.startswith("tag:"):
        return tag_of(columns[0], dimension[len("tag:") :])
    if dimension == "charge_category":
        return f"coalesce({text_of(columns[0])}, {literal(DEFAULT_CATEGORY)})"
    found = [text_of(column) for column in columns if column is not None] or [text_of(None)]
    return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"


# --- filters --------------------------------------------------------------------------------------------


def accepts(match: Match, value: str) -> str:
    """`match.accepts(value)` as SQL, true or false but never null."""
    missing = "true" if NONE_VALUE in match.patterns else "false"
    fits = " OR ".join(_fits(pattern, value, match.exact) for pattern in match.patterns) or "false"
    verdict = f"CASE WHEN {value} IS NULL THEN {missing} ELSE {fits} END"
    return f"NOT ({verdict})" if match.negate else f"({verdict})"


def _fits(pattern: str, value: str, exact: bool) -> str:
    """A glob becomes a regular expression: the engine's take linear time, where its LIKE can take for ever."""
    if exact or not set("*?").intersection(pattern):
        return f"{value} = {literal(pattern)}"
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return f"regexp_full_match({value}, {literal(''.join(parts))}, 's')"
