"""The one place where what SQLAlchemy and the drivers raise becomes an AdapterError; no secret gets through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc

from cloudcircuit.errors import AdapterError
from cloudcircuit_sql.columns import printable

if TYPE_CHECKING:
    from cloudcircuit_sql.address import Address

PASSING: tuple[type[exc.SQLAlchemyError], ...] = (
    exc.OperationalError,
    exc.InterfaceError,
    exc.InternalError,
    exc.TimeoutError,
    exc.DisconnectionError,
    exc.ResourceClosedError,
)
"""What may well work the next time; the other errors of SQLAlchemy are about the statement, the table, or the URL."""

STATES = {
    "28": ("refuses the login: check user and password", True),
    "3D": ("has no such database", True),
    "3F": ("has no such schema", True),
    "42501": ("does not let this user read {table}: grant SELECT on it", True),
    "42P01": ("has no table {table} that this user can see", True),
    "42703": ("has no such column in {table}", True),
    "22": ("cannot compute with what stands in {table}", True),
    "57014": ("has cut the statement off: it took too long", False),
    "53": ("has no resources left for it now", False),
    "57": ("is not there for it now", False),
    "08": ("broke off the connection", False),
}
"""SQLSTATEs, whole or by their class: what is said, and whether somebody has to act."""

LOGIN, TABLE, GRANT = STATES["28"][0], STATES["42P01"][0], STATES["42501"][0]

WORDS = (
    (r"database \S+ does not exist|catalog \S+ not found", STATES["3D"][0], True),
    (r"password authentication|role \S+ does not exist|no pg_hba|username or password|login failed", LOGIN, True),
    (r"unauthori[sz]ed|authentication|access token|credentials|expiredtoken|unrecognizedclient|\b401\b", LOGIN, True),
    (r"(table|view|object|relation)\b.*(not[ _]found|does not exist|cannot be found)|no such table", TABLE, True),
    (r"(permission|access)[ _]?denied|not authorized|insufficient privileges|forbidden|\b403\b", GRANT, True),
    (r"overflow|out of range", STATES["22"][0], True),
    (r"throttl|too many|rate exceeded|quota|\b429\b|\b503\b", STATES["53"][0], False),
)
"""For drivers that tell no SQLSTATE: what their texts say, in lower case; the first that fits."""


def too_slow(allowed: float = 0.0) -> AdapterError:
    took = f"longer than {round(allowed, 1):g} s" if allowed else "too long"
    return AdapterError(f"asking the database took {took}; nothing was taken from the answer")


@contextmanager
def translated(address: Address) -> Iterator[None]:
    """Let only AdapterError out of the block."""
    try:
        yield
    except AdapterError:
        raise
    except Exception as error:
        raise translate(error, address) from error


def translate(error: Exception, address: Address) -> AdapterError:
    """An error of SQLAlchemy or of a driver, in the operator's words."""
    if isinstance(error, exc.NoSuchTableError):
        return _told("has no table {table} that this user can see", address, permanent=True)
    origin: Any = (isinstance(error, exc.StatementError) and error.orig) or error
    state = str(getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None) or "")
    for length in (5, 2):
        if state[:length] in STATES:
            words, permanent = STATES[state[:length]]
            return _told(words, address, origin, permanent=permanent)
    said = _said(origin).lower()
    for pattern, words, permanent in WORDS:
        if re.search(pattern, said):
            return _told(words, address, origin, permanent=permanent)
    return _told("failed", address, origin, permanent=_is_permanent(error))


def _is_permanent(error: Exception) -> bool:
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return False
    return isinstance(error, exc.SQLAlchemyError) and not isinstance(error, PASSING)


def _told(words: str, address: Address, origin: BaseException | None = None, *, permanent: bool) -> AdapterError:
    detail = f" ({_detail(origin, address)})" if origin is not None else ""
    return AdapterError(f"{address.engine.label} {words.format(table=address.label)}{detail}", permanent=permanent)


def _detail(origin: BaseException, address: Address) -> str:
    """What the driver itself says, on one line; only its name where it would give away a part of the URL."""
    name = type(origin).__name__
    said = _said(origin)
    if not said or any(secret in said for secret in address.secrets):
        return name
    return f"{name}: {printable(said, 200)}"


def _said(origin: BaseException) -> str:
    """The text of an error, on one line; of an answer of Spark the part that is meant for people."""
    status = getattr(origin.args[0], "status", None) if origin.args else None
    return " ".join(str(getattr(status, "errorMessage", None) or origin)[:2000].split())
