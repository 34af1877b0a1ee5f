"""What people do about circuits. Each act has an owner and a reason, and is kept."""

from __future__ import annotations

import os
import secrets
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloudcircuit.cli import common
from cloudcircuit.cli.show import harmless, print_json
from cloudcircuit.engine.text import count, moment
from cloudcircuit.errors import StateLocked, UsageError
from cloudcircuit.model import Act

if TYPE_CHECKING:
    from cloudcircuit.compose import Opened

Circuit = Annotated[str, typer.Argument(help="The circuit's name, or a glob over names.")]
For = Annotated[str | None, typer.Option("--for", metavar="DURATION", help="For how long: 2h, 3d, 1w.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Until when (UTC).")]
Owner = Annotated[str | None, typer.Option(help="Who does this; the login name unless given.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept.")]


def override(
    circuit: Circuit,
    action: Annotated[str, typer.Argument(help="What is served meanwhile: allow, throttle or block.")],
    *,
    reason: Reason,
    length: For = None,
    end: Until = None,
    owner: Owner = None,
    at: common.AtOption = None,
    json: common.JsonOption = False,
    config: common.ConfigOption = None,
) -> None:
    """Serve another action for a while."""
    from cloudcircuit.service import operate

    served = operate.override(action)
    now = common.moment(at)
    new = _act("override", circuit, now, owner, reason, until=common.until(now, length, end), action=served)
    _do(new, config, at, json=json, told=f"{served.value} is served")


def clear(
    circuit: Circuit,
    *,
    reason: Reason = "cleared by hand",
    owner: Owner = None,
    at: common.AtOption = None,
    json: common.JsonOption = False,
    config: common.ConfigOption = None,
) -> None:
    """Let a breaker start clean.

    Ends the overrides of these circuits as well, and forgets those whose monitor is gone from the configuration. A
    breached budget stays breached: raise it, or override.
    """
    new = _act("clear", circuit, common.moment(at), owner, reason)
    _do(new, config, at, json=json, told="the breaker starts clean; new evidence trips it again")


def expect(
    circuit: Circuit,
    *,
    amount: Annotated[str, typer.Option(metavar="AMOUNT", help="The planned spend a day, in the monitor's currency.")],
    reason: Reason,
    length: For = None,
    end: Until = None,
    owner: Owner = None,
    at: common.AtOption = None,
    json: common.JsonOption = False,
    config: common.ConfigOption = None,
) -> None:
    """Announce planned spend.

    It is expected on top of the usual, and does not become the usual.
    """
    from cloudcircuit.config import parse_amount

    try:
        planned = parse_amount(amount)
    except ValueError as error:
        raise UsageError(f"--amount: {error}") from None
    now = common.moment(at)
    new = _act("expect", circuit, now, owner, reason, until=common.until(now, length, end), amount=planned)
    _do(new, config, at, json=json, told=f"{planned} a day more than usual is expected", must_exist=False)


def silence(
    circuit: Circuit,
    *,
    reason: Reason,
    length: For = None,
    end: Until = None,
    owner: Owner = None,
    at: common.AtOption = None,
    json: common.JsonOption = False,
    config: common.ConfigOption = None,
) -> None:
    """Send no messages for a while.

    What is judged and served stays as it is.
    """
    now = common.moment(at)
    new = _act("silence", circuit, now, owner, reason, until=common.until(now, length, end))
    _do(new, config, at, json=json, told="no messages are sent", must_exist=False)


def ack(
    circuit: Circuit,
    *,
    reason: Reason = "seen",
    noise: Annotated[bool, typer.Option("--noise", help="It was no matter worth an alert.")] = False,
    owner: Owner = None,
    at: common.AtOption = None,
    json: common.JsonOption = False,
    config: common.ConfigOption = None,
) -> None:
    """Acknowledge: somebody knows.

    Reminders stop, and what was anomalous may speak for what is normal. With source:NAME: the accounts that have
    vanished from a source were closed, and are no longer waited for.
    """
    new = _act("ack", circuit, common.moment(at), owner, reason, noise=noise)
    _do(new, config, at, json=json, told="acknowledged as noise" if noise else "acknowledged")


# --- doing it ---------------------------------------------------------------------------------------------


def _act(kind: str, match: str, at: datetime, owner: str | None, reason: str, **more: object) -> Act:
    name = common.owner_or_login(owner)
    return Act(f"act_{secrets.token_hex(8)}", kind, match, at, name, reason, **more)  # type: ignore[arg-type]


def _do(new: Act, path: Path | None, at: str | None, *, json: bool, told: str, must_exist: bool = True) -> None:
    """Record an act, let it take effect, and say on what and until when."""
    from cloudcircuit.service import operate
    from cloudcircuit.service.absent import names_source

    with common.looking(path, at) as (opened, _):
        circuits = _circuits(opened, new.match, must_exist=must_exist and not names_source(new.match))
        operate.act(opened.store, new)
        gone = []
        if new.kind == "clear":
            gone = operate.clear_orphans(opened.store, circuits, lambda name: opened.house.monitor(name) is not None)
        waits = not _take_effect(opened, new.at)
        if json:
            print_json({"act": new, "circuits": circuits, "forgotten": gone, "daemon": waits})
            return
        end = "" if new.until is None else f" until {moment(new.until, new.at.date())}"
        on = circuits[0] if len(circuits) == 1 else count(len(circuits), "circuit") if circuits else new.match
        lines = [f"{on}: {told}{end}"]
        lines += [f"{name} is forgotten: its monitor is gone from the configuration" for name in gone]
        lines += ["the daemon takes it up within a second"] if waits else []
        sys.stdout.write(harmless("\n".join(lines)) + "\n")


def _circuits(opened: Opened, match: str, *, must_exist: bool) -> list[str]:
    names = sorted({*opened.store.states(), *opened.store.damaged()})
    try:
        return common.select(names, match)
    except UsageError:
        if must_exist:
            raise
        return []


def _take_effect(opened: Opened, now: datetime) -> bool:
    """Decide and publish anew in the daemon's place when there is none; says whether it did."""
    from cloudcircuit.service.cycle import refresh
    from cloudcircuit.service.serve import decisions
    from cloudcircuit.stores import lock_holder

    if lock_holder(opened.config.daemon.state) is not None:
        return False
    try:
        opened.store.acquire(f"a command of process {os.getpid()}")
    except StateLocked:
        return False  # a daemon has just started
    refresh(opened.house, now)
    opened.open_publisher().publish(decisions(opened.house, now), now)
    return True
