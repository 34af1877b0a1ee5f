"""`init`: a first configuration, by asking little."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from cloudcircuit.cli import common
from cloudcircuit.cli.show import harmless
from cloudcircuit.errors import ConfigError, UsageError

_PLAIN_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,18})?")


def init(
    bill: Annotated[str | None, typer.Option(help="The FOCUS export: a file, a folder, a glob.")] = None,
    budget: Annotated[str | None, typer.Option(help="The budget of a month.")] = None,
    currency: Annotated[str | None, typer.Option(help="The currency of bill and budget.")] = None,
    slack: Annotated[
        str | None, typer.Option(help='Where the Slack webhook\'s URL stands: "env:NAME" or "file:PATH".')
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = common.PLACES[0],
) -> None:
    """Write a first configuration.

    What the options do not say is asked, on a terminal; elsewhere it is assumed, and said.
    """
    if output.exists():
        raise UsageError(f"{output} is there already: name another with --output, or move it away")
    asks = sys.stdin.isatty()
    answers = {
        "bill": _ask(bill, "FOCUS export (file, folder or glob)", "bill/*.csv", asks),
        "budget": _ask(budget, "Budget of a month", "1000", asks),
        "currency": _ask(currency, "Currency", "USD", asks).upper(),
        "slack": _ask(slack, "Slack webhook URL in (env:NAME or file:PATH; empty for no Slack)", "", asks),
    }
    _write(output, _render(output, **answers))
    given = {"bill": bill, "budget": budget, "currency": currency}
    assumed = [f"--{name} {answers[name]}" for name, value in given.items() if value is None]
    if assumed and not asks:
        sys.stdout.write(harmless(f"assumed, for nobody could be asked: {', '.join(assumed)}") + "\n")
    commands = (f"cloudcircuit check --live{_named(output)}", f"cloudcircuit run --once{_named(output)}")
    sys.stdout.write(harmless("\n".join([f"wrote {output}", "next:", *(f"  {line}" for line in commands)])) + "\n")


def _ask(given: str | None, question: str, default: str, asks: bool) -> str:
    if given is not None:
        return given
    return str(typer.prompt(question, default=default, show_default=bool(default))) if asks else default


def _named(output: Path) -> str:
    return "" if output == common.PLACES[0] else f" --config {shlex.quote(str(output))}"


def _write(output: Path, content: str) -> None:
    """Write the file if it can be loaded, and only then. Raises ConfigError as of the file itself, UsageError."""
    scratch = output.with_name(f".{output.name}.new")
    try:
        scratch.write_text(content, encoding="utf-8")
        common.load(scratch)
        with output.open("x", encoding="utf-8") as file:
            file.write(content)
    except ConfigError as error:
        raise ConfigError(error.problems, str(output)) from None
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}") from error
    finally:
        scratch.unlink(missing_ok=True)


_TEMPLATE = """\
# CloudCircuit's configuration. Look it over with `cloudcircuit check`; docs/configuration.md explains every key.

[daemon]
state = "state/cloudcircuit.db"    # what is remembered: back it up with `cloudcircuit backup`

[sources.bill]                     # where spend comes from
adapter = "focus"
path = {bill}
every = "6h"                       # how often it is read
lag = "24h"                        # charges younger than this may still grow

[notifiers.console]                # where alerts go
type = "console"
{slack}
[defaults]
currency = {currency}
mode = "observe"                   # judge and tell; "enforce" serves throttle and block as well

[monitors.account]                 # the whole bill against one budget
budget = {{ amount = {budget}, period = "month" }}

[monitors.services]                # a circuit for each service, each compared with its own past
per = ["service"]
min_impact = 10                    # an excess of less money a day is no failure
"""

_SLACK = """
[notifiers.slack]
type = "slack"
url = {slack}
min_severity = "warning"
fallback = "console"
"""


def _render(output: Path, bill: str, budget: str, currency: str, slack: str) -> str:
    return _TEMPLATE.format(
        bill=_quote(_from_there(output, bill)),
        budget=budget if _PLAIN_NUMBER.fullmatch(budget) else _quote(budget),
        currency=_quote(currency),
        slack=_SLACK.format(slack=_quote(slack)) if slack else "",
    )


def _from_there(output: Path, bill: str) -> str:
    """A relative path begins in the folder of the configuration, and the answer was given in this one."""
    is_here = output.absolute().parent == Path.cwd()
    return bill if is_here or "://" in bill else str(Path(bill).absolute())


def _quote(text: str) -> str:
    """A TOML basic string; JSON's escapes are among TOML's."""
    return json.dumps(text).replace("\x7f", "\\u007f")
