"""`check`: is the configuration right, and with `--live`: do its sources and channels answer."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cloudcircuit.cli import common
from cloudcircuit.cli.show import console, grid, harmless, print_json, text
from cloudcircuit.clock import Deadline, SystemClock
from cloudcircuit.engine.text import count, duration, moment, shown
from cloudcircuit.errors import AdapterError, CloudCircuitError, ConfigError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloudcircuit.config import Config
    from cloudcircuit.model import Probe
    from cloudcircuit.ports import Clock, Meter

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
    with ExitStack() as stack:
        meter = _metering(configuration, clock, stack)
        for name, spec in configuration.sources.items():
            held = leash.hold(source(configuration, spec, clock, meter(name)))
            patience = min(_PATIENCE, spec.timeout.total_seconds())
            findings.append(_look(configuration, name, lambda held=held, s=patience: _probe(held, s), clock.now()))  # type: ignore[misc]
    for name, notifier in notifiers(configuration, sys.stdout, clock).items():
        findings.append(_ask("channel", name, lambda n=notifier: [n.check(Deadline(_PATIENCE))]))  # type: ignore[misc]
    return findings


def _metering(configuration: Config, clock: Clock, stack: ExitStack) -> Callable[[str], Meter]:
    """Where the calls of a source are counted: on the day's account that a running daemon has, too."""
    from cloudcircuit.service.meter import NoMeter, StoreMeter

    try:
        store = stack.enter_context(common.borrowed_state(configuration))
    except StoreError as error:
        return lambda _, why=error: NoMeter(why)  # type: ignore[misc]
    return lambda source: StoreMeter(store, source, clock)


def _ask(kind: str, name: str, question: Callable[[], list[str]]) -> Finding:
    try:
        return kind, name, True, question()
    except CloudCircuitError as error:
        return kind, name, False, str(error).splitlines()


def _look(configuration: Config, name: str, question: Callable[[], Probe], now: datetime) -> Finding:
    try:
        probe = question()
    except CloudCircuitError as error:
        return "source", name, False, str(error).splitlines()
    foreign = list(_foreign(configuration, name, probe))
    return "source", name, not foreign, [*foreign, *_described(probe, now)]


def _probe(source: Any, seconds: float) -> Probe:
    try:
        with closing(source.open()) as adapter:
            probe: Probe = adapter.probe(Deadline(seconds))
    except CloudCircuitError:
        raise
    except Exception as error:
        raise AdapterError(f"its adapter broke with {type(error).__name__}; this is a fault of the adapter") from error
    return probe


def _foreign(configuration: Config, name: str, probe: Probe) -> Iterator[str]:
    """The monitors whose circuits will be held, because this source charges in other money."""
    for monitor in configuration.monitors:
        known = {monitor.currency, *(line.currency for line in configuration.fx if line.into == monitor.currency)}
        others = [currency for currency in probe.currencies if currency not in known]
        if name in monitor.sources and others:
            yield (
                f"monitor {shown(monitor.name)} is in {monitor.currency}, and this source charges in "
                f"{', '.join(map(shown, others))}: set its currency, or convert with [[fx]]"
            )


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
