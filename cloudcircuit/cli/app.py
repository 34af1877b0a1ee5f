"""The command line as a whole: which commands there are, and what becomes of their errors."""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import Annotated

import typer

from cloudcircuit.cli import acts, backtest, check, explain, logs, plan, replays, setup, status, upkeep
from cloudcircuit.cli.show import harmless
from cloudcircuit.errors import CloudCircuitError, UsageError

app = typer.Typer(
    name="cloudcircuit",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="The circuit breaker for cloud spend: it reads the bill, decides allow, throttle or block, and tells people.",
    epilog="Exit codes: 0 allow or done, 10 throttle, 20 block, 30 stale or unknown, 1 trouble, 2 wrong usage.",
)

for command in (
    setup.init,
    check.check,
    plan.plan,
    replays.run,
    backtest.backtest,
    status.status,
    status.decide,
    explain.explain,
    upkeep.history,
    acts.override,
    acts.clear,
    acts.expect,
    acts.silence,
    acts.ack,
    upkeep.test_alert,
    upkeep.backup,
):
    app.command()(command)


def _version(wanted: bool) -> None:
    if wanted:
        from cloudcircuit import __version__

        typer.echo(f"cloudcircuit {__version__}")
        raise typer.Exit


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an unexpected error came from.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    logs.for_commands(debug)


def run(arguments: list[str]) -> int:
    """Run one command line; gives its exit code. Errors end as one message on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a sparkline shows question marks
    try:
        return _run(arguments)
    except UsageError as error:
        return _say(error, 2)
    except CloudCircuitError as error:
        return _say(error, 1)
    except BrokenPipeError:
        # Whoever read the output has left. What is still buffered must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except ImportError:
        raise  # the caller tells a missing extra from a broken one
    except Exception as error:  # noqa: BLE001 - the last seam: an operator sees a line, not a trace
        if "--debug" in arguments:
            traceback.print_exc()
            return 1
        text = f"unexpected {type(error).__name__}: {error}\n  `cloudcircuit --debug …` shows where it came from"
        return _say(text, 1)


def _run(arguments: list[str]) -> int:
    try:
        app(args=arguments, prog_name="cloudcircuit")
    except SystemExit as end:
        sys.stdout.flush()
        return end.code if isinstance(end.code, int) else 0
    return 0


def _say(error: object, code: int) -> int:
    sys.stderr.write(f"cloudcircuit: {harmless(str(error))}\n")
    return code
