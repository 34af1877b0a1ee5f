"""What SQLAlchemy and drivers raise, and what is wrong before there is a connection: told in words of use."""

from __future__ import annotations

import inspect
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import psycopg.errors
import pytest
from sqlalchemy import exc

from cloudcircuit.clock import Deadline, FixedClock
from cloudcircuit.errors import AdapterError, ConfigError, Problem
from cloudcircuit.model import Secret
from cloudcircuit.ports import AdapterContext
from cloudcircuit.testing import MemoryMeter
from cloudcircuit_sql import Options, plugin
from cloudcircuit_sql.faults import translate
from tests.sql.build import AN_URL, NOW, PASSWORD, REFERENCE, question, refusal, where

# --- all that can be raised -----------------------------------------------------------------------------

ERRORS = [kind for _, kind in inspect.getmembers(exc, inspect.isclass) if issubclass(kind, Exception)]
PASSING = {
    *("OperationalError", "InterfaceError", "InternalError", "TimeoutError", "DisconnectionError"),
    *("ResourceClosedError", "DontWrapMixin"),
}


SHAPES: dict[type[Exception], tuple[Any, ...]] = {
    exc.CircularDependencyError: (f"a circle with {PASSWORD}", [], []),
    exc.UnsupportedCompilationError: (where().dialect.statement_compiler(where().dialect, None), str),
    exc.NoReferencedTableError: (f"nothing at {PASSWORD}", "charges"),
    exc.NoReferencedColumnError: (f"nothing at {PASSWORD}", "charges", "x"),
}
"""What the constructors of some want, beside a text."""


def make(kind: type[Exception]) -> Exception:
    if issubclass(kind, exc.StatementError):
        origin = RuntimeError(f"it broke at {PASSWORD}")
        before = () if issubclass(kind, exc.DBAPIError) else ("a text",)
        return kind(*before, f"SELECT '{PASSWORD}'", {"p": PASSWORD}, origin)  # type: ignore[call-arg]  # as each has it
    return kind(*SHAPES.get(kind, (f"postgresql://me:{PASSWORD}@db.example/billing",)))


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_each_error_of_sqlalchemy_is_told_without_secrets(kind: type[Exception]) -> None:
    error = translate(make(kind), where())
    assert str(error).startswith("PostgreSQL ")
    assert PASSWORD not in f"{error} {error!r}"
    assert "SELECT" not in str(error)
    passing = any(base.__name__ in PASSING for base in kind.__mro__) or not issubclass(kind, exc.SQLAlchemyError)
    assert error.permanent is not passing


STATES = [
    kind
    for _, kind in inspect.getmembers(psycopg.errors, inspect.isclass)
    if issubclass(kind, psycopg.Error) and kind.sqlstate
]


@pytest.mark.parametrize("kind", STATES, ids=lambda kind: kind.__name__)
def test_each_state_of_postgres_is_told(kind: type[psycopg.Error]) -> None:
    error = translate(exc.DBAPIError.instance("SELECT 1", {}, kind("on the server"), psycopg.Error), where())
    assert str(error).startswith("PostgreSQL ")
    assert "on the server" in str(error)


@pytest.mark.parametrize(
    ("kind", "words", "permanent"),
    [
        (psycopg.errors.InvalidPassword, "refuses the login", True),
        (psycopg.errors.InvalidCatalogName, "no such database", True),
        (psycopg.errors.InsufficientPrivilege, "grant SELECT", True),
        (psycopg.errors.UndefinedTable, "has no table focus.charges", True),
        (psycopg.errors.UndefinedColumn, "no such column", True),
        (psycopg.errors.NumericValueOutOfRange, "cannot compute", True),
        (psycopg.errors.QueryCanceled, "took too long", False),
        (psycopg.errors.TooManyConnections, "no resources", False),
        (psycopg.errors.AdminShutdown, "not there for it now", False),
        (psycopg.errors.ConnectionFailure, "broke off", False),
        (psycopg.errors.SyntaxError, "failed", True),
        (psycopg.errors.SerializationFailure, "failed", False),
    ],
)
def test_what_is_said_of_a_state(kind: type[psycopg.Error], words: str, permanent: bool) -> None:
    error = translate(exc.DBAPIError.instance("SELECT 1", {}, kind("x"), psycopg.Error), where())
    assert words in str(error)
    assert error.permanent is permanent


