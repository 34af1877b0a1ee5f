"""What is read and what is not: folders, globs, links, half-written and hostile files."""

from __future__ import annotations

import gzip
import os
import threading
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from cloudcircuit.clock import Deadline
from cloudcircuit.model import ReportStatus, SpendQuery
from cloudcircuit_focus import Options
from cloudcircuit_focus.files import glob_pattern
from tests.focus.build import (
    OCTOBER,
    csv_text,
    fetch,
    open_source,
    refusal,
    row,
    total,
    without,
    write_csv,
    write_parquet,
)


@pytest.fixture
def bill(tmp_path: Path) -> Path:
    """A folder of partitions with three files, and what lies around in such folders."""
    write_csv(tmp_path / "bill/billing_period=2024-09/a.csv", [row("2024-09-05", cost="1")])
    write_csv(tmp_path / "bill/billing_period=2024-10/a.csv.gz", [row("2024-10-05", cost="2")])
    write_parquet(tmp_path / "bill/billing_period=2024-10/b.parquet", [row("2024-10-06", cost="4")])
    for name in ("manifest.json", "_SUCCESS", ".hidden.csv", "_temporary/x.csv", "c.csv.part", "d.CSV.tmp"):
        file = tmp_path / "bill/billing_period=2024-10" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("no bill")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "amount"),
    [
        ("bill", 6),
        ("bill/", 6),
        ("bill/billing_period=2024-10", 6),
        ("bill/billing_period=2024-10/b.parquet", 4),
        ("bill/*/*.csv.gz", 2),
        ("bill/**/*.parquet", 4),
        ("bill/**/b.*", 4),
        ("bill/billing_period=2024-1?", 6),
        ("bill/billing_period=2024-*/", 6),
        ("./bill/../bill", 6),
        (["bill/billing_period=2024-10/b.parquet", "bill/billing_period=2024-09"], 4),
        (["bill", "bill/billing_period=2024-10", "bill/*/b.parquet"], 6),
    ],
)
def test_files_folders_globs_and_lists(bill: Path, path: str | list[str], amount: int) -> None:
    assert total(fetch(bill, path=path)) == amount


def test_an_absolute_path_needs_no_root(bill: Path) -> None:
    assert total(fetch(Path("/nowhere"), path=str(bill / "bill"))) == 6


@pytest.mark.parametrize(
    ("glob", "path", "fits"),
    [
        ("*.csv", "a.csv", True),
        ("*.csv", "x/a.csv", False),
        ("**/*.csv", "a.csv", True),
        ("**/*.csv", "x/y/a.csv", True),
        ("x*/", "x1/a.csv", True),
        ("x*", "x1/y/a.csv", True),
        ("?.csv", "ab.csv", False),
        ("a.csv", "aXcsv", False),
        ("*", "a\nb.csv", True),
    ],
)
def test_globs(glob: str, path: str, fits: bool) -> None:
    assert bool(glob_pattern(glob.rstrip("/")).fullmatch(path)) is fits


@pytest.mark.parametrize("path", ["nowhere", "nowhere/*.csv", "nowhere/a.csv"])
def test_a_path_that_is_not_there(tmp_path: Path, path: str) -> None:
    error = refusal(tmp_path, path=path)
    assert error.permanent
    assert "there is no such file or folder" in str(error)


