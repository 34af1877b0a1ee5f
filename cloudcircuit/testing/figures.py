"""Answers as figures: what a report says of each combination, what the loaded charges come to, and how they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, localcontext
from threading import Thread
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from cloudcircuit.charges import Charge, day_start
from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Breakdown, Cost, Grain, SpendQuery, column_of
from cloudcircuit.ports import SpendReport

FIXED = ("ChargePeriodStart", "BillingCurrency", "ChargeCategory")

Key = tuple[Any, ...]
"""Start, currency, category, and the values of the dimensions asked for."""

Figures = dict[Key, dict[Cost, Decimal]]
"""What each combination costs; what costs nothing at all is left out."""

_T = TypeVar("_T")


def rows(report: SpendReport) -> list[dict[str, Any]]:
    return report.table.to_pylist()  # type: ignore[no-any-return]  # pyarrow is untyped


def figures(report: SpendReport, dimensions: Sequence[str]) -> Figures:
    """What a report says."""
    found: Figures = {}
    names = [*FIXED, *(column_of(dimension) for dimension in dimensions)]
    missing = set(names) - set(report.table.column_names)
    assert not missing, f"the table has no column {', '.join(sorted(missing))}: model.column_of names them"
    costs = [cost for cost in Cost if cost.column in report.table.column_names]
    for row in rows(report):
        _add(found, tuple(row[name] for name in names), {cost: row[cost.column] for cost in costs})
    return _without_zero(found)


def expected(charges: Iterable[Charge], known: Sequence[str], query: SpendQuery, costs: Iterable[Cost]) -> Figures:
    """What the answer to a query must say; `known` are the dimensions that the charges' values belong to."""
    found: Figures = {}
    for charge in charges:
        values = dict(zip(known, charge.values, strict=True)) | {"charge_category": charge.category}
        is_seen = query.visible_until is None or charge.start < query.visible_until
        is_asked = all(match.accepts(values[match.dimension]) for match in query.where)
        start = period_start(charge.start, query)
        if is_seen and is_asked and query.start <= start < query.end:
            key = (start, charge.currency, charge.category, *(values[name] for name in query.dimensions))
            both = {Cost.BILLED: charge.billed, Cost.EFFECTIVE: charge.effective}
            _add(found, key, {cost: both[cost] or Decimal(0) for cost in costs})
    return _without_zero(found)


def narrowed(figures_of: Figures, breakdown: Breakdown, need: Breakdown) -> Figures:
    """What the answer to a breakdown says of a need: the rest of the filter applied, the other dimensions added up."""
    found: Figures = {}
    left = [match for match in need.where if match not in breakdown.where]
    for (start, currency, category, *parts), amounts in figures_of.items():
        values = dict(zip(breakdown.dimensions, parts, strict=True)) | {"charge_category": category}
        if all(match.accepts(values[match.dimension]) for match in left):
            _add(found, (start, currency, category, *(values[name] for name in need.dimensions)), amounts)
    return _without_zero(found)


def laid_over(word: Mapping[date, Figures], report: SpendReport, query: SpendQuery) -> dict[date, Figures]:
    """What is known after a report: its days in place of those known before; other days keep their word."""
    said: dict[date, Figures] = {day: {} for day in report.told}
    for key, amounts in figures(report, query.dimensions).items():
        said.setdefault(day_of(key[0], query.zone), {})[key] = amounts
    return {**word, **said}


def days_with_rows(report: SpendReport, zone: str) -> set[date]:
    return {day_of(start, zone) for start in report.table["ChargePeriodStart"].to_pylist()}


def day_of(at: datetime, zone: str) -> date:
    """The charge day of an instant."""
    return at.astimezone(ZoneInfo(zone)).date()


def period_start(at: datetime, query: SpendQuery) -> datetime:
    """Where the charge day, or the hour, of an instant begins."""
    if query.grain is Grain.HOUR:
        return at.replace(minute=0, second=0, microsecond=0)
    return day_start(day_of(at, query.zone), query.zone)


def _add(found: Figures, key: Key, amounts: Mapping[Cost, Decimal]) -> None:
    before = found.setdefault(key, dict.fromkeys(amounts, Decimal(0)))
    with localcontext(prec=60):
        for cost, amount in amounts.items():
            # A float (or a hole) is told by the test of the columns; here it becomes what it stands for.
            before[cost] += amount if isinstance(amount, Decimal) else Decimal(amount or 0)


def _without_zero(found: Figures) -> Figures:
    return {key: amounts for key, amounts in found.items() if any(amounts.values())}


# --- words ------------------------------------------------------------------------------------------------------


def named(asked: Breakdown | SpendQuery) -> str:
    """A question in words: what figures it asks for."""
    filters = " and ".join(
        f"{match.dimension} {'not ' if match.negate else ''}{'exactly ' if match.exact else ''}{list(match.patterns)}"
        for match in asked.where
    )
    by = ", ".join(asked.dimensions)
    return f"figures{' by ' + by if by else ''}{' where ' + filters if filters else ''}"


def must_be_same(found: Figures, wanted: Figures, what: str) -> None:
    """Raises AssertionError that says where figures differ, three places at most."""
    differing = sorted((key for key in {**wanted, **found} if wanted.get(key) != found.get(key)), key=repr)
    told = [f"  {_named(key)}: {_amounts(found.get(key))} instead of {_amounts(wanted.get(key))}" for key in differing]
    more = [f"  … and {len(told) - 3} more"] if len(told) > 3 else []
    assert not told, "\n".join([f"{what} differ from what was loaded:", *told[:3], *more])


def _named(key: Key) -> str:
    start, *rest = key
    return ", ".join([f"{start:%Y-%m-%d %H:%M}", *("(none)" if part is None else str(part) for part in rest)])


def _amounts(amounts: Mapping[Cost, Decimal] | None) -> str:
    if amounts is None:
        return "nothing"
    return " and ".join(f"{cost.column} {amount.normalize():f}" for cost, amount in amounts.items())


# --- refusals ---------------------------------------------------------------------------------------------------


def refusal(work: Callable[[], object], what: str, way_out: str) -> AdapterError:
    """The AdapterError that the work ends in. Raises AssertionError when it ends otherwise."""
    error = attempt(work, what)
    assert isinstance(error, AdapterError), f"{what} was answered as if nothing had happened: {way_out}"
    return error


def attempt(work: Callable[[], _T], what: str) -> _T | AdapterError:
    """What the work gives, or the AdapterError that it raises. Raises AssertionError for any other error."""
    try:
        return work()
    except AdapterError as error:
        assert str(error).strip(), f"{what}: its AdapterError says nothing; say what happened and what to do"
        return error
    except Exception as error:
        raise AssertionError(
            f"{what}: {type(error).__name__} came out of the adapter; make it an AdapterError, with `raise … from`"
        ) from error


def timed(work: Callable[[], _T], most: float, what: str) -> _T:
    """The work in a thread of its own. Raises AssertionError when it is not back after `most` seconds."""
    ended: list[Any] = []

    def run() -> None:
        try:
            ended.append((work(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised again, in the test's thread
            ended.append((None, error))

    watch = Deadline(most)
    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(watch.left())
    assert ended, f"{what} is not back after {most:g} s: give `deadline.left()` to each call, and look at it in loops"
    answer, error = ended[0]
    if error is not None:
        raise error
    return answer  # type: ignore[no-any-return]  # what `work` returned, through a list
