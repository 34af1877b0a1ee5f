from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from typing import Any

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import StoreError
from cloudcircuit.model import AlertKind, Severity, SourceAlert
from cloudcircuit.notifiers import ConsoleNotifier
from cloudcircuit.ports import Store
from cloudcircuit.service.house import House
from cloudcircuit.service.notice import QUIET, Troubles, tell
from cloudcircuit.stores import memory_store

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ALERT = SourceAlert(
    AlertKind.CONFIG_REJECTED, Severity.CRITICAL, NOW, "configuration", "two problems", channels=("console", "gone")
)


def house(store: Store) -> House:
    return House(store=store, sources={}, monitors=(), rules={}, deadline=Deadline)


def test_an_alert_is_owed_and_part_of_history() -> None:
    store = memory_store()

    def channels() -> Any:
        raise AssertionError("what is owed is sent by the outbox")

    tell(house(store), ALERT, channels)
    assert [delivery.channel for delivery in store.deliveries("owed")] == ["console", "gone"]
    (entry,) = store.history()
    assert (entry.kind, entry.subject, entry.detail["text"]) == ("config_rejected", "configuration", "two problems")


def test_where_nothing_can_be_owed_it_is_said_at_once() -> None:
    class Full:
        def commit(self, commit: object) -> None:
            raise StoreError("the disk is full")

    out = StringIO()
    tell(house(Full()), ALERT, lambda: {"console": ConsoleNotifier("console", out)})  # type: ignore[arg-type]
    assert "two problems" in out.getvalue()


def test_the_same_trouble_is_worth_a_line_a_minute() -> None:
    troubles = Troubles()
    assert not troubles
    assert troubles.begin("publish", "disk full", 0.0)
    assert troubles
    assert not troubles.begin("publish", "disk full", QUIET - 1)
    assert troubles.begin("publish", "read-only", QUIET - 1)
    assert troubles.begin("refresh", "disk full", QUIET - 1)
    assert troubles.begin("publish", "read-only", 2 * QUIET)
    troubles.end("publish")
    troubles.end("refresh")
    assert not troubles
    assert troubles.begin("publish", "read-only", 2 * QUIET)
