"""What reading costs, counted in the state by real processes: shown by `status`, capped for all commands together."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from cloudcircuit.model import CallCost
from cloudcircuit.stores import open_store
from tests.cli.terminal import Terminal
from tests.daemon.process import Place, make_place, wait_until

CENT = CallCost(1, Decimal("0.01"), 1000)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = make_place(tmp_path)
    place.write("aws")
    place.scripts["aws"].say(price="0.01", daily_cap="0.03")
    return place


def counted(place: Place) -> CallCost:
    with closing(open_store(place.state, create=False)) as store:
        days = store.meter(datetime(2026, 1, 1, tzinfo=UTC).date()).get("aws", {})
        return sum(days.values(), CallCost())


def test_status_shows_what_a_source_has_cost_and_nothing_of_one_that_is_free(place: Place) -> None:
    place.write("aws", "free")
    assert place.command("run", "--once").returncode == 0
    out = place.command("status").stdout
    assert "its own cost: 1 call, $0.01, 1.0 kB today; 1 call, $0.01, 1.0 kB this month" in out
    assert out.count("its own cost") == 1
    shown = json.loads(place.command("status", "--json").stdout)["own_costs"]
    cent = {"requests": 1, "dollars": "0.01", "bytes": 1000}
    assert shown == {"aws": {"today": cent, "month": cent}}


def test_every_command_counts_on_the_same_account_and_none_goes_beyond_the_cap(place: Place) -> None:
    assert place.command("run", "--once").returncode == 0
    with place.daemon() as daemon:  # it has read lately: it waits
        daemon.wait_for("started")
        for _ in range(2):
            assert place.command("check", "--live").returncode == 0
        done = place.command("check", "--live")
    assert done.returncode == 1
    assert "its calls may cost $0.03 a day and $0.03 are spent" in " ".join(done.stdout.split())
    assert counted(place) == CENT * 3
    failed = place.command("run", "--once")
    assert failed.returncode == 1
    assert "source aws failed: its calls may cost $0.03 a day" in failed.stdout
    assert counted(place) == CENT * 3


def test_a_replay_counts_its_calls_today(place: Place) -> None:
    """What it asks is long ago, and what it pays is paid now."""
    assert place.command("run", "--at", "2020-02-01").returncode == 0
    assert counted(place) == CENT
    out = place.command("status", "--at", "2020-02-01").stdout
    assert "1 call, $0.01, 1.0 kB today" in out


def test_a_check_without_a_state_makes_none(place: Place) -> None:
    done = place.command("check", "--live")
    assert done.returncode == 0, done.stdout
    assert not place.state.parent.exists()


def test_a_check_on_a_state_that_cannot_be_used_makes_no_call_that_costs(place: Place) -> None:
    place.write("aws", "free")
    place.state.parent.mkdir()
    place.state.write_bytes(b"")
    done = place.command("check", "--live", "--json")
    assert done.returncode == 1
    aws, free, console = json.loads(done.stdout)["live"]
    assert (aws["name"], aws["ok"], free["ok"], console["ok"]) == ("aws", False, True, True)
    assert aws["notes"][0].startswith("its call could not be counted, and so it was not made: ")
    assert "is empty, so what it knew is lost" in aws["notes"][0]


def test_a_reading_that_is_killed_after_it_was_counted_stays_counted(place: Place) -> None:
    """Killed between paying and being answered, again and again: the cap still holds."""
    place.scripts["aws"].say(price="0.01", daily_cap="0.03", dies_paying=True)
    for n in range(3):
        line = [sys.executable, "-m", "cloudcircuit", "run", "--once"]
        with subprocess.Popen(line, cwd=place.folder, env=place.env, stdout=subprocess.PIPE) as process:
            wait_until(lambda n=n: place.scripts["aws"].paid == n + 1, 20)  # type: ignore[misc]
            process.send_signal(signal.SIGKILL)
    assert counted(place) == CENT * 3
    place.scripts["aws"].say(price="0.01", daily_cap="0.03")
    assert "its calls may cost $0.03 a day" in place.command("run", "--once").stdout
    assert counted(place) == CENT * 3


def test_a_missing_secret_of_a_source_is_named(place: Place) -> None:
    place.scripts["aws"].say(secret="env:CLOUDCIRCUIT_NOT_SET")
    done = place.command("run", "--once")
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert 'source aws failed: sources.aws: the secret "env:CLOUDCIRCUIT_NOT_SET" is not set, or empty' in said
    (place.folder / "token").write_text("hunter2\n")
    place.scripts["aws"].say(secret="file:token")
    assert place.command("run", "--once").returncode == 0


def test_a_free_bill_has_no_cost_to_show(example: Terminal) -> None:
    answer = example.ok("status", "--at", "2018-10-31")
    assert "its own cost" not in answer.out
    assert example.ok("status", "--at", "2018-10-31", "--json").json["own_costs"] == {}
