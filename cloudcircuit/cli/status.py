"""What holds now: `status` for people, `decide` for programs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cloudcircuit.cli import common
from cloudcircuit.cli.circuits import STALE_OR_UNKNOWN, Row, circuit_json, circuit_table, exit_code, gather
from cloudcircuit.cli.show import console, grid, harmless, plain, print_json, text
from cloudcircuit.clock import SystemClock
from cloudcircuit.engine.settle import HOUR, learned
from cloudcircuit.engine.text import count, duration, moment
from cloudcircuit.model import Delivery, ReportStatus, SourceState
from cloudcircuit.service.serve import decisions

if TYPE_CHECKING:
    from cloudcircuit.compose import Opened
    from cloudcircuit.service.meter import OwnCost

_TOO_LONG = timedelta(hours=48)
"""By how much a configured lag must be longer than what was learned, for that to be worth a line."""


def status(
    match: Annotated[str | None, typer.Argument(metavar="[CIRCUIT]", help="A circuit, or a glob over names.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those with anything to look after.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="How many lines; 0 for all.")] = 50,
    at: common.AtOption = None,
    json: common.JsonOption = False,
    config: common.ConfigOption = None,
) -> None:
    """Show circuits, sources and what is owed.

    What stands first needs looking after. "would" is what a monitor that only observes would serve.
    """
    with common.looking(config, at) as (opened, now):
        rows = gather(opened.house, now)
        if match is not None:
            names = set(common.select((row.decision.circuit for row in rows), match))
            rows = [row for row in rows if row.decision.circuit in names]
        if only_open:
            rows = [row for row in rows if row.is_open]
        if json:
            _print_json(opened, rows, now)
        else:
            _print(opened, rows, limit, now)


def decide(
    circuit: Annotated[str, typer.Argument(help="The circuit's name.")],
    at: common.AtOption = None,
    json: common.JsonOption = False,
    config: common.ConfigOption = None,
) -> None:
    """Answer for one circuit, and exit with its code."""
    with common.looking(config, at) as (opened, now):
        found = {decision.circuit: decision for decision in decisions(opened.house, now)}
        if circuit not in found:
            sys.stderr.write(harmless(f"cloudcircuit: {common.unknown(circuit, found)}") + "\n")
            raise typer.Exit(STALE_OR_UNKNOWN)
        decision = found[circuit]
        if json:
            print_json(decision)
        else:
            stale = ", stale" if decision.stale else ""
            would = "" if decision.would is decision.action else f" (would {decision.would.value})"
            sys.stdout.write(harmless(f"{decision.action.value}{would}{stale}: {decision.text}") + "\n")
        raise typer.Exit(exit_code([decision]))


# --- for people -------------------------------------------------------------------------------------------


def _print(opened: Opened, rows: Sequence[Row], limit: int, now: datetime) -> None:
    out = console()
    shown = rows[:limit] if limit else rows
    out.print(circuit_table(shown, out.width) if shown else "no circuit to show")
    if len(shown) < len(rows):
        more = count(len(rows) - len(shown), "more circuit")
        out.print(Text(f"… {more}; --limit 0 shows all, --open those to look after", style="dim"))
    out.print()
    out.print(_sources(opened, now))
    out.print(_alerts(opened))
    newest = opened.store.newest()
    if newest is not None and (now - newest).days > 30:
        hint = f"the state was last judged on {newest:%Y-%m-%d}; to see it as it was then: --at {newest:%Y-%m-%d}"
        out.print(Text(hint, style="yellow"))


def _sources(opened: Opened, now: datetime) -> Table:
    states, costs, found = opened.store.sources(), _own_costs(opened), grid()
    for name in opened.house.sources:
        state = states.get(name, SourceState(name))
        style = "red" if state.error else "yellow" if state.status not in (None, ReportStatus.COMPLETE) else "green"
        found.add_row(Text("source", style="dim"), text(name, style=style), text(source_line(state, now), limit=300))
        if lateness := lag_line(state, opened.house.sources[name].lag):
            found.add_row("", "", text(lateness, limit=300, style="dim"))
        if name in costs:
            found.add_row("", "", Text(_own_line(costs[name]), style="dim"))
    return found


def _own_costs(opened: Opened) -> dict[str, OwnCost]:
    """What reading the sources has cost: today and this month are the real ones, whatever --at says."""
    from cloudcircuit.service.meter import own_costs

    return own_costs(opened.store, SystemClock().now())


def _own_line(cost: OwnCost) -> str:
    from cloudcircuit.service.meter import in_words

    return f"its own cost: {in_words(cost.today)} today; {in_words(cost.month)} this month"


def source_json(state: SourceState) -> dict[str, Any]:
    """A source without what is of use to its adapter or its lessons alone; with what they come to."""
    lag = learned(state.growing)
    found = {key: value for key, value in plain(state).items() if key not in {"marks", "growing"}}
    hours = None if lag.lag is None else int(lag.lag / HOUR)
    return {**found, "learned": {"lag_hours": hours, "late": lag.late, "settled_days": lag.days}}


def source_line(state: SourceState, now: datetime) -> str:
    """How fresh a source is: `complete; data until 1 December 00:00 UTC, 24 hours old; read 5 minutes ago`."""
    if state.last_attempt is None:
        return "not read yet"
    parts = [state.error and f"failing ({state.failures} times): {state.error}", state.status]
    if state.watermark is not None:
        age = duration((now - state.watermark).total_seconds())
        parts.append(f"data until {moment(state.watermark, now.date())}, {age} old")
    if state.last_success is not None:
        parts.append(f"read {duration((now - state.last_success).total_seconds())} ago")
    if state.broken:
        parts.append(f"{count(len(state.broken), 'day')} with rows that cannot be read")
    return "; ".join(str(part) for part in parts if part)


def lag_line(state: SourceState, configured: timedelta) -> str:
    """What has been learned of a source's lateness, where the configured lag does not fit; else nothing."""
    lag = learned(state.growing)
    if lag.lag is None:
        return ""
    said = f"usually whole after {_hours(lag.lag)}, by {count(lag.days, 'day')}; configured lag {_hours(configured)}"
    if lag.late and lag.lag > configured:
        return f'{said}: what is younger stays provisional; lag = "{int(lag.lag / HOUR)}h" would say so'
    return f"{said}, which may be shorter" if configured >= lag.lag + _TOO_LONG else ""


