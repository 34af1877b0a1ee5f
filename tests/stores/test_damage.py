"""A flipped bit opens and closes nothing: it is found, named, and can be put right."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from cloudcircuit.errors import Conflict, StateDamaged, StateNewer, StoreError
from cloudcircuit.model import BreakerState, Commit, Grain
from cloudcircuit.stores import SqlStore, open_store
from cloudcircuit.stores.seal import seal
from tests.stores.examples import DAY, NOW, a_delivery, a_source, a_state, a_statement, an_act, an_entry

CIRCUITS = ("production/AmazonEC2", "production/AmazonS3", "sandbox")
STATES = {circuit: a_state(circuit) for circuit in CIRCUITS}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "state.db"
    store = open_store(path)
    store.commit(
        Commit(
            states=tuple(STATES.values()),
            sources=(a_source("aws"), a_source("gcp")),
            statements=(a_statement(),),
            history=(an_entry("a"), an_entry("b")),
            deliveries=(a_delivery("d1"), a_delivery("d2")),
        )
    )
    store.add_act(an_act())
    store.close()
    return path


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    store = open_store(path)
    yield store
    store.close()


def doctor(path: Path, statement: str, *parameters: object) -> None:
    """Change what is stored behind the program's back."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER IF EXISTS history_is_append_only")
        changed = connection.execute(statement, parameters)
        assert changed.rowcount == 1
        connection.commit()


# --- circuits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "body = replace(body, '\"open\"', '\"clos\"')",
        "body = replace(body, '1240.10', '1240.11')",
        "body = 'x'",
        "body = CAST(body AS BLOB)",
        "version = 2",
        "monitor = 'productioo'",
        "checksum = 'x' || substr(checksum, 2)",
    ],
)
def test_a_doctored_circuit_is_left_out_and_listed(path: Path, store: SqlStore, change: str) -> None:
    doctor(path, f"UPDATE breakers SET {change} WHERE circuit = ?", CIRCUITS[0])
    assert store.states() == {circuit: STATES[circuit] for circuit in CIRCUITS[1:]}
    assert CIRCUITS[0] not in store.states("production")
    assert store.damaged() == store.damaged("production") == (CIRCUITS[0],)
    assert store.damaged("sandbox") == ()


@pytest.mark.parametrize("key", ["production/AmazonEC3", "qroduction/AmazonEC2", b"production/Amazon\xc5C2"])
def test_a_circuit_whose_name_was_changed_is_listed_by_the_name_in_its_body(
    path: Path, store: SqlStore, key: str | bytes
) -> None:
    doctor(path, "UPDATE breakers SET circuit = CAST(? AS TEXT) WHERE circuit = ?", key, CIRCUITS[0])
    shown = key if isinstance(key, str) else "production/Amazon\\xc5C2"
    assert store.damaged() == store.damaged("production") == tuple(sorted((CIRCUITS[0], shown)))
    store.commit(Commit(states=(a_state(CIRCUITS[0]),)))
    assert store.states() == STATES
    assert store.damaged() == (shown,)
    store.forget([shown])
    assert store.damaged() == ()
    assert store.states() == STATES


def test_a_row_of_nobody_knows_which_circuit_is_refused(path: Path, store: SqlStore) -> None:
    change = "body = 'x', circuit = 'AmazonEC2', monitor = 'produ'"
    doctor(path, f"UPDATE breakers SET {change} WHERE circuit = ?", CIRCUITS[0])
    for ask in (store.states, store.damaged):
        with pytest.raises(StateDamaged, match="nobody knows of which: restore a backup"):
            ask()


def test_nothing_of_an_older_version_lies_about(path: Path, store: SqlStore) -> None:
    marked = a_state("sandbox", 2, alerted={"word-of-version-two": NOW})
    store.commit(Commit(states=(marked,)))
    assert b"word-of-version-two" in path.read_bytes()
    store.commit(Commit(states=(a_state("sandbox", 3),)))
    assert b"word-of-version-two" not in path.read_bytes()


