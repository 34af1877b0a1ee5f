"""The one owner of time. Everything else gets `now`, a deadline or a clock as an argument."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime


class SystemClock:
    """The machine's clocks: wall time for judgements, monotonic time for waiting."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()


@dataclass(slots=True)
class FixedClock:
    """A clock that stands at `at` (for `--at` and replays); waiting still runs in real time."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class Deadline:
    """A total time limit in real seconds, however often the work inside starts again."""

    seconds: float
    started: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.started + self.seconds - time.monotonic())

    @property
    def expired(self) -> bool:
        return self.left() <= 0.0