def _hours(length: timedelta) -> str:
    return count(max(1, int(length / HOUR)), "hour")


def _alerts(opened: Opened) -> Table:
    found = grid()
    owed, failed = (Counter(d.channel for d in opened.store.deliveries(s, limit=10_000)) for s in ("owed", "failed"))
    parts = [f"{total} owed to {channel}" for channel, total in sorted(owed.items())]
    parts += [f"{total} failed for {channel}" for channel, total in sorted(failed.items())]
    style = "red" if failed else "yellow" if owed else ""
    found.add_row(Text("alerts", style="dim"), Text(", ".join(parts) or "none owed, none failed", style=style))
    return found


# --- for programs -----------------------------------------------------------------------------------------


def _print_json(opened: Opened, rows: Sequence[Row], now: datetime) -> None:
    states = opened.store.sources()
    print_json(
        {
            "at": now,
            "judged_at": opened.store.newest(),
            "circuits": [circuit_json(row) for row in rows],
            "sources": [source_json(states.get(name, SourceState(name))) for name in opened.house.sources],
            "own_costs": _own_costs(opened),
            "deliveries": [_delivery(d) for s in ("owed", "failed") for d in opened.store.deliveries(s, limit=1000)],
        }
    )


def _delivery(delivery: Delivery) -> dict[str, Any]:
    names = ("id", "channel", "monitor", "state", "owed_at", "attempts", "next_try", "error")
    return {name: getattr(delivery, name) for name in names}
