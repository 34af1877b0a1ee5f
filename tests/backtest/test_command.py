"""`cloudcircuit backtest`: what it prints, what it leaves alone, and how it ends when something is wrong."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
import tomllib
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cloudcircuit.model import Act
from cloudcircuit.service.backtest import replay
from cloudcircuit.service.operate import act
from cloudcircuit.stores import open_store
from tests.cli.terminal import Answer, Terminal

SCHEMA = json.loads((Path(__file__).parent / "schema.json").read_text())
NASTY = "\x1b[31m[bold]</td><script>\u202eN/A%"

CONFIG = """
[daemon]
state = "cloudcircuit.db"
[sources.aws]
adapter = "focus"
path = "bill.csv"
[notifiers.console]
type = "console"
[monitors.services]
per = ["service"]
currency = "USD"
min_impact = 10
anomaly = {{ method = "spike", lookback = 14 }}
{more}
"""


def a_bill(folder: Path, *services: str, days: int = 26, unusual: tuple[int, ...] = (18, 19, 20)) -> None:
    """A FOCUS file: 100 a day of each service, 300 on the unusual days."""
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(
        ["BillingAccountId", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd", "ChargeCategory",
         "ChargePeriodStart", "ChargePeriodEnd", "ServiceName", "BilledCost", "EffectiveCost"]
    )  # fmt: skip
    for number in range(days):
        day = date(2026, 3, 1) + timedelta(days=number)
        month = f"{day:%Y-%m}-01T00:00:00Z"
        for service in services:
            cost = 300 if number in unusual else 100
            lines.writerow(["1", "USD", month, month, "Usage", f"{day}T00:00:00Z",
                            f"{day + timedelta(days=1)}T00:00:00Z", service, cost, cost])  # fmt: skip
    (folder / "bill.csv").write_text(out.getvalue())


def a_place(terminal: Terminal, *services: str, more: str = "", **bill: Any) -> Terminal:
    a_bill(terminal.folder, *(services or ("EC2",)), **bill)
    (terminal.folder / "cloudcircuit.toml").write_text(CONFIG.format(more=more))
    return terminal


def valid(answer: Answer) -> Any:
    found = answer.json
    jsonschema.validate(found, SCHEMA, cls=jsonschema.Draft202012Validator)
    return found


# --- what it says -------------------------------------------------------------------------------------------


def test_the_answer_comes_first_then_alerts_and_circuits(terminal: Terminal) -> None:
    out = a_place(terminal).ok("backtest").out
    assert "cloudcircuit.toml  2026-03-06 to 2026-03-28, 23 days after 3 days of warming up" in out
    assert "in hindsight: figures as they stand now" in " ".join(out.split())
    assert "1 circuit, 2 alerts, 0.6 a week: 1 anomaly, 1 tripped" in out
    assert "told 2.0 days after the beginning (median): $600.00 above the expected" in out
    assert "would have avoided $200.00" in out
    assert "2026-03-21  anomaly   EC2 cost $300.00 on 19 March instead of $100.00" in out
    assert not (terminal.folder / "cloudcircuit.db").exists()


def test_json_holds_all_of_it_and_keeps_to_its_schema(terminal: Terminal) -> None:
    found = valid(
        a_place(terminal, "EC2", NASTY, more='budget = { amount = 2000, currency = "USD" }').ok("backtest", "--json")
    )
    assert found["hindsight"]
    assert {each["monitor"] for each in found["circuits"]} == {"services"}
    points = found["circuits"][0]["points"]
    assert len({len(column) for column in points.values()}) == 1
    assert points["at"][18] == "2026-03-19T00:00:00Z"
    assert (points["value"][18], points["failure"][18]) == (300.0, True)
    assert found["circuits"][0]["budgets"]["limit"][0] == "2000"


def test_hostile_names_do_nothing_to_the_terminal(terminal: Terminal) -> None:
    out = a_place(terminal, NASTY).ok("backtest", "--suggest", "1/week").out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "[bold]" in out


def test_a_calm_bill_has_little_to_say(terminal: Terminal) -> None:
    out = a_place(terminal, unusual=()).ok("backtest").out
    assert "1 circuit, no alert" in out
    assert "… 1 more circuit" in out


def lived(place: Terminal) -> Path:
    """The state of a daemon that read the bill from 15 to 25 March."""
    place.ok("run", "--from", "2026-03-15", "--to", "2026-03-25")
    return place.folder / "cloudcircuit.db"


def test_what_a_daemon_read_is_replayed_from_its_ledger(terminal: Terminal) -> None:
    place = a_place(terminal)
    state = lived(place)
    found = valid(place.ok("backtest", "--from", "2026-03-16", "--json"))
    assert not found["hindsight"]
    assert (found["sources"][0]["known"], found["sources"][0]["since"]) == ("ledger", "2026-03-15T00:00:00Z")
    assert found["alerts"][0]["at"] == "2026-03-20T00:00:00Z"  # before the day had settled
    out = place.ok("backtest").out
    assert "from the ledger: from 2026-03-15 on as it was told day by day" in " ".join(out.split())
    state.unlink()
    assert valid(place.ok("backtest", "--json"))["sources"][0]["known"] == "hindsight"


def test_where_nobody_watches_progress_is_lines_on_stderr(terminal: Terminal) -> None:
    answer = a_place(terminal).ok("backtest")
    assert answer.err.splitlines() == ["2026-03-28  26/26  2 alerts"]
    assert terminal.ok("backtest", "--json").err == ""


def test_on_a_terminal_a_bar_is_drawn(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    answer = a_place(terminal).ok("backtest")
    assert answer.err == ""


# --- side by side, and advice -------------------------------------------------------------------------------


def test_two_configurations_stand_side_by_side(terminal: Terminal) -> None:
    place = a_place(terminal)
    text = (place.folder / "cloudcircuit.toml").read_text()
    (place.folder / "slow.toml").write_text(text.replace("min_impact = 10", "min_impact = 500"))
    out = place.ok("backtest", "--compare", "slow.toml").out
    assert "only cloudcircuit.toml" in out
    assert "slow.toml" in out
    found = valid(place.ok("backtest", "--compare", "slow.toml", "--json"))
    assert (found["ours"]["summary"]["runs"], found["theirs"]["summary"]["runs"]) == (1, 0)
    assert [run["circuit"] for run in found["only_ours"]] == ["services/EC2"]


def test_configurations_of_one_name_are_told_apart_by_their_folders(terminal: Terminal) -> None:
    place = a_place(terminal)
    other = place.folder / "other"
    other.mkdir()
    a_bill(other, "EC2")
    (other / "cloudcircuit.toml").write_text((place.folder / "cloudcircuit.toml").read_text())
    found = valid(place.ok("backtest", "--compare", "other/cloudcircuit.toml", "--json"))
    assert found["ours"]["config"] != found["theirs"]["config"]
    assert len(found["both"]) == 1


def test_advice_is_toml_that_can_be_pasted(terminal: Terminal) -> None:
    place = a_place(terminal, "EC2", "S3", "RDS")
    out = place.ok("backtest", "--suggest", "0.1/week").out
    lines = [line for line in out.splitlines() if line.startswith(("# in", "min_impact"))]
    assert lines[0] == "# in [monitors.services]: 3 runs told as it is, 0 with this"
    assert tomllib.loads("\n".join(lines)) == {"min_impact": 500}
    found = valid(place.ok("backtest", "--suggest", "0.1", "--json"))["advice"]
    assert found["allowed_a_week"] == pytest.approx(0.1 * 3 * 7 / 90)
    assert len(found["quietened"]) == 3
    assert "there is nothing to change" in place.ok("backtest", "--suggest", "9/week").out


def test_noise_that_was_acknowledged_is_learned_from(terminal: Terminal) -> None:
    place = a_place(terminal, "EC2")
    with closing(open_store(lived(place))) as store:
        act(
            store, Act("a1", "ack", "services/EC2", datetime(2026, 3, 23, tzinfo=UTC), "ann", "a load test", noise=True)
        )
    answer = place.ok("backtest", "--suggest", "9/week")
    assert "acknowledged as noise: 1 of 1 stay quiet" in answer.out
    assert "min_impact = 500  # instead of 10" in answer.out


# --- what it leaves alone -----------------------------------------------------------------------------------


def test_the_state_is_left_as_it_is_byte_for_byte(terminal: Terminal) -> None:
    def files() -> dict[str, str]:
        paths = sorted(path for path in terminal.folder.iterdir() if path.name.startswith("cloudcircuit."))
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

    state = lived(a_place(terminal))
    before = files()
    terminal.ok("backtest", "--suggest", "1/week")
    assert files() == before
    assert state.name in before


def test_it_works_beside_a_running_daemon(terminal: Terminal) -> None:
    with closing(open_store(lived(a_place(terminal)))) as store:
        store.acquire("a daemon")
        terminal.ok("backtest")


# --- what goes wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--from", "2026-04-01", "--to", "2026-03-01"), "lies before"),
        (("--from", "soon"), "is no time"),
        (("--from", "2019-01-01", "--to", "2019-02-01"), "source aws has charges from 2026-03-01 to 2026-03-26"),
        (("--from", "2026-05-01"), "the newest (aws of 2026-03-26) on 2026-03-28"),
        (("--suggest", "many"), "is no alert budget"),
        (("--suggest", "0"), "is no alert budget"),
        (("--suggest", "nan/week"), "is no alert budget"),
        (("--html", "nowhere/report.html"), "there is no folder nowhere"),
    ],
)
def test_wrong_usage_is_two_and_says_why(terminal: Terminal, arguments: tuple[str, ...], says: str) -> None:
    answer = a_place(terminal).run("backtest", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert says in answer.err


def test_an_empty_bill_is_refused(terminal: Terminal) -> None:
    answer = a_place(terminal, days=0).run("backtest")
    assert answer.code != 0
    assert "aws" in answer.err


def test_a_source_that_cannot_be_read_is_one_sentence_and_one(terminal: Terminal) -> None:
    place = a_place(terminal)
    (place.folder / "bill.csv").unlink()
    answer = place.run("backtest")
    assert answer.code == 1
    assert answer.err.startswith("cloudcircuit: source aws: its history cannot be read: ")
    assert answer.err.count("\n") == 1


def test_control_c_is_one_sentence_and_one(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(replay, "run_cycle", stop)
    answer = a_place(terminal).run("backtest")
    assert answer.code == 1
    assert answer.err == "cloudcircuit: stopped; nothing was written, and the state is as it was\n"


def test_a_report_is_one_file(terminal: Terminal) -> None:
    place = a_place(terminal, "EC2", NASTY)
    out = place.ok("backtest", "--html", "report.html").out
    assert out.endswith("\nreport: report.html\n")
    text = (place.folder / "report.html").read_text()
    assert "<script>" not in text
    assert "EC2" in text
