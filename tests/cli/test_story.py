"""What people read about a circuit, from a bill that is made for it."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from cloudcircuit.cli import show
from cloudcircuit.model import circuit_id
from tests.cli.terminal import Terminal
from tests.daemon.fake import Script, flat_days, install

LAST = date(2026, 3, 20)
EVIL = "evil\x1b[31m\x9b[bold]x[/bold]\u202e"

CONFIG = """\
[sources.bill]
adapter = "scripted"
script = "bill.json"
[notifiers.console]
type = "console"
[monitors.services]
per = ["service"]
currency = "USD"
mode = "enforce"
{more}
"""

SPIKE = 'anomaly = { method = "spike" }'


class Shop(Terminal):
    """A terminal beside a bill: services that cost the same each day, until a test says otherwise."""

    @property
    def script(self) -> Script:
        return Script(self.folder / "bill.json")

    def set_up(
        self, services: dict[str, str], changed: dict[str, dict[str, str]] | None = None, more: str = ""
    ) -> None:
        days = flat_days(LAST, 30, services)
        for day, cells in (changed or {}).items():
            days[day] = {**days[day], **cells}
        self.script.say(days=days)
        (self.folder / "cloudcircuit.toml").write_text(
            CONFIG.format(more=more if "anomaly" in more else f"{SPIKE}\n{more}")
        )

    def run_through(self, first: date, last: date) -> None:
        self.ok("run", "--from", first.isoformat(), "--to", last.isoformat())


@pytest.fixture
def shop(tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Shop:
    install(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return Shop(terminal.folder, terminal.capsys)


def test_an_open_breaker_says_what_closes_it(shop: Shop) -> None:
    shop.set_up({"EC2": "100"}, {"2026-03-17": {"EC2": "500"}, "2026-03-18": {"EC2": "700"}})
    shop.run_through(date(2026, 3, 16), date(2026, 3, 19))
    story = shop.ok("explain", "services/EC2", "--at", "2026-03-19").out
    for words in (
        "decision  block",
        "the breaker is open after failing periods in a row (breaker_open)",
        "open; 2 failing days in a row of 2 that open it",
        "failing: 17 March, 18 March",
        "half-open from 21 March 00:00 UTC on; then one day after 18 March that settles decides",
        "18 March cost $700.00",
        "expected $100.00; found unusual above $150.00; excess $600.00",
        "kept out as anomalous until acknowledged or old enough: 17 March",
    ):
        assert words in story, (words, story)
    assert shop.run("decide", "services/EC2", "--at", "2026-03-19").code == 20
    assert "block" in shop.ok("status", "--open", "--at", "2026-03-19").out
    shop.script.say(days={day: {"EC2": "700"} for day in ("2026-03-17", "2026-03-18")})  # nothing newer settles
    shop.run_through(date(2026, 3, 20), date(2026, 3, 21))
    assert shop.run("decide", "services/EC2", "--at", "2026-03-21").code == 10
    story = shop.ok("explain", "services/EC2", "--at", "2026-03-21").out
    assert "half-open; " in story
    assert "that settles decides: closed if it passes" in story


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('anomaly = { method = "mad" }', "mad: above the median by 3.5 deviations"),
        ('anomaly = { method = "percentile" }', "percentile: above the 95% mark"),
        ("anomaly = false\nburn_rate = true", "burn rate: hot from 1.4 times the mean on"),
    ],
)
def test_the_rule_is_told_as_it_is_configured(shop: Shop, more: str, words: str) -> None:
    shop.set_up({"EC2": "100"}, more=more)
    shop.ok("run", "--at", "2026-03-19")
    assert words in shop.ok("explain", "services/EC2", "--at", "2026-03-19").out


def test_a_short_history_is_told(shop: Shop) -> None:
    shop.set_up({"EC2": "100"})
    shop.script.say(days=flat_days(LAST, 3, {"EC2": "100"}))
    shop.ok("run", "--at", "2026-03-20")
    assert "too short a history" in shop.ok("explain", "services/EC2", "--at", "2026-03-20").out


def test_a_damaged_row_is_shown_and_stays_strict(shop: Shop) -> None:
    shop.set_up({"EC2": "100", "S3": "5"})
    shop.ok("run", "--at", "2026-03-19")
    with sqlite3.connect(shop.folder / "state" / "cloudcircuit.db") as state:
        state.execute("update breakers set body = replace(body, 'closed', 'clozed') where circuit = 'services/EC2'")
    answer = shop.run("decide", "services/EC2", "--at", "2026-03-19")
    assert answer.code == 20
    assert "damaged" in answer.out
    assert "state damaged" in shop.ok("status", "--at", "2026-03-19").out
    assert "damaged" in shop.ok("explain", "services/EC2", "--at", "2026-03-19").out
    assert shop.run("decide", "services/S3", "--at", "2026-03-19").code == 0


@pytest.mark.parametrize("tty", [False, True])
def test_names_out_of_a_bill_move_no_cursor(shop: Shop, monkeypatch: pytest.MonkeyPatch, tty: bool) -> None:
    shop.set_up({EVIL: "100"}, {"2026-03-18": {EVIL: "900"}})
    shop.ok("run", "--at", "2026-03-19")
    if tty:
        monkeypatch.delenv("NO_COLOR")
        monkeypatch.setattr(show, "console", lambda: Console(width=100))
    name = circuit_id("services", (EVIL,))
    for command in (("status",), ("explain", name), ("decide", name), ("history",), ("silence", name, "--for", "1h")):
        reason = ("--reason", EVIL) if command[0] == "silence" else ()
        at = () if command[0] == "history" else ("--at", "2026-03-19")
        answer = shop.run(*command, *reason, *at)
        for char in "\x1b\x9b\u202e":
            assert char not in answer.out + answer.err, command
    assert "[bold]x" in shop.ok("status", "--at", "2026-03-19").out
    assert shop.ok("status", "--json", "--at", "2026-03-19").json["circuits"][0]["circuit"] == name


@pytest.mark.parametrize("width", [40, 60, 80, 99, 100, 120, 200])
def test_a_table_fits_its_terminal_and_cuts_no_figure(shop: Shop, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    shop.set_up({"A service with quite a long name": "1234.5", "S3": "5"}, more="budget = { amount = 30000 }")
    shop.ok("run", "--at", "2026-03-19")
    monkeypatch.setattr(show, "WIDTH", width)
    lines = shop.ok("status", "--at", "2026-03-19").out.splitlines()
    table = lines[: lines.index("")]
    assert max(len(line.rstrip()) for line in table) <= max(width, 60)
    assert "$22,221" in table[1]
    assert ("█" in table[1]) is (width >= 100)


def test_a_limit_may_be_lifted(shop: Shop) -> None:
    shop.set_up({f"service {n:03}": "1" for n in range(120)})
    shop.ok("run", "--at", "2026-03-19")
    assert "… 70 more circuits" in shop.ok("status", "--at", "2026-03-19").out
    assert "more circuits" not in shop.ok("status", "--limit", "0", "--at", "2026-03-19").out
    assert "… 112 more circuits" in shop.ok("run", "--at", "2026-03-19").out


def test_trends_are_of_whole_days(shop: Shop) -> None:
    shop.set_up({"EC2": "100"}, {(LAST - timedelta(days=2)).isoformat(): {"EC2": "400"}})
    shop.ok("run", "--at", "2026-03-19")
    (circuit,) = shop.ok("status", "--json", "--at", "2026-03-19").json["circuits"]
    assert circuit["trend"]["until"] == "2026-03-18"
    assert circuit["trend"]["values"][-3:] == [100.0, 100.0, 400.0]
