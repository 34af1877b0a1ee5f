"""A first configuration, and looking it over."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal

BILL = Path(__file__).parent.parent.parent / "examples" / "aws-2018-10-11.csv"


@pytest.fixture
def bill(terminal: Terminal) -> Terminal:
    shutil.copy(BILL, terminal.folder / "bill.csv")
    return terminal


def test_init_writes_what_loads_and_runs(bill: Terminal) -> None:
    answer = bill.ok("init", "--bill", "bill.csv", "--budget", "4000", "--currency", "usd")
    assert "wrote cloudcircuit.toml" in answer.out
    assert bill.ok("check").out == "✔ cloudcircuit.toml: 1 source, 2 monitors, 1 channel\n"
    assert "state/cloudcircuit.db" in bill.ok("run", "--at", "2018-10-20").out
    assert bill.ok("status", "account", "--json", "--at", "2018-10-20").json["circuits"][0]["budget"] == "4000"


def test_init_takes_slack_and_never_a_secret(bill: Terminal) -> None:
    refused = bill.run("init", "--bill", "bill.csv", "--slack", "https://hooks.slack.com/services/T/B/hunter2")
    assert refused.code == 1
    assert "env:NAME" in refused.err
    assert "hunter2" not in refused.err
    assert not (bill.folder / "cloudcircuit.toml").exists()
    bill.ok("init", "--bill", "bill.csv", "--slack", "env:SLACK_WEBHOOK_URL")
    assert "2 channels" in bill.ok("check").out


def test_init_overwrites_nothing_and_leaves_nothing_behind(bill: Terminal) -> None:
    (bill.folder / "cloudcircuit.toml").write_text("mine")
    assert bill.run("init").code == 2
    assert (bill.folder / "cloudcircuit.toml").read_text() == "mine"
    refused = bill.run("init", "--budget", "4,000", "-o", "other.toml")
    assert refused.code == 1
    assert "monitors.account.budget.amount" in refused.err
    assert 'write "4000"' in refused.err
    assert sorted(path.name for path in bill.folder.iterdir()) == ["bill.csv", "cloudcircuit.toml"]


def test_init_says_where_it_cannot_write(bill: Terminal) -> None:
    answer = bill.run("init", "-o", "no/such/folder.toml")
    assert answer.code == 2
    assert "cannot be written" in answer.err


@pytest.mark.parametrize("path", ['we"ird\\bill.csv', "bill with spaces.csv", "bïll.csv"])
def test_a_bill_may_be_called_anything(bill: Terminal, path: str) -> None:
    shutil.copy(BILL, bill.folder / path)
    bill.ok("init", "--bill", path)
    bill.ok("check", "--live")


def test_a_relative_bill_is_found_from_where_the_answer_was_given(bill: Terminal) -> None:
    (bill.folder / "etc").mkdir()
    bill.ok("init", "--bill", "bill.csv", "-o", "etc/cc.toml")
    bill.ok("check", "--live", "-c", "etc/cc.toml")


def test_check_live_shows_what_a_source_can_see(bill: Terminal) -> None:
    bill.ok("init", "--bill", "bill.csv")
    out = bill.ok("check", "--live").out
    assert "charges from 1 October 2018" in out
    assert "in USD" in out
    assert "console: writes to" in out
    live = bill.ok("check", "--live", "--json").json
    assert live["ok"]
    assert [(answer["kind"], answer["name"]) for answer in live["live"]] == [("source", "bill"), ("channel", "console")]


def test_check_live_fails_where_anything_fails(bill: Terminal) -> None:
    bill.ok("init", "--bill", "bill.csv", "--slack", "env:CLOUDCIRCUIT_NOT_SET")
    (bill.folder / "bill.csv").unlink()
    answer = bill.run("check", "--live")
    assert answer.code == 1
    assert answer.out.count("✘") == 2
    assert "CLOUDCIRCUIT_NOT_SET" in answer.out
    assert re.search(r"✔ +channel +console", answer.out)
    assert not bill.run("check", "--live", "--json").json["ok"]


def test_check_live_sees_money_that_no_monitor_would_judge(bill: Terminal) -> None:
    bill.ok("init", "--bill", "bill.csv")
    config = bill.folder / "cloudcircuit.toml"
    config.write_text(config.read_text().replace('currency = "USD"', 'currency = "EUR"'))
    answer = bill.run("check", "--live")
    assert answer.code == 1
    assert "is in EUR, and this source charges in USD" in answer.out
    fx = '[[fx]]\ncurrency = "USD"\ninto = "EUR"\nrate = "0.9"\nfrom = 2018-01-01\n'
    config.write_text(f"{config.read_text()}\n{fx}")
    bill.ok("check", "--live")


def test_check_names_every_problem_with_its_key(bill: Terminal) -> None:
    (bill.folder / "cloudcircuit.toml").write_text('[sources.a]\nadapter = "focsu"\n[monitors.m]\nbugdet = 3\n')
    answer = bill.run("check")
    assert answer.code == 1
    for words in ("sources.a", 'did you mean "focus"', "monitors.m.bugdet", "notifiers"):
        assert words in answer.err, words
    problems = bill.run("check", "--json").json["problems"]
    assert {"monitors.m.bugdet", "notifiers"} <= {problem["path"] for problem in problems}
