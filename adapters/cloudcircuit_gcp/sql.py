"""The statements. Pure: values in, text and parameters out. Every value from outside is a parameter."""

# ruff: noqa: S608 - statements are what this module is for; names come from `columns` or were checked by `names`

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cloudcircuit.model import NONE_VALUE, Grain, Match, SpendQuery
from cloudcircuit_gcp.columns import LAYOUTS, Layout, Schema
from cloudcircuit_gcp.names import Table


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named parameter; a tuple is an array."""

    name: str
    type: Literal["STRING", "TIMESTAMP"]
    value: str | datetime | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    text: str
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """The table to read, and how."""

    table: Table
    schema: Schema
    partitioned: bool
    slack: timedelta

    @property
    def layout(self) -> Layout:
        return LAYOUTS[self.schema]


def charges(export: Export, query: SpendQuery) -> Statement:
    """The charges of a window: one row for each combination of day (or hour) and dimension values.

    Columns: whether the rows passed the filter; when they begin, which account, currency and kind; the two amounts;
    how many rows cannot be read, how many there are, when the newest was exported; the dimensions in order. Rows that
    did not pass have no more than day and account: they tell that the day is there, and how far the export has come.
    """
    names = list(dict.fromkeys(name for name in _wanted(query) if name != "charge_category"))
    aliases = {name: f"d{place}" for place, name in enumerate(names)}
    shown = [aliases[name] for name in shown_dimensions(query)]
    matches = [match for match in query.where if match.dimension != "charge_category"]
    values = [_dimension(export.layout, name, f"k{place}") for place, name in enumerate(names)]
    text = f"""
WITH cells AS (
  SELECT {_cells(export.layout)}{_listed(f"{value} AS d{place}" for place, value in enumerate(values))}
  FROM {export.table.quoted}
  WHERE ({_inside(export.layout)} OR {export.layout.begins} IS NULL)
    {_partitions(export)}
),
judged AS (
  SELECT begins, exported, account, currency, kind, first, second{_listed(aliases.values())},
    {_accepts(matches, aliases)} AS fits,
    (begins IS NULL OR currency IS NULL OR first IS NULL OR second IS NULL) AS flawed
  FROM cells
),
keyed AS (
  SELECT fits, {_period(query)} AS period, exported, account, first, second, fits AND flawed AS flawed,
    IF(fits, currency, NULL) AS money, IF(fits, kind, NULL) AS sort
    {_listed(f"IF(fits, {alias}, NULL) AS g{alias[1:]}" for alias in shown)}
  FROM judged
)
SELECT fits, period, account, money, sort,
  SUM(IF(fits AND NOT flawed, first, NULL)) AS first_sum, SUM(IF(fits AND NOT flawed, second, NULL)) AS second_sum,
  COUNTIF(flawed) AS flawed_rows, COUNT(*) AS all_rows, MAX(exported) AS newest
  {_listed(f"g{alias[1:]}" for alias in shown)}
FROM keyed
GROUP BY fits, period, account, money, sort{_listed(f"g{alias[1:]}" for alias in shown)}"""
    keys = [Parameter(f"k{place}", "STRING", name[4:]) for place, name in enumerate(names) if name.startswith("tag:")]
    filters = [parameter for place, match in enumerate(matches) for parameter in _patterns(match, place)]
    zone = [] if query.grain is Grain.HOUR else [Parameter("zone", "STRING", query.zone)]
    return Statement(text, (*_window(export, query.start, _end(query)), *zone, *keys, *filters))


def survey(export: Export, start: datetime, end: datetime) -> Statement:
    """For each account, currency and project the oldest and newest usage, the newest export and the number of rows."""
    layout = export.layout
    text = f"""
WITH cells AS (
  SELECT {layout.begins} AS begins, {layout.exported} AS exported, {_filled(layout.account)} AS account,
    {_filled(layout.currency)} AS currency, {_filled(layout.project)} AS project_id
  FROM {export.table.quoted}
  WHERE {_inside(layout)}
    {_partitions(export)}
)
SELECT account, currency, project_id, MIN(begins) AS oldest, MAX(begins) AS newest, MAX(exported) AS latest,
  COUNT(*) AS all_rows
