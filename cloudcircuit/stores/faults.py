"""The one place where what the database, the driver and the system raise becomes a StoreError."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cloudcircuit.errors import StateDamaged, StoreError
from cloudcircuit.stores import sqlite
from cloudcircuit.stores.files import naming


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Let only StoreError (and what is a bug) out of the block; `where` names the file."""
    try:
        with naming(where):
            yield
    except DBAPIError as error:
        raise sqlite.explain(error.orig or error, where) from error
    except sqlite3.Error as error:
        raise sqlite.explain(error, where) from error
    except PoolTimeout as error:
        raise StoreError(f"{where} is busy: all connections of this process are in use; try again") from error
    except SQLAlchemyError as error:
        raise StoreError(f"{where} failed: {type(error).__name__}") from error
    except UnicodeDecodeError as error:  # in a message of SQLite about what it found
        raise StateDamaged(f"{where} is damaged: restore a backup") from error
    except (UnicodeEncodeError, OverflowError) as error:  # a lone surrogate in a name; a number beyond 64 bits
        raise StoreError(f"{where} cannot hold a value: {error}") from error
