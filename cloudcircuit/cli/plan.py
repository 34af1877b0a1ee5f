"""`plan`: what the sources will be asked, and what that will cost, before anything is paid."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table
from rich.text import Text

from cloudcircuit.cli import common
from cloudcircuit.cli.show import console, grid, print_json, table, text
from cloudcircuit.clock import SystemClock
from cloudcircuit.engine.text import count, day, shown
from cloudcircuit.errors import UsageError
from cloudcircuit.model import CallCost, Match, SpendQuery

if TYPE_CHECKING:
    from cloudcircuit.config import Config
    from cloudcircuit.service.planning import Plan, Sizes

_INSTANT = timedelta(microseconds=1)
_MONTH = 30
_NOUNS = {"sub_account": "account", "service": "service"}


def plan(
    accounts: Annotated[int | None, typer.Option(min=1, help="How many accounts there are.")] = None,
    services: Annotated[int | None, typer.Option(min=1, help="How many services there are.")] = None,
    source: Annotated[str | None, typer.Option(metavar="NAME", help="This source alone.")] = None,
    json: common.JsonOption = False,
    config: common.ConfigOption = None,
) -> None:
    """Say what reading the sources will cost, before it is paid.

    For a provider that charges for each call, and for one that charges by what a query scans. Nothing is read, and
    no state is created. Numbers that are not given come from the ledger, else they are assumed.
    """
    given = {name: size for name, size in (("sub_account", accounts), ("service", services)) if size is not None}
    configuration = common.load(config)
    plans = _plans(configuration, _chosen(configuration, source), given)
    if json:
        _print_json(configuration, plans)
    else:
        _print(configuration, plans)
    raise typer.Exit(1 if any(plan.error for plan in plans) else 0)


def _chosen(configuration: Config, source: str | None) -> list[str]:
    names = list(configuration.sources)
    if source is None:
        return names
    if source not in names:
        close = get_close_matches(source, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names)}"
        raise UsageError(f"no source is called {source!r}; {hint}")
    return [source]


def _plans(configuration: Config, names: Sequence[str], given: Mapping[str, int]) -> list[Plan]:
    from cloudcircuit.compose import assemble
    from cloudcircuit.service.planning import plan

    with common.borrowed_state(configuration) as store:
        house = common.on_leash(assemble(configuration, store, stdout=sys.stdout)).house
        return [plan(house, house.sources[name], given, SystemClock().now()) for name in names]


# --- for people -------------------------------------------------------------------------------------------


def _print(configuration: Config, plans: Sequence[Plan]) -> None:
    out = console()
    for place, found in enumerate(plans):
        if place:
            out.print()
        out.print(_head(configuration, found))
        out.print(_error(found) if found.error else _costs(found))
    if len(plans) > 1:
        out.print()
        out.print(_totals(plans))
    for line in _notes(plans):
        out.print(Text(line, style="dim"))


def _head(configuration: Config, found: Plan) -> Table:
    from cloudcircuit.config import format_duration

    head = grid()
    adapter = shown(configuration.sources[found.source].adapter)
    head.add_row(
        Text("source", style="dim"),
        Text.assemble(text(found.source, style="bold"), f"  {adapter}, read every {format_duration(found.every)}"),
    )
    for place, query in enumerate(found.queries):
        head.add_row(Text("" if place else "asked for", style="dim"), text(_asked(query), limit=400))
    sizes = ", ".join(_sized(found.sizes, name) for name in _relevant(found))
    if sizes:
        head.add_row(Text("reckoned with", style="dim"), sizes)
    return head


def _asked(query: SpendQuery) -> str:
    """`each day from 1 October to 31 October by service, where region is eu-* or (none)`"""
    zone = ZoneInfo(query.zone)
    first, last = query.start.astimezone(zone).date(), (query.end - _INSTANT).astimezone(zone).date()
    by = f" by {', '.join(query.dimensions)}" if query.dimensions else " in all"
    where = f", where {' and '.join(map(_condition, query.where))}" if query.where else ""
    return f"each {query.grain.value} from {day(first, last)} to {day(last, last)}{by}{where}"


def _condition(match: Match) -> str:
    return f"{match.dimension} is {'not ' if match.negate else ''}{' or '.join(match.patterns)}"


def _relevant(found: Plan) -> list[str]:
    """The dimensions whose number of values makes a difference, and is known or assumed."""
    if not (found.first.requests or found.first.dollars):
        return []
    asked = {name for query in found.queries for name in query.dimensions}
    return [name for name in found.sizes.values if name in asked]


def _sized(sizes: Sizes, name: str) -> str:
    known_by = {"assumed": " (assumed)", "ledger": " (in the ledger)", "given": ""}[sizes.known_by[name]]
    noun = _NOUNS.get(name)
    return (count(sizes.values[name], noun) if noun else f"{sizes.values[name]:,} of {shown(name)}") + known_by


def _error(found: Plan) -> Text:
    return Text.assemble(("✘ ", "red"), text(f"what it costs is not known: {found.error}", limit=600))


def _costs(found: Plan) -> Table:
    costs = _cost_table("in each reading")
    for step in found.steps:
        once = " (the first time only)" if step.once else ""
        _add(costs, text(f"{step.what}{once}", limit=300), step.cost)
    usual = [step for step in found.steps if not step.once]
    if len(usual) != 1:
        _add(costs, Text("a reading", style="dim"), found.reading)
    for label, cost in _sums(found):
        _add(costs, Text(label, style="dim"), cost)
    return costs


def _sums(found: Plan) -> Iterator[tuple[str, CallCost]]:
    yield f"a day, {count(found.readings(1), 'reading')}", found.over(1)
    yield f"a month, {_MONTH} days", found.over(_MONTH)
    if any(step.once for step in found.steps):
        yield "the first reading", found.first


def _totals(plans: Sequence[Plan]) -> Table:
    failed = [found.source for found in plans if found.error]
    without = f", without {shown(', '.join(failed))}" if failed else ""
    costs = _cost_table("all sources")
    for label, cost in _total(plans).items():
        _add(costs, Text(f"{label.replace('_', ' ')}{without}"), cost)
    return costs


def _total(plans: Sequence[Plan]) -> dict[str, CallCost]:
    return {
        "a_day": sum((found.over(1) for found in plans), CallCost()),
        "a_month": sum((found.over(_MONTH) for found in plans), CallCost()),
        "first_readings": sum((found.first for found in plans), CallCost()),
    }


def _cost_table(head: str) -> Table:
    costs = table(head, "calls", "bytes", "dollars")
    costs.columns[0].no_wrap, costs.columns[0].overflow = False, "fold"
    for column in costs.columns[1:]:
        column.justify = "right"
    return costs


def _add(costs: Table, label: Text, cost: CallCost) -> None:
    from cloudcircuit.service.meter import dollars, size

    costs.add_row(
        label,
        f"{cost.requests:,}" if cost.requests else "",
        size(cost.bytes) if cost.bytes else "",
        dollars(cost.dollars),
    )


def _notes(plans: Sequence[Plan]) -> Iterator[str]:
    if any("assumed" in (found.sizes.known_by[name] for name in _relevant(found)) for found in plans):
        yield "how many accounts and services there are was assumed: say it with --accounts and --services"
    if any(found.first.dollars for found in plans):
        yield "on top come calls that look for the drivers of an alert, and readings tried again after a failure"


# --- for programs -----------------------------------------------------------------------------------------


def _print_json(configuration: Config, plans: Sequence[Plan]) -> None:
    print_json(
        {
            "sources": {
                found.source: _plan_json(configuration.sources[found.source].adapter, found) for found in plans
            },
            "total": _total(plans),
        }
    )


def _plan_json(adapter: str, found: Plan) -> dict[str, Any]:
    sums = None
    if found.error is None:
        sums = {
            "reading": found.reading,
            "first_reading": found.first,
            "a_day": found.over(1),
            "a_month": found.over(_MONTH),
        }
    return {
        "adapter": adapter,
        "every": found.every,
        "readings_a_day": found.readings(1),
        "queries": [
            {"start": q.start, "end": q.end, "grain": q.grain, "dimensions": q.dimensions, "where": q.where}
            for q in found.queries
        ],
        "sizes": {
            name: {"values": size, "from": found.sizes.known_by[name]} for name, size in found.sizes.values.items()
        },
        "steps": found.steps,
        "costs": sums,
        "error": found.error,
    }
