"""The worst day of a real server: it refuses, hangs, breaks off; and nothing outlives its deadline."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Select, exc, literal_column, select, text

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import CallCost
from cloudcircuit.testing import MemoryMeter
from cloudcircuit_sql.connect import Running, Session, ask
from cloudcircuit_sql.engines import Cancel
from tests.sql.build import PASSWORD, TYPED, fetch, open_source, question, refusal, run, where, write


@pytest.fixture
def table(postgres: str) -> str:
    row = {"ChargePeriodStart": "2024-10-05", "BillingCurrency": "USD", "BilledCost": "1", "ServiceName": "a"}
    write(postgres, "faults.charges", [row], **TYPED)
    return postgres


def test_a_refused_login(table: str) -> None:
    error = refusal(table.replace("postgres:@", f"nobody:{PASSWORD}@"), "faults.charges")
    assert "refuses the login: check user and password" in str(error)
    assert error.permanent


def test_a_database_that_is_not_there(table: str) -> None:
    error = refusal(table.replace("/postgres?", "/elsewhere?"), "faults.charges")
    assert "has no such database" in str(error)


@pytest.mark.parametrize("name", ["faults.nothing", "nowhere.charges", "nothing"])
def test_a_table_that_is_not_there(table: str, name: str) -> None:
    error = refusal(table, name)
    assert str(error) == f"PostgreSQL has no table {name} that this user can see"
    assert error.permanent


def test_a_table_that_may_not_be_read_and_the_least_that_is_needed(table: str) -> None:
    run(
        table,
        "DROP ROLE IF EXISTS cloudcircuit",
        "CREATE ROLE cloudcircuit LOGIN",
        "CREATE VIEW faults.bill AS SELECT * FROM faults.charges",
    )
    reader = table.replace("postgres:@", "cloudcircuit:@")
    run(table, "GRANT USAGE ON SCHEMA faults TO cloudcircuit")
    error = refusal(reader, "faults.bill")
    assert "does not let this user read faults.bill: grant SELECT on it" in str(error)
    assert error.permanent
    run(table, "GRANT SELECT ON faults.bill TO cloudcircuit")
    assert fetch(reader, "faults.bill").table.num_rows == 1
    run(table, "DROP OWNED BY cloudcircuit", "DROP ROLE cloudcircuit")


def test_nothing_is_ever_written(table: str) -> None:
    def write_something(session: Session) -> None:
        list(session.rows(select(literal_column("1")).where(text("(SELECT true FROM pg_notify('a', 'b'))"))))
        session._connection.exec_driver_sql("DELETE FROM faults.charges")

    with pytest.raises(exc.InternalError, match="read-only transaction"):
        ask(where(table), write_something, lambda: None, Deadline(10), "bill")


def test_nobody_answers_at_the_port() -> None:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    error = refusal(f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/db", "charges")
    assert not error.permanent
    assert PASSWORD not in str(error)
    assert "refused" in str(error)


def timed(work: Callable[[], AdapterError], most: float) -> AdapterError:
    started = time.monotonic()
    error = work()
    assert time.monotonic() - started < most
    return error


def test_a_server_that_hangs_is_left_and_asked_again_only_when_it_has_come_back() -> None:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        line.listen()
        url = f"postgresql://me:{PASSWORD}@127.0.0.1:{line.getsockname()[1]}/db"
        for words in ("took longer than 0.5 s", "still has not come back"):
            error = timed(lambda: refusal(url, "charges", seconds=0.5, source="hanging"), 1.5)
            assert words in str(error)
            assert not error.permanent


@pytest.fixture
def locked(table: str) -> Iterator[str]:
    with psycopg.connect(table) as other:
        other.execute("LOCK TABLE faults.charges")
        yield table


def test_a_statement_that_takes_too_long_ends_on_the_server_as_well(locked: str) -> None:
    error = timed(lambda: refusal(locked, "faults.charges", seconds=0.7), 2.0)
    assert not error.permanent
    assert "too" in str(error) or "took longer than" in str(error)
    time.sleep(0.5)
    with psycopg.connect(locked) as other:
        busy = other.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%faults%charges%' AND state = 'active'"
            " AND pid <> pg_backend_pid()"
        ).fetchone()
    assert busy == (0,)


def test_a_driver_that_nothing_tells_is_called_off(table: str) -> None:
    """Without the server's own time limit: the statement is called off from here."""
    started = time.monotonic()

    def sleep(session: Session) -> Any:
        session._connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        return list(session.rows(select(literal_column("pg_sleep(60)"))))

    with pytest.raises(AdapterError, match=r"took longer than 0\.5 s"):
        ask(where(table), sleep, lambda: None, Deadline(0.5), "sleeper")
    assert time.monotonic() - started < 1.5
    time.sleep(0.5)
    assert ask(where(table), lambda session: 7, lambda: None, Deadline(5), "sleeper") == 7


def test_a_statement_of_sqlite_is_called_off() -> None:
    numbers = text("(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)")
    endless: Select[Any] = select(literal_column("count(*)")).select_from(numbers)
    address = where("sqlite://", "charges")
    with pytest.raises(AdapterError, match=r"took longer than 0\.3 s"):
        ask(address, lambda session: list(session.rows(endless)), lambda: None, Deadline(0.3), "endless")
    time.sleep(0.5)
    assert ask(address, lambda session: 7, lambda: None, Deadline(5), "endless") == 7


def test_a_cursor_that_cannot_be_called_off_hangs_nobody() -> None:
    class Cursor:
        called = 0

        def cancel(self) -> None:
            self.called += 1
            raise OSError("gone")

    running = Running(Cancel.CURSOR, connection=object(), cursor=Cursor())
    running.call_off()
    assert running.cursor.called == 1


def test_a_connection_that_breaks_in_the_middle_is_no_answer(table: str) -> None:
    def read(session: Session) -> int:
        count = 0
        for _ in session.rows(select(literal_column("n")).select_from(text("generate_series(1, 2000000) n"))):
            count += 1
            if count == 10:
                run(table, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        return count

    with pytest.raises(AdapterError) as caught:
        ask(where(table), read, lambda: None, Deadline(20), "bill")
    assert not caught.value.permanent


def test_no_statement_is_sent_after_the_deadline(table: str) -> None:
    sent: list[int] = []

    def read(session: Session) -> None:
        time.sleep(0.4)
        list(session.rows(select(literal_column("1"))))

    with pytest.raises(AdapterError, match="took"):
        ask(where(table), read, lambda: sent.append(1), Deadline(0.3), "late")
    time.sleep(0.3)
    assert sent == []


def test_a_used_up_meter_sends_nothing(table: str) -> None:
    class Closed(MemoryMeter):
        def take(self, cost: CallCost, cap: Any = None) -> None:
            raise AdapterError("that is used up")

    with pytest.raises(AdapterError, match="that is used up"):
        open_source(table, "faults.charges", meter=Closed()).fetch(question(), Deadline(5))


def test_no_connection_stays_behind(table: str) -> None:
    source = open_source(table, "faults.charges")
    source.fetch(question(), Deadline(20))
    source.probe(Deadline(20))
    time.sleep(0.2)
    with psycopg.connect(table) as other:
        count = other.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    assert count == (0,)
