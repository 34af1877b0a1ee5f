"""States of earlier versions open; the shipped scripts lead to what the code expects."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from cloudcircuit.errors import StoreError
from cloudcircuit.model import CallCost, Grain
from cloudcircuit.stores import migrate, open_store, schema, sqlite
from tests.stores.examples import DAY, NOW, a_delivery, a_source, a_state, a_statement, a_transition, an_act, an_entry
from tests.stores.frozen import frozen, load_frozen


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_a_state_of_an_earlier_schema_opens_and_goes_on(tmp_path: Path, revision: str) -> None:
    path = tmp_path / "state.db"
    load_frozen(path, revision)
    store = open_store(path, create=False)
    assert store.states() == {"production/AmazonEC2": a_state(), "sandbox": a_state("sandbox")}
    assert store.damaged() == ()
    assert store.sources() == {"aws": a_source()}
    assert store.statements("aws", Grain.DAY, NOW.date(), NOW.date() + DAY) == [a_statement()]
    assert [(entry.seq, entry.subject) for entry in store.history()] == [(1, an_entry().subject), (2, "sandbox")]
    assert store.due(NOW) == [a_delivery()]
    assert store.acts() == [an_act()]
    assert store.newest() == NOW
    store.commit(a_transition(2))
    assert [entry.seq for entry in store.history()] == [1, 2, 3]
    store.close()


def test_calls_are_counted_on_a_state_that_had_no_meter(tmp_path: Path) -> None:
    load_frozen(tmp_path / "state.db", "0001")
    store = open_store(tmp_path / "state.db", create=False)
    assert store.meter(date.min) == {}
    assert store.take("aws", NOW.date(), CallCost(1), None)
    assert store.meter(date.min) == {"aws": {NOW.date(): CallCost(1)}}
    store.close()


def test_what_was_counted_is_still_known(tmp_path: Path) -> None:
    load_frozen(tmp_path / "state.db", "0002")
    store = open_store(tmp_path / "state.db", create=False)
    assert store.meter(date.min) == {"aws": {NOW.date(): CallCost(3, Decimal("0.03"), 4096)}}
    store.close()


def test_every_schema_that_there_was_is_frozen() -> None:
    scripts = (migrate.SHIPPED.folder / "versions").glob("v????_*.py")
    assert all(frozen(script.name[1:5]).exists() for script in scripts)


def test_the_newest_script_is_the_one_that_the_code_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.SHIPPED.folder))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert revisions[0] == schema.HEAD
    assert revisions == sorted(revisions, reverse=True)
    assert revisions[-1] == "0001"


def test_the_scripts_make_the_tables_that_the_code_expects() -> None:
    by_scripts, by_code = sqlite.open_engine(None, 5), sqlite.open_engine(None, 5)
    with by_scripts.begin() as conn:
        migrate.upgrade(conn)
        made = _shape(conn)
        assert MigrationContext.configure(conn).get_current_revision() == schema.HEAD
    with by_code.begin() as conn:
        schema.metadata.create_all(conn)
        assert _shape(conn) == {name: table for name, table in made.items() if name != "alembic_version"}
    by_scripts.dispose()
    by_code.dispose()


def _shape(conn: Connection) -> dict[str, str]:
    found = conn.exec_driver_sql(
        "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    )
    return {name: " ".join(sql.split()) for name, sql in found}


def test_a_state_that_is_current_is_opened_without_writing_to_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    open_store(path).close()
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    open_store(path).close()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path, folder = tmp_path / "state.db", tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for name in ("env.py", "versions/v0001_first.py"):
        (folder / name).write_text((migrate.SHIPPED.folder / name).read_text())
    script = 'from alembic import op\nrevision = "0002"\ndown_revision = "0001"\ndef upgrade():\n'
    (folder / "versions" / "v0002_bad.py").write_text(
        script + '    op.execute("DELETE FROM breakers")\n    op.execute("DELETE FROM nowhere")\n'
    )
    load_frozen(path)
    engine = sqlite.open_engine(path, 5)
    with pytest.raises(Exception, match="no such table: nowhere"):
        migrate.bring_up(engine, str(path), migrate.Migrations(folder, "0002"))
    engine.dispose()
    store = open_store(path)
    assert set(store.states()) == {"production/AmazonEC2", "sandbox"}
    store.close()


def test_going_back_is_refused_with_the_way_out() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.SHIPPED.folder))
    config.set_main_option("path_separator", "os")
    for script in ScriptDirectory.from_config(config).walk_revisions():
        with pytest.raises(StoreError, match="restore a backup made before"):
            script.module.downgrade()
