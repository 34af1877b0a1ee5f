"""Decisions for other processes: whole, recent, and readable without the daemon's libraries."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.errors import StateDamaged, StateNewer, StoreError
from cloudcircuit.model import Decision
from cloudcircuit.stores import FilePublisher, read_published
from cloudcircuit.stores.seal import seal
from tests.stores.examples import HOUR, NOW, a_decision, any_of


def test_what_is_published_is_read_by_circuit(tmp_path: Path) -> None:
    path = tmp_path / "run" / "decisions.json"
    publisher = FilePublisher(path, epoch="e1")
    decisions = [a_decision("a"), a_decision("b/c")]
    publisher.publish(decisions, NOW)
    found = read_published(path)
    assert found.decisions == {"a": decisions[0], "b/c": decisions[1]}
    assert (found.at, found.sequence, found.epoch) == (NOW, 1, "e1")
    publisher.publish([], NOW + HOUR)
    assert (read_published(path).decisions, read_published(path).sequence) == ({}, 2)
    assert os.listdir(path.parent) == ["decisions.json"]


def test_any_decision_comes_through(tmp_path: Path) -> None:
    publisher = FilePublisher(tmp_path / "decisions.json")

    @settings(max_examples=40, deadline=None)
    @given(st.lists(any_of(Decision), max_size=3, unique_by=lambda decision: decision.circuit))
    def check(decisions: list[Decision]) -> None:
        publisher.publish(decisions, NOW)
        assert read_published(publisher.path).decisions == {each.circuit: each for each in decisions}

    check()


def test_the_group_may_read_and_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "decisions.json"
    before = os.umask(0o077)
    try:
        FilePublisher(path).publish([a_decision()], NOW)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_it_is_one_json_document_in_plain_ascii(tmp_path: Path) -> None:
    path = tmp_path / "decisions.json"
    FilePublisher(path, "e").publish([replace(a_decision("a"), text="naïve ☁")], NOW)
    text = path.read_bytes().decode("ascii")
    document = json.loads(text)
    assert list(document) == ["checksum", "format", "epoch", "sequence", "published_at", "decisions"]
    assert document["decisions"]["a"]["action"] == "block"
    assert document["decisions"]["a"]["spend"] == "1240.10"


def test_the_sequence_goes_on_after_a_restart_and_begins_anew_with_another_state(tmp_path: Path) -> None:
    path = tmp_path / "decisions.json"
    for epoch, expected in (("e1", 1), ("e1", 2), ("e2", 1)):
        FilePublisher(path, epoch).publish([], NOW)
        assert read_published(path).sequence == expected
    path.write_bytes(b"half a fi")
    FilePublisher(path, "e2").publish([], NOW)
    assert read_published(path).sequence == 1


def test_readers_never_see_half_a_publication(tmp_path: Path) -> None:
    path = tmp_path / "decisions.json"
    publisher = FilePublisher(path)
    sizes = [1, 300, 2, 200]
    publisher.publish([a_decision("c0")], NOW)
    stop = threading.Event()
    seen: list[int] = []

    def read() -> None:
        last = 0
        while not stop.is_set():
            found = read_published(path)
            assert len(found.decisions) == sizes[(found.sequence - 1) % 4]
            assert found.sequence >= last
            last = found.sequence
            seen.append(last)

    failures: list[BaseException] = []
    threads = [threading.Thread(target=_collect(read, failures)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(1, 60):
        publisher.publish([a_decision(f"c{each}") for each in range(sizes[n % 4])], NOW)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(set(seen)) > 3


def _collect(work: Callable[[], None], failures: list[BaseException]) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    return run


def test_ten_thousand_decisions_take_well_under_a_second(tmp_path: Path) -> None:
    publisher = FilePublisher(tmp_path / "decisions.json")
    decisions = [a_decision(f"production/{n}") for n in range(10_000)]
    before = perf_counter()
    publisher.publish(decisions, NOW)
    assert perf_counter() - before < 1.0
    assert len(read_published(publisher.path).decisions) == 10_000


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_publication_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "decisions.json"
    FilePublisher(path).publish([a_decision()], NOW)
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(StateDamaged, match=r"decisions\.json is not whole"):
        read_published(path)


def test_no_bit_can_flip_unseen(tmp_path: Path) -> None:
    path = tmp_path / "decisions.json"
    FilePublisher(path).publish([a_decision()], NOW)
    content = path.read_bytes()
    for bit in range(0, 8 * len(content), 7):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(StateDamaged):
            read_published(path)


def write_sealed(path: Path, document: Any) -> None:
    body = json.dumps(document)[1:].encode()
    path.write_bytes(b'{"checksum":"%s",' % seal("published", body).encode() + body)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"format": 2}, StateNewer, "has format 2, and this version knows 1: update this program"),
        ({"format": "1"}, StateDamaged, "not a publication"),
        ({"decisions": []}, StateDamaged, "not a publication"),
        ({"published_at": "soon"}, StateDamaged, "not a publication"),
        ({"sequence": None}, StateDamaged, "not a publication"),
        ({"decisions": {"a": {}}}, StateDamaged, "'a' is not readable: Decision lacks"),
        ({"sequence": float("nan")}, StateDamaged, "NaN is not a number"),
    ],
)
def test_a_sealed_file_of_another_shape_is_refused(
    tmp_path: Path, changes: dict[str, Any], kind: type[StoreError], message: str
) -> None:
    path = tmp_path / "decisions.json"
    whole = {"format": 1, "epoch": "", "sequence": 1, "published_at": NOW.isoformat(), "decisions": {}}
    write_sealed(path, whole)
    assert read_published(path).decisions == {}
    write_sealed(path, {**whole, **changes})
    with pytest.raises(kind, match=message):
        read_published(path)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("gone", "does not exist"), ("", "it is a folder"), ("pipe", "not a regular file")):
        with pytest.raises(StoreError, match=message):
            read_published(tmp_path / name)


def test_a_failed_publication_leaves_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "decisions.json"
    publisher = FilePublisher(path)
    publisher.publish([a_decision()], NOW)
    with pytest.raises(StoreError, match="cannot be published"):
        publisher.publish([replace(a_decision(), spend=__import__("decimal").Decimal("NaN"))], NOW)
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match=r"decisions\.json: it is a folder"):
        publisher.publish([a_decision()], NOW)
    assert os.listdir(tmp_path) == ["decisions.json"]
    path.rmdir()
    publisher.publish([a_decision()], NOW)
    assert read_published(path).sequence == 2


def test_what_a_killed_publisher_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / ".decisions.json.new-abc").write_text("half")
    (tmp_path / ".decisions.json.other").write_text("not ours")
    FilePublisher(tmp_path / "decisions.json").publish([], NOW)
    assert sorted(os.listdir(tmp_path)) == [".decisions.json.other", "decisions.json"]


def test_a_link_is_followed_and_kept(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "decisions.json").symlink_to(tmp_path / "real" / "decisions.json")
    FilePublisher(tmp_path / "decisions.json").publish([], NOW)
    assert (tmp_path / "decisions.json").is_symlink()
    assert read_published(tmp_path / "decisions.json").sequence == 1


def test_reading_loads_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "from cloudcircuit.stores import FilePublisher, read_published\n"
        "foreign = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(foreign - set(sys.stdlib_module_names)))\n"
        "print('cloudcircuit.stores.database' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["['cloudcircuit']", "False"]
