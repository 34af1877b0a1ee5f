"""Whatever goes wrong below comes out as a StoreError that names the file and says what to do."""

from __future__ import annotations

import errno
import sqlite3

import pytest
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cloudcircuit import stores
from cloudcircuit.errors import Conflict, StateDamaged, StoreError
from cloudcircuit.stores.faults import translated
from cloudcircuit.stores.seal import seal

CODES = sorted(
    name
    for name in vars(sqlite3)
    if name.startswith("SQLITE_") and isinstance(getattr(sqlite3, name), int) and name.count("_") >= 1
)
"""Every code that the driver names."""

KINDS = {
    "SQLITE_CORRUPT": StateDamaged,
    "SQLITE_CORRUPT_INDEX": StateDamaged,
    "SQLITE_NOTADB": StateDamaged,
    "SQLITE_ERROR": StateDamaged,
    "SQLITE_READONLY_DBMOVED": StateDamaged,
    "SQLITE_CONSTRAINT_UNIQUE": Conflict,
    "SQLITE_CONSTRAINT_PRIMARYKEY": Conflict,
}


def an_error(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite puts it")
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize("name", [*CODES, "SQLITE_OF_LATER_DAYS", ""])
def test_every_error_of_sqlite_is_translated(name: str) -> None:
    expected = KINDS.get(name, KINDS.get("_".join(name.split("_")[:2]), StoreError))
    for error in (an_error(name), OperationalError("SELECT secret", {}, an_error(name))):
        with (
            pytest.raises(StoreError, match=r"^/var/state\.db .*as SQLite puts it") as caught,
            translated("/var/state.db"),
        ):
            raise error
        assert caught.value.__cause__ is error
        assert type(caught.value) is expected
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("SQLITE_BUSY", "another process holds it"),
        ("SQLITE_BUSY_SNAPSHOT", "another process holds it"),
        ("SQLITE_FULL", "the disk is full"),
        ("SQLITE_IOERR_FSYNC", "the disk reported an error"),
        ("SQLITE_READONLY_DIRECTORY", "read-only"),
        ("SQLITE_CANTOPEN", "see that the folder exists"),
        ("SQLITE_CORRUPT_VTAB", "restore a backup"),
        ("SQLITE_NOTADB", "not a CloudCircuit state: restore a backup"),
    ],
)
def test_the_common_ones_say_what_to_do(name: str, advice: str) -> None:
    with pytest.raises(StoreError, match=advice), translated("state"):
        raise an_error(name)


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_error_of_the_system_is_translated(number: int) -> None:
    with pytest.raises(StoreError, match=r"^/var/state\.db: \w+") as caught, translated("/var/state.db"):
        raise OSError(number, "as the system puts it", "/somewhere")
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize(
    "error",
    [
        PoolTimeout("no connection"),
        ArgumentError("of SQLAlchemy"),
        OverflowError("too large"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ],
)
def test_the_rest_is_translated(error: Exception) -> None:
    with pytest.raises(StoreError, match=r"^/var/state\.db ") as caught, translated("/var/state.db"):
        raise error
    assert caught.value.__cause__ is error


def test_a_bug_is_not_dressed_up_as_trouble_with_the_state() -> None:
    for error in (KeyError("x"), TypeError("y"), AssertionError("z")):
        with pytest.raises(type(error)), translated("state"):
            raise error


def test_parts_of_a_seal_do_not_run_together() -> None:
    seals = [
        seal("t", "ab", "c"),
        seal("t", "a", "bc"),
        seal("ta", "b", "c"),
        seal("t", "ab|c"),
        seal("t", b"ab", "c"),
        seal("t", "1"),
        seal("t", 1),
        seal("t", None),
        seal("t", "None"),
        seal("t", 1.0),
        seal("t"),
    ]
    assert len(set(seals)) == len(seals)
    assert all(len(each) == 32 for each in seals)


def test_the_package_has_what_it_names() -> None:
    assert {name for name in stores.__all__ if not hasattr(stores, name)} == set()
    with pytest.raises(AttributeError, match="has no attribute 'SqlStor'"):
        stores.SqlStor  # type: ignore[attr-defined]  # noqa: B018
