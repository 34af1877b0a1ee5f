"""Bringing a state to the schema of this version, by itself, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from cloudcircuit.errors import StateDamaged, StateNewer
from cloudcircuit.stores import schema


@dataclass(frozen=True, slots=True)
class Migrations:
    """A folder of Alembic scripts, and the revision that it leads to. Revisions are numbers of four digits."""

    folder: Path
    head: str


SHIPPED = Migrations(Path(__file__).with_name("migrations"), schema.HEAD)


def bring_up(engine: Engine, where: str, migrations: Migrations = SHIPPED) -> None:
    """Run the migrations that are missing; the write lock lets one process do it, and the others find it done.

    Raises StateNewer when the state has a revision that this version does not know.
    """
    with engine.begin() as conn:
        if _is_current(conn, where, migrations):
            return
    with engine.execution_options(writes=True).begin() as conn:
        if not _is_current(conn, where, migrations):
            upgrade(conn, migrations)


def upgrade(conn: Connection, migrations: Migrations = SHIPPED) -> None:
    """Run the migrations that are missing inside the connection's transaction."""
    from alembic import command  # takes a while to load, and is seldom needed
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations.folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    command.upgrade(config, "head")


def _is_current(conn: Connection, where: str, migrations: Migrations) -> bool:
    found = conn.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    revision = str(found[0]) if len(found) == 1 else ""
    if len(revision) != 4 or not revision.isdecimal() or revision < "0001":
        raise StateDamaged(f"{where} is damaged (its schema has no proper number): restore a backup")
    if revision > migrations.head:
        raise StateNewer(
            f"{where} was written by a newer version of CloudCircuit (schema {revision}; this version knows "
            f"{migrations.head}): run that version, or restore a backup made before the upgrade"
        )
    return revision == migrations.head