def test_a_name_in_a_body_hides_no_other_circuit(path: Path, store: SqlStore) -> None:
    doctor(path, "UPDATE breakers SET body = replace(body, 'EC2', 'S3') WHERE circuit = ?", CIRCUITS[0])
    assert store.damaged() == (CIRCUITS[0],)


def test_a_damaged_circuit_is_replaced_by_version_one(path: Path, store: SqlStore) -> None:
    doctor(path, "UPDATE breakers SET body = 'x' WHERE circuit = ?", CIRCUITS[0])
    blocked = a_state(CIRCUITS[0], 1, NOW + DAY)
    with pytest.raises(Conflict, match="sandbox"):  # a whole one is not replaced
        store.commit(Commit(states=(blocked, a_state("sandbox"))))
    assert store.damaged() == (CIRCUITS[0],)
    store.commit(Commit(states=(blocked,)))
    assert store.damaged() == ()
    assert store.states() == {**STATES, CIRCUITS[0]: blocked}
    store.commit(Commit(states=(a_state(CIRCUITS[0], 2),)))


def test_a_damaged_circuit_can_be_forgotten(path: Path, store: SqlStore) -> None:
    doctor(path, "UPDATE breakers SET checksum = CAST(x'ff' || checksum AS TEXT) WHERE circuit = ?", CIRCUITS[0])
    store.forget([CIRCUITS[0]])
    assert store.damaged() == ()
    assert set(store.states()) == set(CIRCUITS[1:])


def test_a_circuit_that_vanished_is_missed(path: Path, store: SqlStore) -> None:
    doctor(path, "DELETE FROM breakers WHERE circuit = ?", CIRCUITS[0])
    for ask in (store.states, store.damaged):
        with pytest.raises(
            StateDamaged, match=r"states of circuits have vanished or doubled \(2 of 3 are there\): restore"
        ):
            ask()


def test_a_circuit_of_a_newer_version_is_not_guessed(path: Path, store: SqlStore) -> None:
    body = '{"circuit":"sandbox","monitor":"sandbox","version":1,"phase":"melted"}'
    checksum = seal("breakers", "sandbox", "sandbox", 1, body)
    doctor(path, "UPDATE breakers SET body = ?, checksum = ? WHERE circuit = 'sandbox'", body, checksum)
    with pytest.raises(StateNewer, match=r"circuit 'sandbox' was written by a newer version.*'melted' is no Phase"):
        store.states()
    assert set(store.states("production")) == set(CIRCUITS[:2])


# --- the rest -------------------------------------------------------------------------------------------


def test_a_damaged_source_is_read_anew_from_version_one(path: Path, store: SqlStore) -> None:
    doctor(path, "UPDATE sources SET body = replace(body, '2026', '2036') WHERE source = 'aws'")
    assert store.sources() == {"gcp": a_source("gcp")}
    store.commit(Commit(sources=(a_source("aws"),)))
    assert store.sources() == {"aws": a_source("aws"), "gcp": a_source("gcp")}


@pytest.mark.parametrize(
    "change", ["body = x'00'", "said_at = said_at + 1", "rows = 2", "body = 'arrow'", "checksum = ''"]
)
def test_a_damaged_statement_is_named(path: Path, store: SqlStore, change: str) -> None:
    doctor(path, f"UPDATE ledger SET {change}")
    with pytest.raises(StateDamaged, match=r"what source 'aws' said of 2026-05-04 \(ledger row 1\) is damaged"):
        store.statements("aws", Grain.DAY, date.min, date.max)
    assert store.statements("gcp", Grain.DAY, date.min, date.max) == []


def test_a_damaged_act_is_neither_obeyed_nor_left_out_and_can_be_ended(path: Path, store: SqlStore) -> None:
    store.add_act(an_act("act-2"))
    doctor(path, "UPDATE acts SET body = replace(body, 'block', 'allow') WHERE id = 'act-1'")
    with pytest.raises(StateDamaged, match="the act 'act-1' is damaged: remove it by ending it"):
        store.acts()
    version = store.acts_version()
    store.end_act("act-1", NOW)
    assert store.acts() == [an_act("act-2")]
    assert store.acts_version() == version + 1


