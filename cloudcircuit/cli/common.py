"""What commands share: their options, and how a configuration is found, loaded and opened."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from cloudcircuit.clock import SystemClock
from cloudcircuit.errors import UsageError

if TYPE_CHECKING:
    from datetime import timedelta

    from cloudcircuit.compose import Opened
    from cloudcircuit.config import Config
    from cloudcircuit.ports import Clock, Store

PLACES = (Path("cloudcircuit.toml"), Path("/etc/cloudcircuit/cloudcircuit.toml"))
"""Where a configuration is looked for when none is named."""

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="PATH", help=f"The configuration; else {PLACES[0]}, else {PLACES[1]}."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AtOption = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="As of this time (UTC): 2018-12-02, 2018-12-02T14:00.")
]


def find_config(given: Path | None) -> Path:
    """The configuration's file. Raises UsageError when none is named and none is there."""
    if given is not None:
        return given
    found = next((path for path in PLACES if path.exists()), None)
    if found is None:
        places = " nor ".join(str(path) for path in PLACES)
        raise UsageError(f"there is no {places}: name one with --config, or begin with `cloudcircuit init`")
    return found


def load(given: Path | None) -> Config:
    """The configuration. Raises ConfigError, UsageError."""
    from cloudcircuit import config, plugins

    return config.load(find_config(given), plugins.load)


@contextmanager
def opened(
    configuration: Config, *, clock: Clock | None = None, stdout: TextIO | None = None, create: bool = False
) -> Iterator[Opened]:
    """A configuration come to life, its sources on a leash. Raises StoreError."""
    from cloudcircuit.compose import open_house

    found = open_house(configuration, stdout=stdout or sys.stdout, clock=clock, create=create)
    try:
        yield on_leash(found)
    finally:
        found.close()


def on_leash(found: Opened) -> Opened:
    """The same, with sources that cannot hang the command."""
    from cloudcircuit.service.leash import Leash

    leash = Leash()
    sources = {name: leash.hold(source) for name, source in found.house.sources.items()}
    return replace(found, house=replace(found.house, sources=sources))


@contextmanager
def borrowed_state(configuration: Config) -> Iterator[Store]:
    """The state where there is one, else one in memory: nothing is created. Raises StoreError."""
    from cloudcircuit.stores import memory_store, open_store

    path = configuration.daemon.state
    with closing(memory_store() if _is_missing(path) else open_store(path, create=False)) as store:
        yield store


def _is_missing(path: Path) -> bool:
    """Whether nothing is there, for sure: what cannot be looked at may be there."""
    try:
        path.lstat()
    except OSError as error:
        return isinstance(error, FileNotFoundError)
    return False


@contextmanager
def looking(given: Path | None, at: str | None) -> Iterator[tuple[Opened, datetime]]:
    """The state for reading, and the time to read it at. Raises StateNewer when it has seen a later time."""
    from cloudcircuit.service.steady import refuse_newer

    now = moment(at)
    with opened(load(given)) as found:
        if at is not None:
            refuse_newer(found.store, now)
        yield found, now


def owner_or_login(given: str | None) -> str:
    """Who does this: the one named, else the login name. Raises UsageError when nobody is known."""
    if given is not None:
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise UsageError("say who does this: --owner NAME") from None


# --- time -------------------------------------------------------------------------------------------------


def moment(text: str | None) -> datetime:
    """A time as people write it: a date is its midnight in UTC, and a time without a zone is in UTC. None is now."""
    if text is None:
        return SystemClock().now()
    try:
        return datetime.combine(date.fromisoformat(text), time(), tzinfo=UTC)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no time; write 2018-12-02 or 2018-12-02T14:00 (UTC)") from None


def until(at: datetime, length: str | None, end: str | None) -> datetime | None:
    """When something ends: `--for` a length from now, or `--until` a time. Raises UsageError."""
    if length is not None and end is not None:
        raise UsageError("say --for or --until, not both")
    if length is not None:
        return at + parse_length(length)
    return None if end is None else moment(end)


def parse_length(text: str) -> timedelta:
    from cloudcircuit.config import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{text!r}: {error}") from None


# --- names ------------------------------------------------------------------------------------------------


def select(names: Iterable[str], match: str) -> list[str]:
    """The circuits of this very name, else those that the glob fits. Raises UsageError, with a suggestion."""
    from cloudcircuit.model import glob_regex

    known = list(names)
    if match in known:
        return [match]
    found = [name for name in known if glob_regex(match).fullmatch(name)]
    if not found:
        raise UsageError(unknown(match, known))
    return found


def unknown(match: str, known: Iterable[str]) -> str:
    """That no circuit is called so, and which one was probably meant."""
    names = list(known)
    return f"no circuit is called {match!r}{_meant(match, names)}"


def _meant(match: str, known: list[str]) -> str:
    lower = {name.lower(): name for name in known}
    last = {name.lower().rpartition("/")[2]: name for name in known}
    close = get_close_matches(match.lower(), [*lower, *last], n=1)
    if close:
        return f"; did you mean {(lower | last)[close[0]]!r}?"
    return "; `cloudcircuit status` lists them" if known else ": the state knows none yet"