@pytest.mark.parametrize(
    ("said", "words", "permanent"),
    [
        ("TrinoUserError(name=TABLE_NOT_FOUND, message=\"Table 'x' does not exist\")", "no table", True),
        ('TrinoUserError(name=PERMISSION_DENIED, message="Access Denied: Cannot select")', "grant", True),
        ("error 401: b'Unauthorized'", "login", True),
        ("250001 (08001): Incorrect username or password was specified.", "login", True),
        ("002003 (42S02): Object 'CHARGES' does not exist or not authorized.", "no table", True),
        ("[TABLE_OR_VIEW_NOT_FOUND] The table or view `focus`.`x` cannot be found.", "no table", True),
        ("AccessDeniedException: User is not authorized to perform: athena:StartQueryExecution", "grant", True),
        ("ThrottlingException: Rate exceeded", "resources", False),
        ("UnrecognizedClientException: The security token included in the request is invalid", "login", True),
        ("HTTPSConnectionPool: Read timed out.", "failed", False),
    ],
)  # fmt: skip
def test_what_drivers_without_states_say(said: str, words: str, permanent: bool) -> None:
    error = translate(exc.OperationalError("SELECT 1", {}, RuntimeError(said)), where())
    assert words in str(error)
    assert error.permanent is permanent


def test_what_is_no_error_of_a_database_may_pass() -> None:
    assert not translate(ConnectionResetError("reset by peer"), where()).permanent
    assert "ConnectionResetError: reset by peer" in str(translate(ConnectionResetError("reset by peer"), where()))


@pytest.mark.parametrize("secret", [PASSWORD, "t0ken-of-mine", AN_URL])
def test_a_text_with_a_part_of_the_url_is_kept_back(secret: str) -> None:
    error = translate(RuntimeError(f"cannot reach {secret} now\x00\n"), where())
    assert str(error) == "PostgreSQL failed (RuntimeError)"


def test_a_text_from_outside_is_cut_and_printable() -> None:
    assert str(translate(RuntimeError("a\x1b[31m\nb" + "x" * 999), where())) == (
        "PostgreSQL failed (RuntimeError: a\N{REPLACEMENT CHARACTER}[31m b" + "x" * 192 + "…)"
    )


# --- before there is a connection -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "just words",
        f"postgresql://me:{PASSWORD}@@host/db",
        f"postgresql://me:half@{PASSWORD}@host/db",
        f"postgresql://me:{PASSWORD}@host:port/db",
        f"{PASSWORD}",
        f"://{PASSWORD}",
    ],
)
def test_a_wrong_url_is_never_shown(url: str) -> None:
    error = refusal(url, "charges")
    assert error.permanent
    assert f"the URL in {REFERENCE}" in str(error)
    assert PASSWORD not in repr(error)
    assert error.__cause__ is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense://host/db", "SQLAlchemy has no dialect for nonsense:// here: install it beside cloudcircuit"),
        ("mssql+pymssql://h/d", "the driver for mssql+pymssql:// is not installed (pymssql is missing)"),
        ("postgresql+none://h/d", "no dialect for postgresql+none:// here: pip install 'cloudcircuit[postgres]'"),
    ],
)
def test_what_is_not_installed_is_named(url: str, words: str) -> None:
    error = refusal(url, "charges")
    assert words in str(error)
    assert error.permanent


def test_a_missing_driver_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    error = refusal(AN_URL, "charges")
    assert "the driver for postgresql+psycopg:// is not installed" in str(error)
    assert "pip install 'cloudcircuit[postgres]'" in str(error)


def test_a_secret_that_is_not_there_is_told() -> None:
    def gone() -> str:
        raise ConfigError((Problem("sources.bill.url", "the secret 'env:DATABASE_URL' is not set, or empty"),))

    def secret(reference: str) -> Secret:
        return Secret(reference, gone)

    context = AdapterContext("bill", FixedClock(NOW), timedelta(0), Path(), MemoryMeter(), secret)
    adapter = plugin.open(Options(url=REFERENCE, table="charges"), context)
    with pytest.raises(AdapterError, match="is not set, or empty") as caught:
        adapter.fetch(question(), Deadline(5))
    assert caught.value.permanent


def test_a_catalog_where_there_is_none() -> None:
    error = refusal(AN_URL, "a.b.c")
    assert str(error) == "PostgreSQL knows no catalogs in names: write schema.table, and put the database into the URL"
