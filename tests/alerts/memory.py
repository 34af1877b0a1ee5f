"""A store in memory, with as much of `ports.Store` as the outbox uses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cloudcircuit.errors import NotifyError, StoreError
from cloudcircuit.model import Delivery
from cloudcircuit.ports import Deadline


class MemoryStore:
    """Deliveries by id, in the order in which they were owed. While `broken` is set, nothing works."""

    def __init__(self, owed: Iterable[Delivery] = ()) -> None:
        self.rows = {delivery.id: delivery for delivery in owed}
        self.broken = ""
        self.writes = 0

    def due(self, now: datetime, limit: int = 100) -> list[Delivery]:
        self._fail("read")
        found = [d for d in self._oldest() if d.state == "owed" and (d.next_try is None or d.next_try <= now)]
        return found[:limit]

    def deliveries(self, state: str | None = None, limit: int = 100) -> list[Delivery]:
        self._fail("read")
        return [d for d in self._oldest() if state in (None, d.state)][-limit:]

    def record_try(self, delivery: Delivery) -> None:
        self._fail("write")
        self.writes += 1
        self.rows[delivery.id] = delivery

    def _oldest(self) -> list[Delivery]:
        return sorted(self.rows.values(), key=lambda delivery: delivery.owed_at)

    def _fail(self, what: str) -> None:
        if self.broken in (what, "all"):
            raise StoreError("the state cannot be reached: disk full")


class Clock:
    """Wall time that a test moves; monotonic time goes with it."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.ran = 0.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.ran

    def pass_time(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.ran += seconds


class Mailbox:
    """A notifier that keeps what it gets, or fails as the test says: an error for each send, None to take it."""

    def __init__(self, *answers: Exception | None, gap: float = 0.0) -> None:
        self.answers = list(answers)
        self.always: Exception | None = None
        self.tried: list[Delivery] = []
        self.taken: list[str] = []
        self.gap = gap

    def send(self, delivery: Delivery, deadline: Deadline) -> None:
        assert not deadline.expired
        self.tried.append(delivery)
        answer = self.answers.pop(0) if self.answers else self.always
        if answer is not None:
            raise answer
        self.taken.append(delivery.id)

    def check(self, deadline: Deadline) -> str:
        return "in memory"


def passing(retry_after: float | None = None) -> NotifyError:
    return NotifyError("ops: the receiver answered 503", retry_after=retry_after)
