"""Bounds: time, memory, disk, what is loaded, and how the engine's errors come out."""

from __future__ import annotations

import gzip
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import SpendQuery
from cloudcircuit_focus.duck import Session
from tests.focus.build import OCTOBER, csv_text, fetch, open_source, refusal, row, total, write_csv

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def spill(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go; nothing may be left there, whatever happened."""
    folder = tmp_path_factory.mktemp("spill")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session(100_000_000, 2, Deadline(30))
    yield session
    session.close()


@pytest.fixture
def bomb(tmp_path: Path) -> Path:
    """A small file that is a large one: some 400 MB of rows."""
    header, line = csv_text([row(ServiceName="x" * 200)]).splitlines(keepends=True)
    with gzip.open(tmp_path / "bomb.csv.gz", "wb", compresslevel=1) as stream:
        stream.write(header.encode())
        for _ in range(140):
            stream.write((line * 10_000).encode())
    return tmp_path


def test_a_reading_ends_at_its_deadline(bomb: Path) -> None:
    started = time.monotonic()
    with pytest.raises(AdapterError, match=r"reading the files took longer than 0\.5 s; nothing was taken") as caught:
        open_source(bomb).fetch(SpendQuery(*OCTOBER), Deadline(0.5))
    assert time.monotonic() - started < 3
    assert not caught.value.permanent


def test_a_deadline_that_has_passed_begins_nothing(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [row()])
    with pytest.raises(AdapterError, match="took longer"):
        open_source(tmp_path).fetch(SpendQuery(*OCTOBER), Deadline(0))
    with pytest.raises(AdapterError, match="took longer"):
        open_source(tmp_path).probe(Deadline(0))


def test_more_groups_than_memory_spill_and_add_up(tmp_path: Path) -> None:
    lines = csv_text([row(ResourceId="r")]).splitlines()
    with (tmp_path / "a.csv").open("w") as stream:
        stream.write(lines[0] + "\n")
        stream.writelines(f"{lines[1]}-{n:060}\n" for n in range(150_000))
    report = fetch(tmp_path, "resource", memory="128MB")
    assert report.table.num_rows == 150_000
    assert total(report) == Decimal(150_000)


def test_a_session_installs_and_loads_nothing(session: Session) -> None:
    for name in ("autoinstall_known_extensions", "autoload_known_extensions", "allow_persistent_secrets"):
        assert session.rows(f"SELECT CAST(current_setting('{name}') AS VARCHAR)") == [("false",)]


def test_a_session_thinks_in_utc(session: Session) -> None:
    assert session.rows("SELECT current_setting('TimeZone')") == [("UTC",)]


@pytest.mark.parametrize(
    ("statement", "message", "permanent"),
    [
        ("SELECT error('boom')", "the files cannot be understood: Invalid Input Error: boom", True),
        ("SELECT CAST('x' AS INTEGER)", "the files cannot be understood: Conversion Error", True),
        ("FROM read_csv('/nowhere.csv')", "a file could not be read: IO Error", False),
        (
            "SELECT sum(x) FROM (VALUES (9e19::DECIMAL(38,18)), (9e19::DECIMAL(38,18))) t(x)",
            "too large to add up",
            True,
        ),
        ("SELECT CAST(9223372036854775807 AS BIGINT) + 1", "too large to add up", True),
        ("SELECT list(range || repeat('x', 2000)) FROM range(1000000)", "raise `memory`", True),
    ],
)
def test_what_the_engine_says_becomes_an_adapter_error(
    session: Session, statement: str, message: str, permanent: bool
) -> None:
    with pytest.raises(AdapterError) as caught:
        session.rows(statement)
    assert message in str(caught.value)
    assert caught.value.permanent is permanent
    assert isinstance(caught.value.__cause__, duckdb.Error)


def test_no_folder_for_temporary_files_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [row()])
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    assert "no folder for temporary files" in str(refusal(tmp_path))


def test_naming_the_plugin_loads_neither_the_engine_nor_arrow() -> None:
    script = (
        "import sys, cloudcircuit_focus as f; print(f.plugin.name, *{'duckdb', 'pyarrow'}.intersection(sys.modules))"
    )
    command = [sys.executable, "-c", script]
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'adapters'}", "PATH": "/usr/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["focus"]