FROM cells
GROUP BY account, currency, project_id"""
    return Statement(text, _window(export, start, end))


def shown_dimensions(query: SpendQuery) -> list[str]:
    """The dimensions that have a column in the answer, each once; the charge category is made from the rows' kind."""
    return list(dict.fromkeys(name for name in query.dimensions if name != "charge_category"))


def _wanted(query: SpendQuery) -> Iterable[str]:
    return (*query.dimensions, *(match.dimension for match in query.where))


def _end(query: SpendQuery) -> datetime:
    """Rows that begin from `visible_until` on do not exist."""
    return query.end if query.visible_until is None else min(query.end, query.visible_until)


def _window(export: Export, start: datetime, end: datetime) -> tuple[Parameter, ...]:
    since = [Parameter("since", "TIMESTAMP", start - export.slack)] if export.partitioned else []
    return (Parameter("window_start", "TIMESTAMP", start), Parameter("window_end", "TIMESTAMP", end), *since)


def _inside(layout: Layout) -> str:
    return f"({layout.begins} >= @window_start AND {layout.begins} < @window_end)"


def _partitions(export: Export) -> str:
    return "AND _PARTITIONTIME >= @since" if export.partitioned else ""


def _period(query: SpendQuery) -> str:
    return "TIMESTAMP_TRUNC(begins, HOUR)" if query.grain is Grain.HOUR else "DATE(begins, @zone)"


def _cells(layout: Layout) -> str:
    first, second = layout.amounts
    return (
        f"{layout.begins} AS begins, {layout.exported} AS exported, {_filled(layout.account)} AS account,\n"
        f"    {_filled(layout.currency)} AS currency, {_filled(layout.kind)} AS kind,\n"
        f"    {first} AS first,\n    {second} AS second"
    )


def _listed(parts: Iterable[str]) -> str:
    return "".join(f",\n    {part}" for part in parts)


def _filled(text: str) -> str:
    """An empty text is a missing one."""
    return f"NULLIF({text}, '')"


def _dimension(layout: Layout, name: str, parameter: str) -> str:
    if not name.startswith("tag:"):
        return _filled(layout.dimensions[name])
    found = [_filled(_label(layout, array, parameter)) for array in layout.labels]
    return f"COALESCE({', '.join(found)})"


def _label(layout: Layout, array: str, parameter: str) -> str:
    """The value of a key; of several the greatest, so that each reading says the same."""
    return f"(SELECT MAX(label.{layout.value}) FROM UNNEST({array}) AS label WHERE label.{layout.key} = @{parameter})"


# --- filters --------------------------------------------------------------------------------------------


def _accepts(matches: list[Match], aliases: dict[str, str]) -> str:
    return (
        " AND ".join(accepts(match, aliases[match.dimension], place) for place, match in enumerate(matches)) or "TRUE"
    )


def accepts(match: Match, value: str, place: int) -> str:
    """`match.accepts(value)` as SQL, true or false but never null; its parameters are those of `_patterns`."""
    missing = "TRUE" if NONE_VALUE in match.patterns else "FALSE"
    exact, globs = _sort(match)
    fits = [f"{value} IN UNNEST(@e{place})"] if exact else []
    fits += [f"REGEXP_CONTAINS({value}, @r{place})"] if globs else []
    verdict = f"(CASE WHEN {value} IS NULL THEN {missing} ELSE {' OR '.join(fits) or 'FALSE'} END)"
    return f"(NOT {verdict})" if match.negate else verdict


def _patterns(match: Match, place: int) -> list[Parameter]:
    exact, globs = _sort(match)
    found = [Parameter(f"e{place}", "STRING", exact)] if exact else []
    if globs:
        found.append(Parameter(f"r{place}", "STRING", rf"\A(?s:{'|'.join(map(regex, globs))})\z"))
    return found


def _sort(match: Match) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The patterns that are values as they stand, and the globs."""
    globs = () if match.exact else tuple(pattern for pattern in match.patterns if set("*?").intersection(pattern))
    return tuple(pattern for pattern in match.patterns if pattern not in globs), globs


def regex(glob: str) -> str:
    """A glob for RE2, where every character but letters and digits is spelled by its number."""
    return "".join(".*" if c == "*" else "." if c == "?" else _spelled(c) for c in glob)


def _spelled(character: str) -> str:
    return character if character.isascii() and character.isalnum() else rf"\x{{{ord(character):x}}}"
