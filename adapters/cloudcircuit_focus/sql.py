"""The statements: one scan of all files into a table of cells, and the questions to it. Pure: values in, SQL out."""

# ruff: noqa: S608 - statements are what this module is for; what comes from outside is quoted by `expressions`

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from cloudcircuit.model import QUANTITY, UNIT, Grain, SpendQuery, column_of
from cloudcircuit_focus import zones
from cloudcircuit_focus.columns import (
    ACCOUNT,
    CATEGORY,
    CURRENCY,
    PERIOD,
    START,
    TAGS,
    Column,
    Format,
    Group,
    Kind,
    Layout,
    quantity_columns,
)
from cloudcircuit_focus.expressions import (
    DEFAULT_CATEGORY,
    FILE_COLUMN,
    accepts,
    amount_of,
    dimension_of,
    identifier,
    literal,
    moment,
    quantity_of,
    scan,
    text_of,
    time_of,
)

OUTSIDE = ("file", "start", "period", "account")
"""What is read of the rows outside of the window."""


class State(IntEnum):
    """What a row is to the answer: in it, in it if it could be read, of no day at all, or none of its business."""

    TAKEN = 0
    BROKEN = 1
    UNDATED = 2
    OTHER = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of the rows.

    `costs` are the cost columns that all files have; `earliest` and `horizon` bound the instants that a charge can
    have at all; `now` is what the newest charge is looked for before; `competing`: deliveries must be told apart.
    """

    query: SpendQuery
    costs: tuple[str, ...]
    earliest: datetime
    horizon: datetime
    now: datetime
    competing: bool
    quantities: bool = False

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions of the answer, each once; the charge category is in it anyway."""
        return tuple(dict.fromkeys(name for name in self.query.dimensions if name != "charge_category"))

    @property
    def needed(self) -> tuple[str, ...]:
        """All dimensions to read: those of the answer and those of the filter."""
        return tuple(dict.fromkeys([*self.dimensions, *(match.dimension for match in self.query.where)]))

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(name for name in self.needed if name.startswith("tag:"))


def _alias(plan: Plan, dimension: str) -> str:
    return f"d{plan.needed.index(dimension)}"


def _read_rows(plan: Plan, groups: Sequence[Group], whole: bool = False) -> str:
    """All rows of all files, brought to one shape; `whole`: with all columns, in and out of the window."""
    return "\nUNION ALL\n".join(
        f"SELECT {values} FROM {scan(layout, [file.url for file in files])} WHERE {condition}"
        for layout, files in groups
        for values, condition in _parts(plan, layout, whole)
    )


def _parts(plan: Plan, layout: Layout, whole: bool) -> list[tuple[str, str]]:
    """What to select of a file, and of which rows.

    Where the file's own statistics can skip what lies outside of the window (a Parquet file with real instants), only
    few columns of those rows are read, for deliveries, accounts and the newest charge.
    """
    values = _values(plan, layout)
    if whole or layout.format is not Format.PARQUET or layout.columns[START].kind is not Kind.TIME:
        return [(_select(values), "true")]
    start = layout.columns[START].sql
    within = f"{start} >= {moment(plan.query.start)} AND {start} < {moment(plan.query.end)}"
    outside = {name: value if name in OUTSIDE else "NULL" for name, value in values.items()}
    return [(_select(values), within), (_select(outside), f"({within}) IS NOT TRUE")]


def _select(values: Mapping[str, str]) -> str:
    return ", ".join(f"{value} AS {name}" for name, value in values.items())


def _values(plan: Plan, layout: Layout) -> dict[str, str]:
    get = layout.columns.get
    return {
        "file": identifier(FILE_COLUMN),
        "start": time_of(get(START)),
        "period": time_of(get(PERIOD)),
        "account": text_of(get(ACCOUNT)),
        "currency": text_of(get(CURRENCY)),
        "category": text_of(get(CATEGORY)),
        **{cost: amount_of(layout.columns[cost]) for cost in plan.costs},
        **{_alias(plan, name): dimension_of(layout, name) for name in plan.needed},
        **(_quantity(layout) if plan.quantities else {}),
        "tags": _tag_text(get(TAGS)) if plan.tags else "NULL",
        **{f"raw_{name}": _raw(get(name)) for name in (START, *plan.costs)},
    }


def _quantity(layout: Layout) -> dict[str, str]:
    """How much, and in what unit; without the one there is none of the other."""
    columns = quantity_columns(layout)
    if columns is None:
        return {"quantity": "CAST(NULL AS DOUBLE)", "unit": text_of(None)}
    quantity, unit = quantity_of(columns[0]), text_of(columns[1])
    return {"quantity": quantity, "unit": f"CASE WHEN {quantity} IS NOT NULL THEN {unit} END"}


def _tag_text(column: Column | None) -> str:
    """Tags that are JSON text, to be checked; the other kinds cannot be malformed."""
    return text_of(column) if column is None or column.kind is Kind.TEXT else "CAST(NULL AS VARCHAR)"


