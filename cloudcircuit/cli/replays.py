"""`run`: the daemon; or one cycle, or history day by day."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from cloudcircuit.cli import common, logs
from cloudcircuit.cli.circuits import Row, circuit_json, circuit_table, exit_code, gather
from cloudcircuit.cli.show import console, harmless, print_json
from cloudcircuit.clock import FixedClock, SystemClock
from cloudcircuit.engine.text import count
from cloudcircuit.errors import UsageError
from cloudcircuit.model import Action
from cloudcircuit.service.serve import decisions

if TYPE_CHECKING:
    from cloudcircuit.compose import Opened
    from cloudcircuit.service.replay import Replayed, Step

_ROWS = 20
_NEWS_EVERY = 10  # steps between two lines of progress where nobody can watch a bar


def run(
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
    """The daemon, until SIGTERM; SIGHUP takes up the configuration anew. Or a run that ends by itself."""
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
    from cloudcircuit import daemon
    from cloudcircuit.compose import open_house
    from cloudcircuit.service.steady import SteadyClock

    configuration = common.load(path)
    logs.for_daemon(configuration.daemon.log)
    clock = SteadyClock(SystemClock())
    opened = open_house(configuration, stdout=sys.stdout, clock=clock)
    try:
        return daemon.run(opened, lambda: common.load(configuration.file), clock, sys.stdout)
    finally:
        opened.close()


def _job(path: Path | None, first: datetime, last: datetime, *, strict: bool, json: bool) -> int:
    from cloudcircuit.service.replay import refuse_newer

    configuration, clock = common.load(path), FixedClock(first)
    stdout = sys.stderr if json else _Stdout()  # with --json, stdout is JSON alone
    with common.opened(configuration, clock=clock, stdout=stdout, create=True) as opened:
        opened.store.acquire(f"cloudcircuit run of process {os.getpid()}")
        refuse_newer(opened.house, last)
        done = _work(opened, clock, first, last, quiet=json)
        rows = gather(opened.house, last)
        opened.publisher.publish([row.decision for row in rows], last)
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
