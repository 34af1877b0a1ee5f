"""`run`: the daemon; or one cycle, or history day by day."""

from __future__ import annotations

import os
import shlex
import sys
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, TextIO, cast

import typer
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from cloudcircuit.cli import common, logs
from cloudcircuit.cli.circuits import Row, circuit_json, circuit_table, exit_code, gather
from cloudcircuit.cli.show import console, harmless, print_json
from cloudcircuit.clock import FixedClock, SystemClock
from cloudcircuit.engine.text import count
from cloudcircuit.errors import StateLocked, UsageError
from cloudcircuit.model import Action

if TYPE_CHECKING:
    from cloudcircuit.compose import Opened
    from cloudcircuit.service.replay import Replayed, Step

_ROWS = 30
_LARGEST = 8
_TRIES = 10
_NEWS_EVERY = 10  # steps between two lines of progress where nobody can watch a bar


def run(
    *,
    once: Annotated[bool, typer.Option("--once", help="One cycle of every source, now.")] = False,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="One cycle of every source, as if it were then (UTC).")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Replay history from here, a cycle a day …")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="… to here.")] = None,
    strict: Annotated[
        bool, typer.Option("--exit-code", help="Exit with the strictest decision's code (10, 20, 30).")
    ] = False,
    json: common.JsonOption = False,
    config: common.ConfigOption = None,
) -> None:
    """Run the daemon, one cycle, or a replay.

    The daemon runs until SIGTERM; SIGHUP makes it take up the configuration anew. --once, --at, or --from and --to end
    by themselves.
    """
    if (start is None) is not (end is None):
        raise UsageError("a replay needs both --from and --to")
    if sum((once, at is not None, start is not None)) > 1:
        raise UsageError("--once, --at and --from exclude each other")
    if not once and at is None and start is None:
        if strict or json:
            raise UsageError("--exit-code and --json are for runs that end: --once, --at, or --from and --to")
        raise typer.Exit(_daemon(config))
    first = common.moment(at if start is None else start)
    last = first if end is None else common.moment(end)
    if last < first:
        raise UsageError(f"--to {end} lies before --from {start}")
    raise typer.Exit(_job(config, first, last, strict=strict, json=json))


def _daemon(path: Path | None) -> int:
    configuration = common.load(path)
    _refuse_second(configuration.daemon.state)

    from cloudcircuit import daemon
    from cloudcircuit.compose import open_house
    from cloudcircuit.service.steady import SteadyClock

    logs.for_daemon(configuration.daemon.log)
    clock = SteadyClock(SystemClock())
    opened = open_house(configuration, stdout=sys.stdout, clock=clock)
    try:
        return daemon.run(opened, lambda: common.load(configuration.file), clock, sys.stdout)
    finally:
        opened.close()


def _refuse_second(state: Path) -> None:
    """Say that another daemon holds the state before loading what takes long; one that is leaving is waited for.

    Taking the lock is what decides, later. Raises StateLocked.
    """
    from cloudcircuit.stores import lock_holder

    for _ in range(_TRIES):
        holder = lock_holder(state)
        if holder is None:
            return
        Event().wait(1.0 / _TRIES)
    raise StateLocked(f"{state} is held by another daemon ({holder}): stop it first, or use another state")


def _job(path: Path | None, first: datetime, last: datetime, *, strict: bool, json: bool) -> int:
    from cloudcircuit.service.steady import refuse_newer

    configuration, clock = common.load(path), FixedClock(first)
    stdout = sys.stderr if json else cast("TextIO", _Stdout())  # with --json, stdout is JSON alone
    with common.opened(configuration, clock=clock, stdout=stdout, create=True) as opened:
        opened.store.acquire(f"cloudcircuit run of process {os.getpid()}")
        refuse_newer(opened.store, last)
        done = _work(opened, clock, first, last, quiet=json)
        rows = gather(opened.house, last)
        opened.open_publisher().publish([row.decision for row in rows], last)
        if json:
            _print_json(done, rows, last)
        else:
            _print(opened, done, rows, last)
        if done.failed:
            return 1
        return exit_code(row.decision for row in rows) if strict else 0


def _work(opened: Opened, clock: FixedClock, first: datetime, last: datetime, *, quiet: bool) -> Replayed:
    from cloudcircuit.service.replay import replay, run_at

    if first == last:
        return run_at(opened.house, opened.outbox, first)
    with _Progress(first, last, quiet=quiet) as progress:
        return replay(opened.house, opened.outbox, clock, first, last, progress.show)


# --- while it runs ----------------------------------------------------------------------------------------