def _raw(column: Column | None) -> str:
    return "CAST(NULL AS VARCHAR)" if column is None else f"CAST({column.sql} AS VARCHAR)"


def _flaws(plan: Plan) -> list[tuple[str, str]]:
    """What makes a row unreadable: the column, and the condition; the first that holds is named."""
    undated = f"start IS NULL OR start < {moment(plan.earliest)} OR start >= {moment(plan.horizon)}"
    flaws = [(START, undated), (CURRENCY, "currency IS NULL"), *((cost, f"{cost} IS NULL") for cost in plan.costs)]
    if plan.tags:
        # An unreadable text gives no value, so only rows without one need the check.
        unread = " AND ".join(f"{_alias(plan, name)} IS NULL" for name in plan.tags)
        flaws.append((TAGS, f"CASE WHEN {unread} THEN NOT coalesce(json_valid(tags), true) ELSE false END"))
    return flaws


def _visible(plan: Plan) -> str:
    """Rows from `visible_until` on do not exist; those that lie beyond all reason are counted all the same."""
    until = plan.query.visible_until
    return "true" if until is None else f"(start IS NULL OR start < {moment(until)} OR start >= {moment(plan.horizon)})"


def cells(plan: Plan, groups: Sequence[Group]) -> str:
    """The table `cells`: one scan of everything, added up as far as the answer needs it.

    Rows that the answer takes keep their dimensions; of the others, the broken ones keep their day. The `day` of an
    undated row is the first of the month that bills it, if it says so.
    """
    hour = plan.query.grain is Grain.HOUR
    keys = {
        "folder": "parse_dirpath(file)" if plan.competing else "CAST(NULL AS VARCHAR)",
        "period": _period(plan) if plan.competing else "CAST(NULL AS TIMESTAMP)",
        "account": "account",
        "state": "state",
        "day": (
            f"CASE WHEN state IN ({State.TAKEN}, {State.BROKEN}) THEN {_local_day(plan)} "
            f"WHEN state = {State.UNDATED} THEN CAST({_period(plan)} AS DATE) END"
        ),
        "hour": _taken("date_trunc('hour', start)") if hour else "CAST(NULL AS TIMESTAMP)",
        **{name: _taken(name) for name in ("currency", "category", *_aliases(plan))},
        **({"unit": _taken("unit")} if plan.quantities else {}),
    }
    sums = {
        **{cost: f"sum({cost})" for cost in plan.costs},
        **({"quantity": f"sum(quantity) FILTER (state = {State.TAKEN})"} if plan.quantities else {}),
        "number": "count(*)",
        "oldest": "min(start)",
        # Where rows from now on do not exist, there is nothing to leave out.
        "newest": "max(start)" if plan.query.visible_until else f"max(start) FILTER (start < {moment(plan.now)})",
    }
    return f"CREATE TEMP TABLE cells AS {_judged(plan, groups)} SELECT {_select(keys | sums)} FROM judged GROUP BY ALL"


def _taken(value: str) -> str:
    return f"CASE WHEN state = {State.TAKEN} THEN {value} END"


def _judged(plan: Plan, groups: Sequence[Group]) -> str:
    """All visible rows, each with its state."""
    undated, *others = [condition for _, condition in _flaws(plan)]
    unreadable = " OR ".join(f"({condition})" for condition in others)
    fits = " AND ".join(accepts(match, _alias(plan, match.dimension)) for match in plan.query.where) or "true"
    state = (
        f"CASE WHEN {undated} THEN {State.UNDATED} WHEN NOT ({_inside(plan.query)}) THEN {State.OTHER} "
        f"WHEN {unreadable} THEN {State.BROKEN} WHEN {fits} THEN {State.TAKEN} ELSE {State.OTHER} END"
    )
    return f"""
WITH rows AS ({_read_rows(plan, groups)}),
judged AS (SELECT *, CAST({state} AS UTINYINT) AS state FROM rows WHERE {_visible(plan)})"""


def _inside(query: SpendQuery) -> str:
    return f"start >= {moment(query.start)} AND start < {moment(query.end)}"


def _aliases(plan: Plan) -> list[str]:
    return [_alias(plan, name) for name in plan.dimensions]


def _period(plan: Plan) -> str:
    """The month that the billing period of a row begins in. The charge's own month stands in, if it has one."""
    possible = f"period >= {moment(plan.earliest)} AND period < {moment(plan.horizon)}"
    own = f"CASE WHEN {possible} THEN period WHEN NOT ({_flaws(plan)[0][1]}) THEN start END"
    return f"CAST(date_trunc('month', {own}) AS TIMESTAMP)"


def _local_day(plan: Plan) -> str:
    query = plan.query
    pieces = list(zones.offsets(query.start, query.end, zones.load_zone(query.zone)))
    shifted = [f"CAST(start + to_seconds({int(offset.total_seconds())}) AS DATE)" for _, offset in pieces]
    cases = " ".join(
        f"WHEN start < {moment(until)} THEN {day}" for (until, _), day in zip(pieces[:-1], shifted, strict=False)
    )
    return f"CASE {cases} ELSE {shifted[-1]} END" if cases else shifted[-1]