def test_a_folder_without_a_bill_may_get_one(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("soon")
    error = refusal(tmp_path)
    assert not error.permanent
    assert "no file to read: none of the names ends with .csv, .csv.gz, .parquet" in str(error)


@pytest.mark.parametrize(
    "name",
    ["a[1].csv", "*.csv", "q?.csv", "it's.csv", "new\nline.csv", "ü.csv", "back\\a.csv", "{a,b}.csv", "-x.csv"],
)
def test_hostile_file_names_are_names(tmp_path: Path, name: str) -> None:
    for index, file in enumerate([name, "other.csv", "a1.csv"]):
        write_csv(tmp_path / file, [row(cost=str(10**index))])
    assert total(fetch(tmp_path)) == 111
    assert total(fetch(tmp_path, path=name)) == 1
    (tmp_path / name).write_text("nonsense\n")
    assert str(refusal(tmp_path)).isprintable()


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.csv")).write_text(csv_text([row()]))
    assert "the name of the file is not UTF-8" in str(refusal(tmp_path))


# --- links and what is no file --------------------------------------------------------------------------


def test_a_link_inside_of_the_folder_adds_nothing(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [row()])
    (tmp_path / "0-latest.csv").symlink_to("a.csv")
    (tmp_path / "loop").symlink_to(".")
    assert total(fetch(tmp_path)) == 1


def test_a_mounted_folder_of_links_to_hidden_files(tmp_path: Path) -> None:
    write_csv(tmp_path / "..2024_10/a.csv", [row()])
    (tmp_path / "..data").symlink_to("..2024_10")
    (tmp_path / "a.csv").symlink_to("..data/a.csv")
    assert total(fetch(tmp_path)) == 1


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret.csv"])
def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    write_csv(tmp_path / "secret.csv", [row()])
    write_csv(tmp_path / "bill/a.csv", [row()])
    (tmp_path / "bill/b.csv").symlink_to(target)
    error = refusal(tmp_path, path="bill")
    assert error.permanent
    assert "bill/b.csv is a link that leads out of the configured folder" in str(error)


def test_a_linked_folder_is_no_way_out_either(tmp_path: Path) -> None:
    write_csv(tmp_path / "elsewhere/a.csv", [row()])
    write_csv(tmp_path / "bill/b.csv", [row(cost="2")])
    (tmp_path / "bill/more").symlink_to("../elsewhere")
    assert "bill/more is a link that leads out of the configured folder" in str(refusal(tmp_path, path="bill"))
    assert total(fetch(tmp_path, path="bill/*.csv")) == 2


def test_a_link_that_the_operator_names_is_followed(tmp_path: Path) -> None:
    write_csv(tmp_path / "elsewhere/a.csv", [row()])
    (tmp_path / "bill").symlink_to("elsewhere")
    (tmp_path / "bill.csv").symlink_to("elsewhere/a.csv")
    assert total(fetch(tmp_path, path="bill")) == total(fetch(tmp_path, path="bill.csv")) == 1


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to("gone.csv")
    assert "gone.csv is gone, or a link that leads nowhere" in str(refusal(tmp_path))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    assert "a.csv is not a regular file" in str(refusal(tmp_path))
    assert "a.csv is not a regular file" in str(refusal(tmp_path, path="a.csv"))


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/proc/self/mem"])
def test_devices_are_refused(tmp_path: Path, device: str) -> None:
    error = refusal(tmp_path, path=device)
    assert "is not a regular file" in str(error) or "is empty (0 bytes)" in str(error)


def test_what_the_system_refuses_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to("a.csv")
    error = refusal(tmp_path)
    assert error.permanent
    assert "a.csv cannot be read: Too many levels of symbolic links" in str(error)


# --- half-written, packed, empty ------------------------------------------------------------------------


def test_an_empty_file_is_still_being_written(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [row()])
    (tmp_path / "b.csv").touch()
    error = refusal(tmp_path)
    assert not error.permanent
    assert "b.csv is empty (0 bytes)" in str(error)


@pytest.mark.parametrize("newline", ["", "\n"])
def test_a_header_without_rows_is_no_data_not_zero(tmp_path: Path, newline: str) -> None:
    header = csv_text([row()]).splitlines()[0]
    (tmp_path / "a.csv").write_text(header + newline)
    report = fetch(tmp_path, "service")
    assert report.table.num_rows == 0
    assert (report.watermark, report.status) == (None, ReportStatus.SUSPICIOUS)
    assert report.notes == ("the files hold no rows: that is no data, not no spend",)


def test_empty_parts_beside_full_ones_harm_nothing(tmp_path: Path) -> None:
    header = csv_text([row()]).splitlines()[0]
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(header)
    write_csv(tmp_path / "c.csv", [row()])
    assert total(fetch(tmp_path)) == 1


@pytest.mark.parametrize("keep", [6, 100, -1])
def test_half_a_parquet_file(tmp_path: Path, keep: int) -> None:
    whole = write_parquet(tmp_path / "a.parquet", [row()]).read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[:keep])
    error = refusal(tmp_path)
    assert not error.permanent
    assert "a.parquet is no whole Parquet file: still being written, or cut off" in str(error)


