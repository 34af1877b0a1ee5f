"""The one user of DuckDB: a connection for one reading, bounded in memory, disk and time, that installs nothing."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from cloudcircuit.errors import AdapterError
from cloudcircuit.ports import Deadline
from cloudcircuit_focus.columns import Column, Kind
from cloudcircuit_focus.expressions import identifier
from cloudcircuit_focus.files import printable

if TYPE_CHECKING:
    import pyarrow as pa
    from fsspec import AbstractFileSystem

Settings = dict[str, str | int | float | list[str]]

SETTINGS: Settings = {
    "max_temp_directory_size": "10GB",
    "preserve_insertion_order": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_persistent_secrets": False,
    "python_enable_replacements": False,
}
"""Nothing is fetched from anywhere, nothing is read from a home folder, and a query cannot fill a disk."""

KINDS = {
    "varchar": Kind.TEXT,
    "enum": Kind.TEXT,
    "date": Kind.TIME,
    "double": Kind.DOUBLE,
    "float": Kind.FLOAT,
    "map": Kind.MAP,
    "struct": Kind.STRUCT,
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint", "hugeint", "decimal"), Kind.NUMBER),
    **dict.fromkeys(("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"), Kind.NUMBER),
}
"""The engine's types by what can be read from them; those that begin with `timestamp` are times."""

PAIR_FIELDS = (("key", "value"), ("Key", "Value"), ("name", "value"), ("Name", "Value"))


class Session:
    """One connection. Every method raises AdapterError and nothing else; `close` leaves nothing behind."""

    def __init__(self, memory: int, threads: int, deadline: Deadline) -> None:
        self._deadline = deadline
        self._allowed = deadline.left()
        self.check()
        try:
            self._spill = tempfile.TemporaryDirectory(prefix="cloudcircuit-focus-", ignore_cleanup_errors=True)
        except OSError as error:
            raise AdapterError(f"no folder for temporary files: {error.strerror}") from error
        own: dict[str, str | int | float | list[str]] = {
            "memory_limit": f"{memory}B",
            "threads": threads,
            "temp_directory": self._spill.name,
        }
        try:
            self._connection = duckdb.connect(config={**SETTINGS, **own})
        except duckdb.Error as error:
            raise _translated(error) from error
        try:
            self.rows("SET TimeZone = 'UTC'")
        except AdapterError:
            self.close()
            raise

    def close(self) -> None:
        self._connection.close()
        self._spill.cleanup()

    def check(self) -> None:
        """Raises AdapterError when the deadline has passed."""
        if self._deadline.expired:
            raise self._too_slow()

    def attach(self, filesystem: AbstractFileSystem) -> None:
        """Read object stores through this."""
        self._connection.register_filesystem(filesystem)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self._bounded():
            return self._connection.execute(statement).fetchall()

    def table(self, statement: str) -> pa.Table:
        with self._bounded():
            return self._connection.sql(statement).to_arrow_table()

    def columns(self, statement: str) -> tuple[list[str], list[Column]]:
        """The names and columns that a statement gives, without running it."""
        with self._bounded():
            relation = self._connection.sql(statement)
            names = list(relation.columns)
            return names, [_column(name, kind) for name, kind in zip(names, relation.types, strict=True)]

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """Interrupt at the deadline, and say what went wrong in the house's words: the one translation."""
        self.check()
        timer = threading.Timer(self._deadline.left(), self._connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        except duckdb.InterruptException as error:
            raise self._too_slow() from error
        except duckdb.Error as error:
            raise _translated(error) from error
        except OSError as error:
            raise AdapterError(f"a file could not be read: {printable(str(error), 300)}") from error
        finally:
            timer.cancel()

    def _too_slow(self) -> AdapterError:
        return AdapterError(
            f"reading the files took longer than {round(self._allowed, 1):g} s; nothing was taken from them"
        )


def _translated(error: duckdb.Error) -> AdapterError:
    first = printable(str(error).partition("\n")[0], 300)
    if isinstance(error, duckdb.OutOfMemoryException):
        message = f"reading the files takes more memory or disk than allowed; raise `memory` ({first})"
        return AdapterError(message, permanent=True)
    if isinstance(error, duckdb.IOException):
        return AdapterError(f"a file could not be read: {first}")
    if isinstance(error, duckdb.OutOfRangeException):
        return AdapterError(f"the amounts are too large to add up: {first}", permanent=True)
    return AdapterError(f"the files cannot be understood: {first}", permanent=True)


def _column(name: str, type: Any) -> Column:
    kind = Kind.TIME if type.id.startswith("timestamp") else KINDS.get(type.id, Kind.OTHER)
    keys: tuple[str, ...] = ()
    if kind is Kind.STRUCT:
        keys = tuple(field for field, _ in type.children)
    elif type.id == "list" and type.children[0][1].id == "struct":
        fields = {field for field, _ in type.children[0][1].children}
        keys = next((pair for pair in PAIR_FIELDS if fields.issuperset(pair)), ())
        kind = Kind.PAIRS if keys else Kind.OTHER
    return Column(identifier(name), kind, str(type), keys)