# --- what is asked of the cells -------------------------------------------------------------------------

PARCEL = ("folder", "account", "period")
"""What competes as a whole: what one folder brings of one billing account and period."""


def survey() -> str:
    """For each parcel: how many rows carry a date, the oldest and the newest of them."""
    parcel, dated = ", ".join(PARCEL), f"FILTER (state <> {State.UNDATED})"
    found = f"coalesce(sum(number) {dated}, 0), min(oldest) {dated}, max(newest) {dated}"
    return f"SELECT {parcel}, {found} FROM cells GROUP BY {parcel}"


def drop(parcels: Iterable[tuple[str, str | None, datetime | None]]) -> str:
    """Forget the parcels that newer deliveries replace."""
    values = ", ".join(
        f"({literal(folder)}, {literal(account)}, {moment(period)})" for folder, account, period in parcels
    )
    held = " AND ".join(f"cells.{name} IS NOT DISTINCT FROM lost.{name}" for name in PARCEL)
    return f"DELETE FROM cells USING (VALUES {values}) lost({', '.join(PARCEL)}) WHERE {held}"


def unreadable() -> str:
    """Days with rows that could not be read; rows without a day come with the month of their billing period."""
    return f"""
SELECT CASE WHEN state = {State.BROKEN} THEN day END AS broken, CASE WHEN state = {State.UNDATED} THEN day END AS month,
  sum(number)
FROM cells WHERE state IN ({State.BROKEN}, {State.UNDATED}) GROUP BY ALL"""


def charges(plan: Plan) -> str:
    """The answer: one row for each combination, with the instant its day (or hour) begins at."""
    query = plan.query
    zone = zones.load_zone(query.zone)
    days = zones.days_between(query.start, query.end, zone)
    starts = ", ".join(f"(DATE '{day}', {moment(zones.day_start(day, zone))})" for day in days)
    dimensions = [f"{_alias(plan, name)} AS {identifier(column_of(name))}" for name in plan.dimensions]
    texts = [
        "currency AS BillingCurrency",
        f"coalesce(category, {literal(DEFAULT_CATEGORY)}) AS ChargeCategory",
        *dimensions,
        *([f"unit AS {UNIT}"] if plan.quantities else []),
    ]
    sums = [f"CAST(sum({cost}) AS DECIMAL(38, 18)) AS {cost}" for cost in plan.costs]
    sums += [f"CAST(sum(quantity) AS DOUBLE) AS {QUANTITY}"] if plan.quantities else []
    return f"""
SELECT {"hour" if query.grain is Grain.HOUR else "begin_of_day"} AS ChargePeriodStart, {", ".join([*texts, *sums])}
FROM cells JOIN (VALUES {starts or "(CAST(NULL AS DATE), CAST(NULL AS TIMESTAMP))"}) days(day, begin_of_day) USING (day)
WHERE state = {State.TAKEN} GROUP BY ALL"""


def uncategorised() -> str:
    return f"SELECT coalesce(sum(number), 0) FROM cells WHERE category IS NULL AND state = {State.TAKEN}"


def rejects() -> str:
    """Lines of CSV files that are no rows: the file, the line, what is wrong with it, its text, how many errors."""
    return """
SELECT s.file_path, e.line, any_value(e.error_type), any_value(left(e.csv_line, 5000)), count(*)
FROM reject_errors e JOIN reject_scans s USING (scan_id, file_id) GROUP BY s.file_path, e.line ORDER BY ALL"""


def inspect(plan: Plan, groups: Sequence[Group]) -> str:
    """Why rows cannot be read: for each file and parcel the column, an example of what stands there, and the days.

    Reads everything once more, which only a dataset with broken rows needs. Readable rows come with no column.
    """
    flaws = _flaws(plan)
    column = " ".join(f"WHEN {condition} THEN {literal(name)}" for name, condition in flaws)
    examples = {name: "tags" if name == TAGS else f"raw_{name}" for name, _ in flaws if name != CURRENCY}
    example = " ".join(f"WHEN {literal(name)} THEN {text}" for name, text in examples.items())
    dated = f"flaw IS NOT NULL AND {_inside(plan.query)} AND NOT ({flaws[0][1]})"
    return f"""
WITH rows AS ({_read_rows(plan, groups, whole=True)}),
marked AS (SELECT *, CASE WHEN {_visible(plan)} THEN CASE {column} END END AS flaw FROM rows)
SELECT file, account, {_period(plan)} AS month, flaw, count(*), any_value(left(CASE flaw {example} END, 100)),
  list_sort(list(DISTINCT {_local_day(plan)}) FILTER ({dated}))
FROM marked GROUP BY file, account, month, flaw"""


def currencies() -> str:
    return f"SELECT DISTINCT currency FROM cells WHERE state = {State.TAKEN} ORDER BY currency"