def test_half_a_gzip_file(tmp_path: Path) -> None:
    rows = [row(cost=str(cost), RegionId=os.urandom(8).hex()) for cost in range(20_000)]
    whole = gzip.compress(csv_text(rows).encode())
    for keep in (15, len(whole) // 2):
        (tmp_path / "a.csv.gz").write_bytes(whole[:keep])
        assert not refusal(tmp_path).permanent


def test_a_zip_archive_is_refused_by_its_bytes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.csv", "w") as archive:
        archive.writestr("b.csv", csv_text([row()]))
    assert "a.csv is a zip archive" in str(refusal(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (csv_text([row()]).encode("utf-16"), "is UTF-16 text"),
        (b"\x00\x01\x02\x03" * 100, "is no text"),
        (b"Service\xe9,\n", "no CSV header in UTF-8"),
        (b"\n\n\n", "has no column"),
        (b'"' + b"x" * 200_000, "no CSV header"),
        (b"PAR1PAR1", "a.csv: "),
    ],
)
def test_files_of_another_kind(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    assert message in str(refusal(tmp_path))


def test_mixed_line_ends_are_refused_or_read_whole(tmp_path: Path) -> None:
    lines = csv_text([row("2024-10-04"), row("2024-10-05"), row("2024-10-06")]).splitlines()
    (tmp_path / "a.csv").write_bytes("\r\n".join(lines[:2]).encode() + b"\n" + "\r\n".join(lines[2:]).encode())
    assert "the files cannot be understood: Invalid Input Error: The CSV Parser" in str(refusal(tmp_path))


def test_too_many_bytes_are_refused_before_they_are_read(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [row()])
    with (tmp_path / "b.csv").open("wb") as sparse:
        sparse.truncate(60 * 10**9)
    error = refusal(tmp_path)
    assert error.permanent
    assert "more than max_size = 50,000,000,000" in str(error)


# --- what happens meanwhile -----------------------------------------------------------------------------


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [row()])
    write_csv(tmp_path / "old/b.csv", [row()])
    error = refusal(tmp_path)
    assert error.permanent
    assert str(error) == "a.csv and old/b.csv are the same, byte for byte; remove one"
    os.link(tmp_path / "a.csv", tmp_path / "hard link.csv")
    assert "are the same, byte for byte" in str(refusal(tmp_path, path=["a.csv", "hard link.csv"]))


def test_files_of_one_size_are_not_the_same(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [row(cost="1")])
    write_csv(tmp_path / "b.csv", [row(cost="2")])
    assert total(fetch(tmp_path)) == 3


def test_a_file_that_grows_while_it_is_read_is_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_csv(path, [row(f"2024-10-{day:02}") for day in range(1, 31)] * 3000)
    stop = threading.Event()

    def append() -> None:
        line = csv_text([row()]).splitlines()[1] + "\n"
        while not stop.wait(0.005):
            with path.open("a") as stream:
                stream.write(line)

    writer = threading.Thread(target=append)
    writer.start()
    try:
        error = refusal(tmp_path)
    finally:
        stop.set()
        writer.join()
    assert not error.permanent
    assert str(error) == "a.csv changed while it was read; try again"


def test_a_source_sees_new_files_and_forgets_removed_ones(tmp_path: Path) -> None:
    source = open_source(tmp_path)

    def ask() -> Decimal:
        return total(source.fetch(SpendQuery(*OCTOBER), Deadline(60)))

    write_csv(tmp_path / "a.csv", [row()])
    assert ask() == 1
    write_csv(tmp_path / "b.csv", [row("2024-10-07")])
    assert ask() == 2
    write_csv(tmp_path / "a.csv", without([row(cost="5")], "RegionId"))
    assert ask() == 6
    (tmp_path / "a.csv").unlink()
    assert ask() == 1
    source.close()


def test_many_files_of_many_layouts(tmp_path: Path) -> None:
    for index in range(300):
        more = {f"x_{index % 7}": "y"}
        write_csv(tmp_path / f"{index}.csv", [row(cost=str(index), **more)])
    assert total(fetch(tmp_path)) == sum(range(300))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"path": ""},
        {"path": []},
        {"path": "a\0b"},
        {"path": 5},
        {"path": "x", "delivery": "merge"},
        {"path": "x", "max_size": 0},
        {"path": "x", "memory": "1MB"},
        {"path": "x", "threads": "2"},
        {"path": "ftp://host/x"},
        {"path": "az://container/x"},
        {"path": "s3://bucket/x", "endpoint": "http://user:secret@host/path"},
        {"path": "x", "secret_access_key": "hunter2"},
    ],
)
def test_options_are_strict(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(options)


def test_sizes_are_written_with_units() -> None:
    options = Options.model_validate({"path": ["a", "b"], "max_size": "20GB", "memory": "256MiB"})
    assert (options.path, options.max_size, options.memory) == (("a", "b"), 20 * 10**9, 256 * 2**20)


def test_a_name_that_the_engine_cannot_be_told_is_an_error_not_a_gap(tmp_path: Path) -> None:
    write_csv(tmp_path / "back\\[x].csv", [row()])
    write_csv(tmp_path / "a.csv", [row(cost="2")])
    assert "a file could not be read" in str(refusal(tmp_path))