class _Stdout:
    """Whatever stdout is at the moment: while a bar is drawn, rich puts itself in between."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()

    def isatty(self) -> bool:
        return sys.stdout.isatty()


class _Progress:
    """A bar on a terminal; otherwise a line on stderr now and then."""

    def __init__(self, first: datetime, last: datetime, *, quiet: bool) -> None:
        self._quiet = quiet
        self._alerts = 0
        self._bar: Progress | None = None
        if not quiet:
            span = f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
            sys.stdout.write(f"Replaying {span}, one cycle a day: each sees only what was known by then.\n\n")
        if not quiet and sys.stdout.isatty():
            columns = (TextColumn("[dim]{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
            self._bar = Progress(*columns, console=console(), transient=True)
            self._task = self._bar.add_task("")

    def __enter__(self) -> _Progress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, step: Step) -> None:
        new = sum(result.alerts for result in step.results)
        self._alerts += new
        if new and not self._quiet:
            sys.stdout.write(f"── {step.at:%Y-%m-%d} ──\n")
        if self._bar:
            said = f"{step.at:%Y-%m-%d}  {count(self._alerts, 'alert')}"
            self._bar.update(self._task, description=said, total=step.of, completed=step.number)
        elif not self._quiet and (step.number % _NEWS_EVERY == 0 or step.number == step.of):
            sys.stdout.flush()
            sys.stderr.write(f"{step.at:%Y-%m-%d}  {step.number}/{step.of}  {count(self._alerts, 'alert')}\n")


# --- at its end -------------------------------------------------------------------------------------------


def _print(opened: Opened, done: Replayed, rows: list[Row], now: datetime) -> None:
    out = console()
    for name, result in done.failed.items():
        out.print(Text(harmless(f"source {name} failed: {result.error}"), style="red"))
    shown = _worth_showing(rows)
    out.print(circuit_table(shown, out.width) if shown else "no circuit yet")
    if len(shown) < len(rows):
        out.print(Text(f"… {count(len(rows) - len(shown), 'more circuit')}: `cloudcircuit status`", style="dim"))
    out.print()
    out.print(Text(harmless(_summary(opened, done, rows)), style="bold"), soft_wrap=True)
    for channel, why in _undelivered(opened).items():
        out.print(Text(harmless(f"{channel} did not take a message: {why}"), style="red"), soft_wrap=True)
    if rows:
        out.print(Text(harmless(_next_step(opened, rows, now)), style="dim"), soft_wrap=True)


def _worth_showing(rows: list[Row]) -> list[Row]:
    """Those to look after, and the largest of the others."""
    return [row for place, row in enumerate(rows) if row.is_open or place < _LARGEST][:_ROWS]


def _summary(opened: Opened, done: Replayed, rows: list[Row]) -> str:
    lost = sum(len(opened.store.deliveries(state, limit=1000)) for state in ("owed", "failed"))
    parts = [
        f"{count(len(rows), 'circuit')}, {_blocked(rows)}",
        f"{done.skipped} of {count(done.steps, 'step')} done before and not again" if done.skipped else "",
        f"{count(done.alerts, 'alert')}{f', {lost} NOT delivered' if lost else ''}",
        f"state in {_short(opened.config.daemon.state)}",
    ]
    return " · ".join(part for part in parts if part)


def _undelivered(opened: Opened) -> dict[str, str]:
    """What each channel last said that did not take what is owed to it."""
    waiting = [each for state in ("owed", "failed") for each in opened.store.deliveries(state, limit=1000)]
    return {each.channel: each.error for each in waiting if each.error}


def _blocked(rows: list[Row]) -> str:
    served = sum(row.decision.action is Action.BLOCK for row in rows)
    would = sum(row.decision.would is Action.BLOCK for row in rows)
    if would > served:
        return f"{served or 'none'} blocked, {would - served} would be if enforced"
    return f"{served or 'none'} blocked"


def _next_step(opened: Opened, rows: list[Row], now: datetime) -> str:
    """The command that says more about the first circuit, as it can be copied."""
    file = opened.config.file
    config = "" if file == common.PLACES[0].absolute() else f" --config {shlex.quote(_short(file))}"
    when = "" if now.microsecond else f" --at {_time(now)}"  # the wall clock goes on by itself
    return f"next: cloudcircuit explain {shlex.quote(rows[0].decision.circuit)}{config}{when}"


def _short(file: Path) -> str:
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def _time(at: datetime) -> str:
    return (
        f"{at:%Y-%m-%d}" if at == at.replace(hour=0, minute=0, second=0, microsecond=0) else f"{at:%Y-%m-%dT%H:%M:%S}"
    )


def _print_json(done: Replayed, rows: list[Row], at: datetime) -> None:
    print_json(
        {
            "at": at,
            "steps": done.steps,
            "skipped": done.skipped,
            "transitions": done.transitions,
            "alerts": done.alerts,
            "failed": {name: result.error for name, result in done.failed.items()},
            "circuits": [circuit_json(row) for row in rows],
        }
    )
