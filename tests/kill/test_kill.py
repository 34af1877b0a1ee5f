"""`kill -9` at random moments of a cycle: state, history and owed alerts agree, and nothing is lost or doubled.

A child replays a month of the example bill. It is killed after a random time, the state is looked at, and another
child goes on with it. What they end with together is what a child that nobody kills ends with.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cloudcircuit.model import BreakerState, Delivery, Entry
from cloudcircuit.stores import open_store

ROOT = Path(__file__).parents[2]
KILLS = 50
CONFIG = """
[sources.aws]
adapter = "focus"
path = "{bill}"
restated_share = 1

[notifiers.console]
type = "console"

[monitors.account]
budget = {{ amount = 3900, currency = "USD" }}
mode = "enforce"

[monitors.services]
currency = "USD"
per = ["service"]
"""


@dataclass(frozen=True)
class Found:
    """What a state holds: the rows of circuits, their history, and the messages that were ever owed."""

    states: Mapping[str, BreakerState]
    history: tuple[Entry, ...]
    deliveries: tuple[Delivery, ...]


def lay_out(folder: Path) -> Path:
    folder.mkdir()
    bill = ROOT / "examples" / "aws-2018-10-11.csv"
    (folder / "cloudcircuit.toml").write_text(CONFIG.format(bill=bill), encoding="utf-8")
    return folder


def child(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(Path(__file__).with_name("child.py")), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise AssertionError(process.communicate()[1])
    return process


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors


def look(folder: Path) -> Found:
    store = open_store(folder / "state" / "cloudcircuit.db", create=False)
    try:
        assert store.damaged() == ()
        return Found(store.states(), tuple(store.history(limit=10_000)), tuple(store.deliveries(limit=10_000)))
    finally:
        store.close()


def check_agreement(found: Found) -> None:
    """Each told change has its message, each message its change, each row the version of its last entry or more."""
    written = {(e.subject, e.version): e for e in found.history if e.kind in ("transition", "blocked")}
    assert len(written) == sum(e.kind in ("transition", "blocked") for e in found.history), "an entry stands twice"
    sent: dict[tuple[str, str, str], list[str]] = {}
    for delivery in found.deliveries:
        for alert in delivery.envelope["alerts"]:
            for circuit in (alert["circuit"], *alert["members"]):
                sent.setdefault((circuit, alert["at"][:10], alert["kind"]), []).append(delivery.id)
    told = {(e.subject, e.at.date().isoformat(), kind) for e in written.values() for kind in e.detail["told"]}
    assert told == set(sent)
    assert all(len(set(ids)) == 1 for ids in sent.values())
    for (circuit, version), entry in written.items():
        assert found.states[circuit].version >= version
        if not any(v > version for c, v in written if c == circuit):
            decision = found.states[circuit].decision
            assert decision is not None
            assert (decision.id, decision.action) == (entry.detail["decision"], entry.detail["action"])


def comparable(found: Found) -> dict[str, Any]:
    return {
        "history": [(e.at, e.kind, e.subject, e.version, e.detail) for e in found.history],
        "deliveries": sorted((d.id, d.channel, d.owed_at) for d in found.deliveries),
        "states": dict(found.states),
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_random_moments(tmp_path: Path) -> None:
    calm = lay_out(tmp_path / "calm")
    process = child(calm)
    began = time.monotonic()
    finish(process)
    third = (time.monotonic() - began) / 3  # of an undisturbed run, however busy the machine
    expected = look(calm)
    check_agreement(expected)
    assert expected.deliveries

    chance = random.Random(20181010)
    kills = runs = 0
    while kills < KILLS:
        runs += 1
        folder = lay_out(tmp_path / f"killed-{runs}")
        while True:
            process = child(folder)
            try:
                process.wait(chance.uniform(0.0, third))
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
                check_agreement(look(folder))
            else:
                finish(process)
                break
        found = look(folder)
        check_agreement(found)
        for what, kept in comparable(expected).items():
            assert comparable(found)[what] == kept, what
        assert {d.state for d in found.deliveries} == {"sent"}
    assert kills >= KILLS
