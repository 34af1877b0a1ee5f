"""What a reading will cost: said from the files' sizes, without opening one."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import CallCost, PlanStep, SpendQuery
from tests.focus.build import OCTOBER, open_source

QUERY = SpendQuery(*OCTOBER)


def test_a_reading_costs_the_bytes_of_all_files_and_no_dollars(tmp_path: Path) -> None:
    for name, size in (("a.csv", 1000), ("deep/b.parquet", 234), ("notes.txt", 99)):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"\xff" * size)  # no FOCUS file: whoever opened it would find that out
    plan = open_source(tmp_path).plan([QUERY], {}, Deadline(10))
    assert plan == [PlanStep("read 2 files whole", CallCost(bytes=1234))]


def test_one_file_is_one_and_each_query_reads_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x" * 10)
    plan = open_source(tmp_path).plan([QUERY, QUERY], {"service": 9}, Deadline(10))
    assert plan == [PlanStep("read 1 file whole", CallCost(bytes=20))]


def test_what_cannot_be_read_cannot_be_planned(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="no file to read"):
        open_source(tmp_path).plan([QUERY], {}, Deadline(10))
    (tmp_path / "a.csv").write_bytes(b"x")
    with pytest.raises(AdapterError, match="looking for the files took too long"):
        open_source(tmp_path).plan([QUERY], {}, Deadline(0))
