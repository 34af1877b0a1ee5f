"""The daemon as a process: signals, the one lock, acts, restarts."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.daemon.process import Daemon, Place, wait_until


def stop(daemon: Daemon) -> None:
    daemon.send(signal.SIGTERM)
    assert daemon.ends_within(10) == 0


def test_reads_judges_publishes_and_leaves(place: Place) -> None:
    place.write("aws", budget="500")  # twenty days of 100 break it
    with place.daemon() as daemon:
        line = daemon.wait_for("cycle", source="aws")
        assert line["outcome"] == "ok"
        assert line["circuits"] == 1
        assert 0 <= line["data_age"] < 86_400 * 2
        wait_until(lambda: place.served("services/EC2") == "block", 3)
        wait_until(lambda: "EC2" in daemon.out.read_text(), 3)  # the alert, on the console
        stop(daemon)
    assert daemon.said("left", everything_ended=True)


def test_a_second_daemon_is_refused_at_once(place: Place) -> None:
    place.write("aws")
    with place.daemon() as daemon:
        daemon.wait_for("started")
        begun = time.monotonic()
        place.command("check")
        loading = time.monotonic() - begun  # of a command that waits for nothing, on a machine as busy as this one
        begun = time.monotonic()
        second = place.command("run")
        assert time.monotonic() - begun < loading + 1.5
        assert second.returncode == 1
        assert f"process {daemon.process.pid} on" in second.stderr
        assert len(second.stderr.strip().splitlines()) == 1
        stop(daemon)
    with place.daemon() as after:  # the lock has died with its holder
        after.wait_for("started")


def test_sigterm_in_a_fetch_that_hangs(place: Place) -> None:
    place.write("aws")
    place.scripts["aws"].say(hang=True)
    with place.daemon() as daemon:
        wait_until(lambda: place.scripts["aws"].fetches, 15)
        begun = time.monotonic()
        daemon.send(signal.SIGTERM)
        assert daemon.ends_within(10) == 0
        assert time.monotonic() - begun < 3  # a fetch is not waited for
    with sqlite3.connect(place.state) as state:
        assert state.execute("select count(*) from sources").fetchone() == (0,)  # and is no failure of its source


def test_a_hanging_source_holds_up_no_other(place: Place) -> None:
    place.write("bad", "good", every="1m", timeout="1s")
    place.scripts["bad"].say(hang=True)
    with place.daemon() as daemon:
        assert daemon.wait_for("cycle", source="good")["outcome"] == "ok"
        line = daemon.wait_for("cycle", source="bad")
        assert line["outcome"] == "failed"
        assert "timeout" in line["error"]
        stop(daemon)


def test_a_second_signal_cuts_the_drain_short(place: Place) -> None:
    place.write("aws")
    with place.daemon() as daemon:
        daemon.wait_for("cycle", source="aws")
        # A writer that does not let go: commits wait for it, and so does the drain.
        blocker = sqlite3.connect(place.state, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        place.scripts["aws"].say()
        daemon.send(signal.SIGHUP)
        time.sleep(0.7)
        daemon.send(signal.SIGTERM)
        time.sleep(0.3)
        begun = time.monotonic()
        daemon.send(signal.SIGINT)
        assert daemon.ends_within(5) == 0
        assert time.monotonic() - begun < 6
        blocker.close()


def test_reload_takes_up_what_is_new(place: Place) -> None:
    place.write("aws")
    with place.daemon() as daemon:
        daemon.wait_for("cycle", source="aws")
        place.write("aws", "more")
        daemon.send(signal.SIGHUP)
        daemon.wait_for("configuration reloaded", changed=True)
        assert daemon.wait_for("cycle", source="more")["outcome"] == "ok"
        time.sleep(0.3)
        assert place.scripts["aws"].fetches == 1  # nothing changed in it: it keeps its time
        stop(daemon)


def test_reload_drops_what_is_gone_and_keeps_what_it_holds(place: Place) -> None:
    place.write("aws", "other", budget="500", every="1m")
    with place.daemon() as daemon:
        daemon.wait_for("cycle", source="other")
        wait_until(lambda: place.served("services/EC2") == "block", 20)
        place.write("aws", budget="500", every="1m")
        place.config.write_text(place.config.read_text().replace("[monitors.services]", "[monitors.renamed]"))
        daemon.send(signal.SIGHUP)
        daemon.wait_for("configuration reloaded")
        time.sleep(1.2)
        assert place.served("services/EC2") == "block"  # an edit closes nothing
        assert place.command("clear", "services/EC2").returncode == 0
        wait_until(lambda: place.served("services/EC2") is None, 20)
        stop(daemon)
    assert not daemon.said("unexpected trouble")
    assert not daemon.said("job broke")


def test_killed_and_started_again_it_goes_on(place: Place) -> None:
    place.write("aws", budget="500")
    with place.daemon() as daemon:
        daemon.wait_for("cycle", source="aws")
        daemon.send(signal.SIGKILL)
        daemon.ends_within(5)
    with place.daemon() as daemon:
        daemon.wait_for("started")
        wait_until(lambda: place.served("services/EC2") == "block", 20)
        delivered = place.command("status", "--json")
        assert json.loads(delivered.stdout)["deliveries"] == []  # what was owed has been sent
        assert place.scripts["aws"].fetches == 2, "one reading, and one question: who carries the breach?"
        stop(daemon)


def test_stopped_for_a_while_it_notices_nothing(place: Place) -> None:
    place.write("aws")
    with place.daemon() as daemon:
        daemon.wait_for("cycle", source="aws")
        daemon.send(signal.SIGSTOP)
        time.sleep(3)
        daemon.send(signal.SIGCONT)
        time.sleep(1.5)
        assert not daemon.said("clock jumped")
        assert place.scripts["aws"].fetches == 1
        stop(daemon)


def test_a_bad_configuration_is_refused_and_told(place: Place) -> None:
    place.write("aws")
    with place.daemon() as daemon:
        daemon.wait_for("cycle", source="aws")
        place.config.write_text(place.config.read_text().replace("budget", "bugdet") + '\n[nonsense]\nx = "y"\n')
        daemon.send(signal.SIGHUP)
        problems = daemon.wait_for("configuration rejected")["problems"]
        assert any("bugdet" in problem for problem in problems)
        assert any("nonsense" in problem for problem in problems)
        wait_until(lambda: "bugdet" in daemon.out.read_text(), 3)
        assert daemon.process.poll() is None
        stop(daemon)


def test_the_state_does_not_move_under_a_daemon(place: Place) -> None:
    place.write("aws")
    with place.daemon() as daemon:
        daemon.wait_for("started")
        place.config.write_text(place.config.read_text().replace("[daemon]", '[daemon]\nstate = "other.db"'))
        daemon.send(signal.SIGHUP)
        assert "restart" in daemon.wait_for("configuration rejected")["problems"][0]
        stop(daemon)
    assert not (place.folder / "other.db").exists()


def test_an_override_takes_effect_within_a_second(place: Place) -> None:
    place.write("aws", budget="500")
    with place.daemon() as daemon:
        daemon.wait_for("cycle", source="aws")
        wait_until(lambda: place.served("services/EC2") == "block", 3)
        done = place.command("override", "services/EC2", "allow", "--for", "2h", "--reason", "known")
        assert done.returncode == 0, done.stderr
        assert "within a second" in done.stdout
        assert wait_until(lambda: place.served("services/EC2") == "allow", 3) < 1.0
        done = place.command("clear", "services/EC2")
        assert done.returncode == 0, done.stderr
        assert wait_until(lambda: place.served("services/EC2") == "block", 3) < 1.0
        stop(daemon)


@pytest.mark.parametrize(("hours", "reads"), [(5.0, False), (6.5, True)])
def test_the_first_run_is_counted_from_what_is_stored(place: Place, hours: float, reads: bool) -> None:
    place.write("aws", every="6h")
    then = datetime.now(UTC) - timedelta(hours=hours)
    done = place.command("run", "--at", then.isoformat())
    assert done.returncode == 0, done.stderr
    assert place.scripts["aws"].fetches == 1
    with place.daemon() as daemon:
        daemon.wait_for("started")
        if reads:
            daemon.wait_for("cycle", source="aws", seconds=5)
        else:
            time.sleep(1.5)
            assert not daemon.said("cycle")
        stop(daemon)


def test_a_broken_adapter_tells_no_secret_and_ends_nothing(place: Place) -> None:
    place.write("aws")
    place.scripts["aws"].say(broken="token=hunter2")
    with place.daemon() as daemon:
        line = daemon.wait_for("cycle", source="aws")
        assert "ZeroDivisionError" in line["error"]
        stop(daemon)
        assert "hunter2" not in daemon.log.read_text() + daemon.out.read_text()


def test_a_state_that_cannot_be_written_is_told_and_survived(place: Place) -> None:
    place.write("aws", every="1m")
    with place.daemon() as daemon:
        daemon.wait_for("cycle", source="aws")
        wait_until(lambda: place.served("services/EC2"), 3)
        moved = place.state.with_name("elsewhere.db")
        os.rename(place.state, moved)
        daemon.wait_for("trouble")
        wait_until(lambda: "state" in daemon.out.read_text(), 3)  # said at once: it cannot be owed
        assert place.served("services/EC2")  # what was published stays
        os.rename(moved, place.state)
        place.command("override", "services/EC2", "block", "--for", "1h", "--reason", "test")
        wait_until(lambda: place.served("services/EC2") == "block", 20)
        stop(daemon)
