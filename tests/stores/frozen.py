"""A state as version 0001 of the schema left it, kept as SQL in `schema_0001.sql`.

`python -m tests.stores.frozen` writes it anew. Once a version with this schema is released, never again: states like
it are in the field from then on, and every later version must open them.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from cloudcircuit.model import Commit
from cloudcircuit.stores import open_store
from tests.stores.examples import a_delivery, a_source, a_state, a_statement, an_act, an_entry

FROZEN = Path(__file__).with_name("schema_0001.sql")
APPLICATION_ID = 0x43435374


def load_frozen(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FROZEN.read_text(encoding="utf-8"))
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
        store.close()
        with closing(sqlite3.connect(path)) as connection:
            FROZEN.write_text("\n".join(connection.iterdump()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _write()
