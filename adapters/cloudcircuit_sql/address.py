"""Where a table is: the URL with what the driver needs beside it, and the table's name as the engine writes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from cloudcircuit.errors import AdapterError, CloudCircuitError
from cloudcircuit.model import Secret
from cloudcircuit_sql.engines import Engine, engine_of

CONNECT_TIMEOUT = 30
"""Seconds that connecting may take, where the driver can be told so; the deadline holds in any case."""

DEFAULT_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
"""What a URL without a driver means here: the driver that our extra brings."""

PLAIN = frozenset(
    (
        *("host", "port", "sslmode", "application_name", "connect_timeout", "options", "auth", "http_path"),
        *("catalog", "catalog_name", "schema", "database", "warehouse", "role", "work_group", "region_name"),
        *("s3_staging_dir", "mode", "uri"),
    )
)
"""What stands in the query of a URL and is no secret; anything else might be one."""


@dataclass(frozen=True)
class Address:
    """One table by one URL. `label` is how it is called in messages."""

    url: URL = field(repr=False)
    engine: Engine
    label: str
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.parts[-1]

    @property
    def schema(self) -> str | None:
        """The schema for reflection; where catalogs stand in front of it, the two."""
        return ".".join(self.parts[:-1]) or None

    @cached_property
    def dialect(self) -> Dialect:
        return self.url.get_dialect()()

    @property
    def quoted(self) -> str:
        quote = self.dialect.identifier_preparer.quote
        return ".".join(map(quote, self.parts))

    @property
    def source(self) -> TextClause:
        """The table to select from."""
        return text(self.quoted)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may show: passwords, tokens, and what else the URL says beside the host and the names."""
        given = [value for name, value in self.url.query.items() if name not in PLAIN]
        query = [part for value in given for part in ([value] if isinstance(value, str) else value)]
        user = [] if self.url.password else [self.url.username or ""]
        return tuple(part for part in (str(self.url.password or ""), *user, *query) if part)

    def connect_args(self, left: float) -> dict[str, Any]:
        """What tells the driver not to wait for ever, unless the URL says how long."""
        seconds = max(1, min(CONNECT_TIMEOUT, int(left)))
        args: dict[str, Any] = {name: seconds for name in self.engine.timeouts if name not in self.url.query}
        if self.url.get_driver_name() == "psycopg":
            # Of a server that is gone nothing is heard, and the kernel would wait for it for a quarter of an hour.
            args["tcp_user_timeout"] = max(1000, int(left * 1000))
        return args


def find(secret: Secret, name: str) -> Address:
    """Where the table is, by the URL as it is now. Raises AdapterError, which never says the URL."""
    url = _parse(secret)
    url = url.set(drivername=DEFAULT_DRIVERS.get(url.drivername, url.drivername))
    engine = engine_of(url.get_backend_name())
    parts = tuple(name.split("."))
    if len(parts) == 3 and engine.catalog != "schema":
        url, parts = _with_catalog(url, engine, parts[0]), parts[1:]
    address = Address(url, engine, name, parts)
    _check_driver(address)
    return address


def _parse(secret: Secret) -> URL:
    try:
        url = make_url(secret.reveal())
    except (ArgumentError, ValueError):
        raise _wrong_url(secret, "is no URL of a database") from None
    except CloudCircuitError as error:
        raise AdapterError(str(error), permanent=True) from error
    if "@" in (url.host or ""):
        raise _wrong_url(secret, "has an @ too many: in a user or a password it is written %40")
    return url


def _wrong_url(secret: Secret, what: str) -> AdapterError:
    return AdapterError(
        f"the URL in {secret.reference} {what}; it is like dialect+driver://user:password@host:port/database",
        permanent=True,
    )


def _with_catalog(url: URL, engine: Engine, catalog: str) -> URL:
    if not engine.catalog:
        message = f"{engine.label} knows no catalogs in names: write schema.table, and put the database into the URL"
        raise AdapterError(message, permanent=True)
    if engine.catalog == "database":
        return url.set(database=catalog)
    return url.update_query_dict({engine.catalog: catalog})


def _check_driver(address: Address) -> None:
    """Raises AdapterError when the dialect or the driver is not installed."""
    engine = address.engine
    way_out = f"pip install 'cloudcircuit[{engine.extra}]'" if engine.extra else "install it beside cloudcircuit"
    try:
        address.url.get_dialect().import_dbapi()
    except NoSuchModuleError as error:
        what = f"SQLAlchemy has no dialect for {address.url.drivername}:// here"
        raise AdapterError(f"{what}: {way_out}", permanent=True) from error
    except ImportError as error:
        what = f"the driver for {address.url.drivername}:// is not installed ({error.name or 'a module'} is missing)"
        raise AdapterError(f"{what}: {way_out}", permanent=True) from error
