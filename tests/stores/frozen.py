"""States as each version of the schema left them, kept as SQL in `schema_NNNN.sql`.

`python -m tests.stores.frozen` writes that of the newest schema anew. Once a version with it is released, never again:
states like it are in the field from then on, and every later version must open them.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from cloudcircuit.model import CallCost, Commit
from cloudcircuit.stores import open_store, schema
from tests.stores.examples import NOW, a_delivery, a_source, a_state, a_statement, an_act, an_entry

APPLICATION_ID = 0x43435374


def frozen(revision: str) -> Path:
    return Path(__file__).with_name(f"schema_{revision}.sql")


def load_frozen(path: Path, revision: str = "0001") -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(frozen(revision).read_text(encoding="utf-8"))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        store = open_store(path)
        store.commit(
            Commit(
                statements=(a_statement(),),
                sources=(a_source(),),
                states=(a_state(), a_state("sandbox")),
                history=(an_entry(), an_entry("sandbox")),
                deliveries=(a_delivery(),),
            )
        )
        store.add_act(an_act())
        store.take("aws", NOW.date(), CallCost(3, Decimal("0.03"), 4096), None)
        store.close()
        with closing(sqlite3.connect(path)) as connection:
            frozen(schema.HEAD).write_text("\n".join(connection.iterdump()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _write()
