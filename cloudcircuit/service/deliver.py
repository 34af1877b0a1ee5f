"""The outbox: what is owed is sent, in order for each channel and monitor, until it has arrived or nothing helps.

Sockets live in real time: the clock here is the machine's, whatever time the judgement was made for. A delivery is
remembered after it was sent, so it arrives at least once, always with the same id.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from cloudcircuit.clock import Deadline
from cloudcircuit.engine.backoff import MAX_TRIES, next_try
from cloudcircuit.errors import NotifyError, StoreError
from cloudcircuit.model import ChannelRule, Delivery
from cloudcircuit.ports import Clock, Notifier, Store

SENT, OWED, FAILED = "sent", "owed", "failed"
"""The states of a delivery."""

BATCH = 200
"""How many deliveries one run takes up."""

SPARED = timedelta(seconds=30)
"""How long a channel is left alone after a failure that will pass, whatever else is owed to it."""

log = structlog.get_logger("cloudcircuit.deliver")

Lane = tuple[str, str]
"""A channel and a monitor: within one, no message overtakes another."""


class Outbox:
    """Sends what a store owes. `seconds` is the total time limit of one send; `jitter` gives numbers from 0 to 1."""

    def __init__(
        self,
        store: Store,
        notifiers: Mapping[str, Notifier],
        rules: Mapping[str, ChannelRule],
        clock: Clock,
        jitter: Callable[[], float],
        *,
        seconds: float = 8.0,
    ) -> None:
        self._store = store
        self._notifiers = notifiers
        self._rules = rules
        self._clock = clock
        self._jitter = jitter
        self._seconds = seconds
        self._has_begun = False
        self._lanes: dict[Lane, datetime] = {}
        self._spared: dict[str, datetime] = {}
        self._ready: dict[str, float] = {}
        self._unwritten: dict[str, Delivery] = {}
        self._dead_ends: dict[str, set[str]] = {}

    def run_once(self, stop: threading.Event | None = None) -> int:
        """Try what is due, each once, and give the number of tries: 0 says that nothing is left to do now.

        Channels take turns, so one that fails or has to be spared holds up no other. Never raises: trouble with the
        store is logged, and what it could not write is kept here until it can.
        """
        stop = stop or threading.Event()
        tries = 0
        queues = _queues(self._due())
        while queues and not stop.is_set():
            channel = min(queues, key=self._ready_at)
            if stop.wait(max(0.0, self._ready_at(channel) - self._clock.monotonic())):
                break
            tries += 1
            outcome = self._try(queues[channel].popleft())
            self._write(outcome)
            self._ready[channel] = self._clock.monotonic() + self._gap(channel)
            if outcome.state == OWED or not queues[channel]:
                del queues[channel]  # it may be hanging: what is left comes with a later run
        return tries

    # --- what is due ---

    def _due(self) -> list[Delivery]:
        """What may be tried now, oldest first: due, and with nothing older waiting in its lane."""
        try:
            if not self._has_begun:
                self._lanes, self._has_begun = self._lanes_that_wait(), True
            self._write_again()
            found = self._store.due(self._clock.now(), BATCH)
        except StoreError as error:
            log.warning("outbox.unreadable", error=str(error))
            return []
        now = self._clock.now()
        known = (self._unwritten.get(delivery.id, delivery) for delivery in found)
        owed = [d for d in known if d.state == OWED and (d.next_try is None or d.next_try <= now)]
        return self._hold_back(owed, now)

    def _lanes_that_wait(self) -> dict[Lane, datetime]:
        """After a restart: where a message waits for its next try, what is younger waits with it."""
        lanes: dict[Lane, datetime] = {}
        for delivery in self._store.deliveries(OWED, limit=10_000):
            if delivery.next_try is not None:
                lanes.setdefault(_lane(delivery), delivery.next_try)
        return lanes

    def _hold_back(self, owed: Iterable[Delivery], now: datetime) -> list[Delivery]:
        """Put off what would overtake or what is spared, so that it does not fill the next batches either."""
        free = []
        for delivery in owed:
            until = max(self._lanes.get(_lane(delivery), now), self._spared.get(delivery.channel, now))
            if until > now:
                self._write(replace(delivery, next_try=until))
            else:
                free.append(delivery)
        return free

    def _ready_at(self, channel: str) -> float:
        return self._ready.get(channel, 0.0)

    def _gap(self, channel: str) -> float:
        return float(getattr(self._notifiers.get(channel), "gap", 0.0))

    # --- one try ---

    def _try(self, delivery: Delivery) -> Delivery:
        notifier = self._notifiers.get(delivery.channel)
        if notifier is None:
            return self._hand_over(delivery, "this channel is not in the configuration")
        try:
            notifier.send(delivery, Deadline(self._seconds))
        except NotifyError as error:
            return self._failed(replace(delivery, attempts=delivery.attempts + 1), error)
        except Exception as error:  # noqa: BLE001  # a notifier may be anybody's code, and its words may hold a secret
            text = f"{delivery.channel}: {type(error).__name__} in its notifier"
            return self._failed(replace(delivery, attempts=delivery.attempts + 1), NotifyError(text))
        return self._sent(delivery)

    def _sent(self, delivery: Delivery) -> Delivery:
        self._dead_ends.pop(delivery.id, None)
        self._spared.pop(delivery.channel, None)
        self._lanes.pop(_lane(delivery), None)
        now = self._clock.now()
        log.info("delivery.sent", **_names(delivery), attempts=delivery.attempts + 1)
        return replace(delivery, state=SENT, attempts=delivery.attempts + 1, sent_at=now, next_try=None, error=None)

    def _failed(self, delivery: Delivery, error: NotifyError) -> Delivery:
        if error.rejected and not delivery.plain:
            log.warning("delivery.rejected", **_names(delivery), error=str(error))
            return replace(delivery, plain=True, next_try=self._clock.now(), error=str(error))
        if error.rejected or error.permanent:
            return self._hand_over(delivery, str(error))
        if delivery.attempts >= MAX_TRIES:
            return self._hand_over(delivery, f"given up after {delivery.attempts} tries; the last: {error}")
        return self._again(delivery, error)

    def _again(self, delivery: Delivery, error: NotifyError) -> Delivery:
        now = self._clock.now()
        when = next_try(delivery.attempts, now, error.retry_after, self._jitter())
        self._lanes[_lane(delivery)] = when
        # A receiver that asks us to wait means the whole channel, not this message alone.
        self._spared[delivery.channel] = now + SPARED if error.retry_after is None else when
        log.warning("delivery.retry", **_names(delivery), attempts=delivery.attempts, error=str(error), next_try=when)
        return replace(delivery, next_try=when, error=str(error))

    def _hand_over(self, delivery: Delivery, why: str) -> Delivery:
        """Give a delivery whose channel is dead to the fallback; without one it has failed, for all to see."""
        dead = self._dead_ends.setdefault(delivery.id, set())
        dead.add(delivery.channel)
        self._lanes.pop(_lane(delivery), None)
        rule = self._rules.get(delivery.channel)
        heir = rule.fallback if rule else None
        if heir is None or heir in dead:
            del self._dead_ends[delivery.id]
            log.error("delivery.failed", **_names(delivery), error=why)
            return replace(delivery, state=FAILED, next_try=None, error=why)
        log.error("delivery.handed_over", **_names(delivery), to=heir, error=why)
        error = f"{why}; handed over to {heir}"
        return replace(delivery, channel=heir, attempts=0, plain=False, next_try=self._clock.now(), error=error)

    # --- what became of it ---

    def _write(self, outcome: Delivery) -> None:
        try:
            self._store.record_try(outcome)
            self._unwritten.pop(outcome.id, None)
        except StoreError as error:
            # Kept, or the same message would go out again with every run while the store is in trouble.
            self._unwritten[outcome.id] = outcome
            log.warning("outbox.unwritten", **_names(outcome), error=str(error))

    def _write_again(self) -> None:
        for outcome in list(self._unwritten.values()):
            with suppress(StoreError):  # it was logged when it happened
                self._store.record_try(outcome)
                del self._unwritten[outcome.id]


def _queues(due: Iterable[Delivery]) -> dict[str, deque[Delivery]]:
    queues: dict[str, deque[Delivery]] = {}
    for delivery in due:
        queues.setdefault(delivery.channel, deque()).append(delivery)
    return queues


def _lane(delivery: Delivery) -> Lane:
    return delivery.channel, delivery.monitor


def _names(delivery: Delivery) -> dict[str, str]:
    return {"id": delivery.id, "channel": delivery.channel, "monitor": delivery.monitor}
