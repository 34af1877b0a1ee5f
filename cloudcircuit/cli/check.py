"""`check`: is the configuration right, and with `--live`: do its sources and channels answer."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cloudcircuit.cli import common
from cloudcircuit.cli.show import console, grid, harmless, print_json, text
from cloudcircuit.clock import Deadline, SystemClock
from cloudcircuit.engine.text import count, duration, moment
from cloudcircuit.errors import AdapterError, CloudCircuitError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudcircuit.config import Config
    from cloudcircuit.model import Probe

_PATIENCE = 60.0
"""The longest that one source or channel is waited for, in seconds."""

Finding = tuple[str, str, bool, list[str]]
"""What was looked at, its name, whether it is fine, and what there is to say."""


def check(
    live: Annotated[bool, typer.Option("--live", help="Ask every source and every channel as well.")] = False,
    json: common.JsonOption = False,
    config: common.ConfigOption = None,
) -> None:
    """Say all that is wrong with the configuration.

    With --live, every source is probed and every channel is tried, without bothering anybody.
    """
    try:
        configuration = common.load(config)
    except ConfigError as error:
        if not json:
            raise
        print_json({"ok": False, "problems": [{"path": p.path, "message": p.message} for p in error.problems]})
        raise typer.Exit(1) from None
    findings = _ask_all(configuration) if live else []
    if json:
        answers = [{"kind": kind, "name": name, "ok": ok, "notes": notes} for kind, name, ok, notes in findings]
        print_json({"ok": all(ok for _, _, ok, _ in findings), "problems": [], "live": answers})
    else:
        _print(configuration, findings)
    raise typer.Exit(0 if all(ok for _, _, ok, _ in findings) else 1)


def _print(configuration: Config, findings: list[Finding]) -> None:
    parts = (
        count(len(configuration.sources), "source"),
        count(len(configuration.monitors), "monitor"),
        count(len(configuration.notifiers), "channel"),
    )
    out, found = console(), grid()
    out.print(Text.assemble(("✔ ", "green"), harmless(f"{_short(configuration.file)}: {', '.join(parts)}")))
    for kind, name, ok, notes in findings:
        sign = Text("✔", style="green") if ok else Text("✘", style="red")
        for place, note in enumerate(notes):
            head = (sign, Text(kind, style="dim"), text(name)) if place == 0 else ("", "", "")
            found.add_row(*head, text(note, limit=400, style="" if ok else "red"))
    if findings:
        out.print(found)


def _short(file: Path) -> Path:
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


# --- asking -----------------------------------------------------------------------------------------------


def _ask_all(configuration: Config) -> list[Finding]:
    from cloudcircuit.compose import notifiers, source
    from cloudcircuit.service.leash import Leash

    clock, leash = SystemClock(), Leash()
    findings = []
    for name, spec in configuration.sources.items():
        held, patience = leash.hold(source(configuration, spec, clock)), min(_PATIENCE, spec.timeout.total_seconds())
        findings.append(_ask("source", name, lambda held=held, s=patience: _probe(held, s, clock.now())))  # type: ignore[misc]
    for name, notifier in notifiers(configuration, sys.stdout, clock).items():
        findings.append(_ask("channel", name, lambda n=notifier: [n.check(Deadline(_PATIENCE))]))  # type: ignore[misc]
    return findings


def _ask(kind: str, name: str, question: Callable[[], list[str]]) -> Finding:
    try:
        return kind, name, True, question()
    except CloudCircuitError as error:
        return kind, name, False, str(error).splitlines()


def _probe(source: Any, seconds: float, now: datetime) -> list[str]:
    try:
        with closing(source.open()) as adapter:
            probe: Probe = adapter.probe(Deadline(seconds))
    except CloudCircuitError:
        raise
    except Exception as error:
        raise AdapterError(f"its adapter broke with {type(error).__name__}; this is a fault of the adapter") from error
    return list(_described(probe, now))


def _described(probe: Probe, now: datetime) -> list[str]:
    accounts = ", ".join(probe.accounts[:5]) + (
        f", … {len(probe.accounts) - 5} more" if len(probe.accounts) > 5 else ""
    )
    lines = [f"accounts {accounts or 'unknown'}; in {', '.join(probe.currencies) or 'an unknown currency'}"]
    if probe.oldest is not None and probe.newest is not None:
        old, new = moment(probe.oldest, now.date()), moment(probe.newest, now.date())
        lines.append(f"charges from {old} to {new}, {duration((now - probe.newest).total_seconds())} behind")
    else:
        lines.append("no charges yet")
    return [*lines, *probe.notes]
