"""`plan`: the bill before it is paid, beside a daemon, without a state, with sources that cannot tell."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cloudcircuit.cli.plan import _asked
from cloudcircuit.model import Grain, Match, SpendQuery
from cloudcircuit.stores import open_store
from tests.cli.terminal import Terminal
from tests.daemon.process import Place, make_place

STEPS = [
    ["costs of {service} services in {sub_account} accounts", 3, "0.03", 0, False],
    ["the day's query", 1, "0.0004", 2_000_000, False],
    ["thirteen months of history", 13, "0.13", 0, True],
]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = make_place(tmp_path)
    place.write("aws", "gcp", every="7h")
    place.scripts["aws"].say(plan=STEPS)
    place.scripts["gcp"].say(plan=STEPS[1:2])
    return place


def planned(place: Place, *arguments: str, code: int = 0) -> Any:
    done = place.command("plan", "--json", *arguments)
    assert (done.returncode, done.stderr) == (code, "")
    return json.loads(done.stdout)


def test_it_adds_up_readings_days_and_months(place: Place) -> None:
    answer = planned(place)
    aws = answer["sources"]["aws"]
    assert (aws["adapter"], aws["every"], aws["readings_a_day"]) == ("scripted", 25200, 4)
    assert aws["steps"][2] == {
        "what": "thirteen months of history",
        "cost": {"requests": 13, "dollars": "0.13", "bytes": 0},
        "once": True,
    }
    assert aws["costs"] == {
        "reading": {"requests": 4, "dollars": "0.0304", "bytes": 2_000_000},
        "first_reading": {"requests": 17, "dollars": "0.1604", "bytes": 2_000_000},
        "a_day": {"requests": 16, "dollars": "0.1216", "bytes": 8_000_000},
        "a_month": {"requests": 4 * 103, "dollars": "3.1312", "bytes": 206_000_000},  # 720 h / 7 h, rounded up
    }
    assert answer["total"]["a_day"] == {"requests": 20, "dollars": "0.1232", "bytes": 16_000_000}
    assert answer["total"]["first_readings"]["requests"] == 18
    (query,) = aws["queries"]
    assert query["dimensions"] == ["service"]


def test_people_read_it_as_tables_with_the_first_reading_apart(place: Place) -> None:
    out = place.command("plan").stdout
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "source aws scripted, read every 7h" in lines
    assert any(re.fullmatch(r"asked for each day from .+ to .+ by service", line) for line in lines)
    assert "reckoned with 40 services (assumed)" in lines
    for line in (
        "costs of 40 services in 20 accounts 3 $0.03",
        "the day's query 1 2.0 MB $0.0004",
        "thirteen months of history (the first time only) 13 $0.13",
        "a reading 4 2.0 MB $0.0304",
        "a day, 4 readings 16 8.0 MB $0.1216",
        "a month, 30 days 412 206 MB $3.13",
        "the first reading 17 2.0 MB $0.1604",
        "a day 20 16 MB $0.1232",
    ):
        assert line in lines
    assert "say it with --accounts and --services" in out
    assert "readings tried again after a failure" in out


def test_numbers_are_given_or_come_from_the_ledger_or_are_assumed(place: Place) -> None:
    given = planned(place, "--accounts", "3", "--services", "5", "--source", "aws")
    assert list(given["sources"]) == ["aws"]
    assert given["sources"]["aws"]["steps"][0]["what"] == "costs of 5 services in 3 accounts"
    assert place.command("run", "--once").returncode == 0
    read = planned(place, "--accounts", "3", "--source", "aws")["sources"]["aws"]
    assert read["sizes"] == {
        "sub_account": {"values": 3, "from": "given"},
        "service": {"values": 1, "from": "ledger"},
    }
    assert "reckoned with  1 service (in the ledger)" in place.command("plan", "--source", "aws").stdout
    assert "assumed" not in place.command("plan", "--source", "aws").stdout


def test_a_source_that_cannot_tell_says_so_in_its_place(place: Place) -> None:
    place.scripts["aws"].say(fail="the dry run was refused\x1b[31m [bold]", permanent=True)
    answer = planned(place, code=1)
    assert answer["sources"]["aws"]["error"].startswith("the dry run was refused")
    assert (answer["sources"]["aws"]["costs"], answer["sources"]["gcp"]["error"]) == (None, None)
    assert answer["total"]["a_day"]["requests"] == 4
    done = place.command("plan")
    assert done.returncode == 1
    assert "✘ what it costs is not known: the dry run was refused\N{REPLACEMENT CHARACTER}[31m [bold]" in done.stdout
    assert "a day, without aws" in done.stdout


@pytest.mark.parametrize(
    ("says", "error"),
    [
        ({"broken": "password=hunter2"}, "its adapter broke with ZeroDivisionError; this is a fault of the adapter"),
        ({"plan": [["?", 1, "NaN", 0, False]]}, "its adapter plans with a cost that is none"),
        ({"plan": [["?", 1, "-1", 0, False]]}, "its adapter plans with a cost that is none"),
        ({"plan": [["{nonsense}", 1, "1", 0, False]]}, "its adapter broke with KeyError"),
    ],
)
def test_an_adapter_that_is_broken_breaks_nothing_else(place: Place, says: dict[str, Any], error: str) -> None:
    place.scripts["aws"].say(**says)
    answer = planned(place, code=1)
    assert answer["sources"]["aws"]["error"].startswith(error)
    assert answer["sources"]["gcp"]["costs"]["reading"]["requests"] == 1


def test_a_source_that_hangs_is_not_waited_for(place: Place) -> None:
    place.write("aws", "gcp", timeout="1s")
    place.scripts["aws"].say(hang=True)
    answer = planned(place, code=1)
    assert "did not answer within its timeout" in answer["sources"]["aws"]["error"]
    assert answer["sources"]["gcp"]["error"] is None


def test_it_makes_no_state_and_reads_nothing(place: Place) -> None:
    planned(place)
    assert not place.state.parent.exists()
    assert place.scripts["aws"].fetches == 0


def test_it_works_beside_a_daemon_and_leaves_its_state_alone(place: Place) -> None:
    with place.daemon() as daemon:
        daemon.wait_for("cycle", source="aws")
        daemon.wait_for("cycle", source="gcp")
        answer = planned(place)
        assert answer["sources"]["aws"]["sizes"]["service"] == {"values": 1, "from": "ledger"}
        store = open_store(place.state, create=False)
        assert store.meter(datetime.now(UTC).date().replace(day=1)) == {}
        store.close()


def test_a_bill_that_is_free_says_no_more_than_its_bytes(terminal: Terminal) -> None:
    (terminal.folder / "bill.csv").write_bytes(b"x" * 1500)
    terminal.ok("init", "--bill", "bill.csv", "--budget", "4000", "--currency", "USD")
    answer = terminal.ok("plan")
    assert "read 1 file whole" in answer.out
    assert "1.5 kB" in answer.out
    for noise in ("assumed", "reckoned", "on top", "all sources"):
        assert noise not in answer.out


def test_an_unknown_source_is_wrong_usage(terminal: Terminal) -> None:
    terminal.ok("init")
    answer = terminal.run("plan", "--source", "bil")
    assert answer.code == 2
    assert "no source is called 'bil'; did you mean 'bill'?" in answer.err
    assert "there are: bill" in terminal.run("plan", "--source", "zzz").err
    assert terminal.run("plan", "--accounts", "0").code == 2


def test_what_a_source_is_asked_in_words() -> None:
    where = (Match("region", ("eu-*", "(none)")), Match("tag:team", ("a",), negate=True))
    start, end = datetime(2026, 9, 30, 15, tzinfo=UTC), datetime(2026, 11, 5, 15, tzinfo=UTC)
    query = SpendQuery(start, end, "Asia/Tokyo", dimensions=("service", "sub_account"), where=where)
    assert _asked(query) == (
        "each day from 1 October to 5 November by service, sub_account, "
        "where region is eu-* or (none) and tag:team is not a"
    )
    assert _asked(SpendQuery(start, end, "Asia/Tokyo", Grain.HOUR)) == "each hour from 1 October to 5 November in all"


def test_what_is_printed_of_a_filter_is_no_markup(terminal: Terminal) -> None:
    (terminal.folder / "bill.csv").write_bytes(b"x")
    terminal.ok("init", "--bill", "bill.csv")
    config = terminal.folder / "cloudcircuit.toml"
    config.write_text(config.read_text() + '\n[monitors.some]\nwhere = { "tag:[red]t" = "eu*" }\n')
    out = terminal.ok("plan").out
    assert "by service, tag:[red]t" in out
