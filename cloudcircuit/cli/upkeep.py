"""Looking back, trying the channels, and keeping a copy."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from cloudcircuit.cli import common
from cloudcircuit.cli.show import console, harmless, print_json, table, text
from cloudcircuit.clock import Deadline, SystemClock
from cloudcircuit.errors import NotifyError, UsageError
from cloudcircuit.model import AlertKind, Entry, Phase, Severity, SourceAlert

_SEND_SECONDS = 10.0


def history(
    circuit: Annotated[str | None, typer.Argument(help="Of one circuit or source; of everything unless given.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many lines, the newest.")] = 50,
    json: common.JsonOption = False,
    config: common.ConfigOption = None,
) -> None:
    """Show what happened, oldest first.

    Transitions, decisions, what people did, events of sources.
    """
    with common.opened(common.load(config)) as opened:
        entries = opened.store.history(circuit, limit=limit)
        if not entries and circuit is not None:
            names = {*opened.store.states(), *opened.store.sources(), *opened.store.damaged()}
            if circuit not in names:
                common.select(names, circuit)
        if json:
            print_json(entries)
            return
        found = table("when (UTC)", "what", "of", "")
        found.columns[3].no_wrap = False
        for entry in entries:
            found.add_row(
                f"{entry.at:%Y-%m-%d %H:%M}", _kind(entry), text(entry.subject, limit=40), text(_told(entry), limit=400)
            )
        console().print(found if entries else "nothing has happened yet")


def _kind(entry: Entry) -> Text:
    red = entry.kind in {"blocked", AlertKind.SOURCE_BLIND, AlertKind.CONFIG_REJECTED, AlertKind.STATE_FAILING}
    return Text(entry.kind.replace("_", " "), style="red" if red else "")


def _told(entry: Entry) -> str:
    """An entry's details in a line, whichever kind it is."""
    detail = entry.detail
    if "text" in detail:
        return str(detail["text"])
    if "reasons" in detail:
        return _transition(detail)
    words = [str(detail[key]) for key in ("action", "amount") if detail.get(key)]
    words += [f"until {detail['until']}"] if detail.get("until") else []
    words += ["noise"] if detail.get("noise") else []
    return "; ".join([*words, *(f"{key}: {detail[key]}" for key in ("owner", "reason") if detail.get(key))])


def _transition(detail: Mapping[str, Any]) -> str:
    would = "" if detail["would"] == detail["action"] else f" (would {detail['would']})"
    parts = [f"{detail['action']}{would}"]
    parts += [] if detail["phase"] == Phase.CLOSED else [f"breaker {detail['phase'].replace('_', '-')}"]
    parts.append(", ".join(str(reason).replace("_", " ") for reason in detail["reasons"]))
    parts += _numbers(detail.get("numbers", {}))
    told = [str(kind).replace("_", " ") for kind in detail.get("told", [])]
    parts += [f"told: {', '.join(told)}{' (silenced)' if detail.get('silenced') else ''}"] if told else []
    return "; ".join(parts)


def _numbers(numbers: Mapping[str, Any]) -> list[str]:
    found = []
    if numbers.get("value") is not None and numbers.get("expected") is not None:
        at = str(numbers["period"])[:10]
        found.append(f"{numbers['value']:,.2f} on {at} where {numbers['expected']:,.2f} was expected")
    if numbers.get("spend") is not None:
        found.append(f"{Decimal(numbers['spend']):,.2f} of {Decimal(numbers['budget']):,.2f} spent")
    return found


def test_alert(
    channel: Annotated[str | None, typer.Argument(help="One channel; all unless given.")] = None,
    json: common.JsonOption = False,
    config: common.ConfigOption = None,
) -> None:
    """Send a test message through the channels."""
    from cloudcircuit.compose import notifiers

    configuration = common.load(config)
    channels = notifiers(configuration, sys.stderr if json else sys.stdout, SystemClock())
    if channel is not None and channel not in channels:
        raise UsageError(f"no channel is called {channel!r}; there are: {', '.join(channels)}")
    results = {name: _try(name, channels[name]) for name in ([channel] if channel else channels)}
    if json:
        print_json(results)
    else:
        for name, problem in results.items():
            sys.stdout.write(harmless(f"{name}: {'sent' if problem is None else f'NOT sent: {problem}'}") + "\n")
    raise typer.Exit(1 if any(results.values()) else 0)


def _try(name: str, notifier: Any) -> str | None:
    """Send one test message; gives what went wrong."""
    from cloudcircuit.engine.alerts import envelopes

    text = "This is a test of the channel, sent by hand. Nothing happened, and nothing has to be done."
    alert = SourceAlert(AlertKind.TEST, Severity.INFO, SystemClock().now(), "test", text, channels=(name,))
    (delivery,) = envelopes((), [alert], {}, alert.at)
    try:
        notifier.send(delivery, Deadline(_SEND_SECONDS))
    except NotifyError as error:
        return str(error)
    return None


def backup(
    target: Annotated[Path, typer.Argument(help="The file to write; an earlier backup there is replaced.")],
    config: common.ConfigOption = None,
) -> None:
    """Copy the state, with or without a daemon on it."""
    with common.opened(common.load(config)) as opened:
        opened.store.backup(target)
    sys.stdout.write(harmless(f"the state was copied to {target}") + "\n")
