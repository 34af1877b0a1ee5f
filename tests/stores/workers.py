"""What other processes do to a state. They are forked from a server that has loaded everything, and start at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from alembic import command  # noqa: F401  loaded ahead, so that creating a state is quick to begin
from sqlalchemy.dialects.sqlite import pysqlite  # noqa: F401  likewise

from cloudcircuit.errors import Conflict, StoreError
from cloudcircuit.model import BreakerState, CallCost
from cloudcircuit.stores import migrate, open_store, sqlite
from tests.stores.examples import a_transition

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.stores.workers"])

CIRCUIT = "production/AmazonEC2"


@contextmanager
def started(work: Callable[..., None], *args: Any) -> Iterator[tuple[Any, Connection]]:
    """A process that does the work, and the near end of its pipe. It is gone when the block ends."""
    near, far = _context.Pipe()
    process = _context.Process(target=work, args=(*args, far))
    process.start()
    far.close()
    try:
        yield process, near
    finally:
        process.kill()
        process.join()
        near.close()


def received(near: Connection, seconds: float = 20) -> Any:
    assert near.poll(seconds), "the other process said nothing"
    return near.recv()


def everything(near: Connection) -> list[Any]:
    """All that a dead process had said."""
    said = []
    with contextlib.suppress(EOFError):
        while True:
            said.append(near.recv())
    return said


def next_version(states: dict[str, BreakerState], circuit: str = CIRCUIT) -> int:
    return states[circuit].version + 1 if circuit in states else 1


def write_for_ever(path: Path, far: Connection) -> None:
    """Commit transitions, and say each version once it is stored."""
    store = open_store(path)
    while True:
        version = next_version(store.states())
        store.commit(a_transition(version))
        far.send(version)


def write_in_a_race(path: Path, rounds: int, far: Connection) -> None:
    """Commit so many transitions against others who do the same; say how often the race was lost."""
    store = open_store(path, busy_seconds=30)
    lost = 0
    while rounds:
        try:
            store.commit(a_transition(next_version(store.states())))
            rounds -= 1
        except Conflict:
            lost += 1
    far.send(lost)


def take_for_ever(path: Path, day: date, cost: CallCost, cap: Decimal | None, far: Connection) -> None:
    """Count calls until the cap, and say each once it is counted and could be made; None at the end."""
    store = open_store(path, busy_seconds=30)
    while store.take("aws", day, cost, cap):
        far.send(cost.requests)
    far.send(None)


def create(path: Path, far: Connection) -> None:
    far.send("begins")
    far.send(open_store(path).epoch)


def upgrade(path: Path, migrations: migrate.Migrations, far: Connection) -> None:
    far.send("begins")
    engine = sqlite.open_engine(path, 5)
    migrate.bring_up(engine, str(path), migrations)
    far.send("done")


def hold_the_daemon_lock(path: Path, far: Connection) -> None:
    store = open_store(path)
    store.acquire(f"pid {os.getpid()} on testhost since noon")
    far.send(os.getpid())
    far.recv()


def hold_the_database(path: Path, far: Connection) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    far.send("held")
    far.recv()


def open_as_nobody(path: Path, far: Connection) -> None:
    """Say how opening fails for a user without rights. Needs root."""
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    try:
        open_store(path)
        far.send(None)
    except StoreError as error:
        far.send(f"{type(error).__name__}: {error}")


def copy_over(source: Path, target: Path) -> None:
    """What `cp` does: the same file gets another content."""
    with source.open("rb") as reader, target.open("r+b") as writer:
        shutil.copyfileobj(reader, writer)
        writer.truncate()