def test_an_act_that_vanished_is_missed(path: Path, store: SqlStore) -> None:
    doctor(path, "DELETE FROM acts")
    with pytest.raises(StateDamaged, match="acts have vanished"):
        store.acts()


def test_a_damaged_delivery_is_shown_and_not_sent(path: Path, store: SqlStore) -> None:
    doctor(path, "UPDATE outbox SET body = replace(body, 'slack', 'slock') WHERE id = 'd1'")
    assert [each.id for each in store.due(NOW)] == ["d2"]
    shown = {each.id: (each.state, each.error) for each in store.deliveries()}
    assert shown == {"d1": ("damaged", "its row does not carry its checksum"), "d2": ("owed", None)}


@pytest.mark.parametrize("change", ["detail = 0", "at = at + 1", "at = 'x'", "at = 1e300", "kind = 'blocked'"])
def test_a_damaged_line_of_history_is_shown_as_such(path: Path, store: SqlStore, change: str) -> None:
    doctor(path, f"UPDATE history SET {change.replace('detail = 0', 'body = 0')} WHERE seq = 1")
    assert [(entry.seq, entry.kind, entry.subject) for entry in store.history()] == [
        (1, "damaged", "a"),
        (2, "transition", "b"),
    ]


@pytest.mark.parametrize(
    "change", ["serial = serial - 1", "epoch = 'x'", "acts_version = 0", "checksum = ''", "newest = NULL"]
)
def test_a_damaged_head_row_is_refused(path: Path, store: SqlStore, change: str) -> None:
    doctor(path, f"UPDATE meta SET {change}")
    with pytest.raises(StateDamaged, match="head row is not whole"):
        store.states()
    with pytest.raises(StateDamaged, match="head row is not whole"):
        open_store(path)


def test_history_can_only_be_appended_to(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in ("UPDATE history SET kind = 'x'", "DELETE FROM history", "DELETE FROM history WHERE seq = 1"):
            with pytest.raises(sqlite3.IntegrityError, match="history is append-only"):
                connection.execute(statement)


# --- every bit ------------------------------------------------------------------------------------------


def judge(path: Path) -> str:
    """How a state that lost one bit is met. A circuit must not be missing in silence, nor hold anything else."""
    try:
        store = open_store(path, create=False)
    except StoreError:
        return "refused"
    try:
        states, damaged, acts = store.states(), store.damaged(), store.acts()
    except StoreError:
        return "refused"
    finally:
        store.close()
    for circuit, state in STATES.items():
        assert states.get(circuit) == state or circuit in damaged
    assert set(states) <= set(CIRCUITS)
    assert acts == [an_act()]
    return "damaged" if damaged else "intact"


def flip(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_no_bit_of_a_circuits_row_can_flip_unseen(path: Path, tmp_path: Path) -> None:
    content, copy = path.read_bytes(), tmp_path / "copy.db"
    start = content.index(b'{"circuit":"sandbox"')
    end = content.index(b"}}", start) + 2 + 32  # the checksum follows the body
    head = 9 + len("sandbox" * 2)  # the lengths, the key and the monitor go before it
    bits = range(8 * (start - head), 8 * end)
    for bit in random.Random(1).sample(bits, 200):
        copy.write_bytes(flip(content, bit))
        assert judge(copy) in {"damaged", "refused"}, f"bit {bit - 8 * start} behind the start of the body"


def test_no_bit_of_the_file_can_flip_and_do_harm(path: Path, tmp_path: Path) -> None:
    content, copy = path.read_bytes(), tmp_path / "copy.db"
    used = [place for place in range(len(content)) if content[max(0, place - 4) : place + 4].strip(b"\0")]
    outcomes = set()
    moments = random.Random(2)
    for _ in range(300):
        copy.write_bytes(flip(content, 8 * moments.choice(used) + moments.randrange(8)))
        outcomes.add(judge(copy))
    assert outcomes == {"intact", "damaged", "refused"}


def test_states_are_known_by_all_their_fields(store: SqlStore) -> None:
    state: BreakerState = store.states()["sandbox"]
    assert state.decision is not None
    assert state.decision.spend == STATES["sandbox"].decision.spend  # type: ignore[union-attr]  # it has one, see above
