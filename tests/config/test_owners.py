"""The owners table: budgets, owners and channels by circuit."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from cloudcircuit.config import load
from cloudcircuit.errors import ConfigError
from cloudcircuit.model import BookRow, BudgetBook
from tests.config.registry import find

CONFIG = """
[sources.aws]
adapter = "fake"
path = "bill.csv"

[notifiers.ops]
type = "console"

[monitors.accounts]
currency = "USD"
per = ["sub_account", "tag:team"]
budgets = "owners.csv"
"""


def read(folder: Path, table: bytes) -> BudgetBook:
    (folder / "owners.csv").write_bytes(table)
    file = folder / "cc.toml"
    file.write_text(CONFIG)
    book = load(file, find).monitors[0].book
    assert book is not None
    return book


def test_a_table_as_spreadsheets_write_it(tmp_path: Path) -> None:
    book = read(
        tmp_path,
        b"\xef\xbb\xbfsub_account,tag:team,amount,currency,owner,channel,from\r\n"
        b'044455556666,"web, shop",2800.10,USD,Ann,ops,2026-07-01\r\n'
        b",,,,,,\r\n"
        b'044455556666 ,"web, shop",2500,,J\xc3\xbcrgen,,\r\n'
        b"\r\n"
        b"111122223333,(none),,,FinOps,ops,\r\n",
    )

    web = ("044455556666", "web, shop")
    assert book.file == "owners.csv"
    assert book.rows == {
        web: (
            BookRow(web, Decimal(2500), None, "Jürgen", None, date.min),
            BookRow(web, Decimal("2800.10"), "USD", "Ann", "ops", date(2026, 7, 1)),
        ),
        ("111122223333", None): (BookRow(("111122223333", None), None, None, "FinOps", "ops", date.min),),
    }


def test_the_newest_line_that_has_begun_holds(tmp_path: Path) -> None:
    book = read(
        tmp_path,
        b"amount,tag:team,sub_account,from\n20,web,1,2026-02-01\n10,web,1,2026-01-01\n",
    )

    def amount(on: date) -> Decimal | None:
        row = book.find(("1", "web"), on)
        return row.amount if row else None

    assert amount(date(2025, 12, 31)) is None
    assert amount(date(2026, 1, 31)) == 10
    assert amount(date(2026, 2, 1)) == 20
    assert book.find(("2", "web"), date(2026, 2, 1)) is None


def test_a_table_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "owners.csv").open("wb") as file:
        file.truncate(1 << 30)
    (tmp_path / "cc.toml").write_text(CONFIG)

    with pytest.raises(ConfigError, match=r'monitors\.accounts\.budgets: "owners\.csv" is larger than 16 MiB'):
        load(tmp_path / "cc.toml", find)


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    table = b'sub_account,tag:team,amount,owner\n\n1,web,10,"Ann"\n2,web,x,Ann\n3,"we\nb",10,Ann\n4,web,x,Ann\n'

    with pytest.raises(ConfigError) as caught:
        read(tmp_path, table)

    assert [problem.path for problem in caught.value.problems] == ["owners.csv:4", "owners.csv:5", "owners.csv:7"]


def test_two_monitors_may_share_a_table_whose_problems_are_told_once(tmp_path: Path) -> None:
    (tmp_path / "owners.csv").write_text("sub_account,tag:team,amount\n1,web,x\n")
    (tmp_path / "cc.toml").write_text(CONFIG + CONFIG[CONFIG.index("[monitors") :].replace("accounts", "again"))

    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "cc.toml", find)

    assert [problem.path for problem in caught.value.problems] == ["owners.csv:2"]


def test_ten_thousand_circuits(tmp_path: Path) -> None:
    lines = [f"{number:012d},web,{number + 1}.50" for number in range(10_000)]
    book = read(tmp_path, "\n".join(["sub_account,tag:team,amount", *lines]).encode())

    row = book.find(("000000009999", "web"), date(2026, 1, 1))
    assert len(book.rows) == 10_000
    assert row is not None
    assert row.amount == Decimal("10000.50")
