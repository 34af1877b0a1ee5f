from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from cloudcircuit.errors import NotifyError
from cloudcircuit.model import ChannelRule, Delivery, Severity
from cloudcircuit.ports import Notifier, Store
from cloudcircuit.service.deliver import Outbox
from tests.alerts.memory import Clock, Mailbox, MemoryStore, passing

DEAD = NotifyError("ops: Slack answered 404 no_service", permanent=True)
REFUSED = NotifyError("ops: Slack answered 400 invalid_blocks", rejected=True)


def owed(number: int, channel: str = "ops", monitor: str = "production", **more: Any) -> Delivery:
    at = Clock().now() - timedelta(days=1) + timedelta(seconds=number)
    return Delivery(f"msg_{number}", channel, monitor, at, Severity.WARNING, {"alerts": []}, **more)


class Bench:
    """An outbox with its surroundings."""

    def __init__(
        self, deliveries: list[Delivery], boxes: Mapping[str, Notifier], fallbacks: Mapping[str, str] | None = None
    ) -> None:
        self.clock = Clock()
        self.store = MemoryStore(deliveries)
        self.boxes = boxes
        names = {*boxes, *(fallbacks or {})}
        self.rules = {name: ChannelRule(name, fallback=(fallbacks or {}).get(name)) for name in names}
        self.restart()

    def restart(self) -> None:
        self.outbox = Outbox(cast(Store, self.store), self.boxes, self.rules, self.clock, lambda: 0.5)

    def settle(self, hours: float = 1.0, step: float = 15.0) -> None:
        """Let time pass, with a run at every step."""
        for _ in range(int(hours * 3600 / step)):
            while self.outbox.run_once():
                pass
            self.clock.pass_time(step)

    def states(self) -> dict[str, str]:
        return {row.id: row.state for row in self.store.rows.values()}


def test_what_is_owed_is_sent_oldest_first_and_remembered_afterwards() -> None:
    box = Mailbox()
    bench = Bench([owed(2), owed(1), owed(3)], {"ops": box})

    assert bench.outbox.run_once() == 3

    assert box.taken == ["msg_1", "msg_2", "msg_3"]
    row = bench.store.rows["msg_1"]
    assert (row.state, row.attempts, row.sent_at, row.next_try, row.error) == ("sent", 1, bench.clock.wall, None, None)
    assert bench.outbox.run_once() == 0


def test_a_failure_that_passes_is_tried_again_and_nothing_overtakes_it() -> None:
    box = Mailbox(passing(), passing(), None)
    bench = Bench([owed(1), owed(2)], {"ops": box})

    bench.outbox.run_once()
    first = bench.store.rows["msg_1"]
    assert (first.state, first.attempts, first.error) == ("owed", 1, "ops: the receiver answered 503")
    assert first.next_try == bench.clock.wall + timedelta(seconds=33)
    assert bench.outbox.run_once() == 0, "not before its time, and the younger one not before it"

    bench.settle(0.1)
    assert [d.id for d in box.tried] == ["msg_1", "msg_1", "msg_1", "msg_2"]
    assert bench.states() == {"msg_1": "sent", "msg_2": "sent"}


def test_the_order_survives_a_restart() -> None:
    box = Mailbox(passing(), None)
    bench = Bench([owed(1), owed(2)], {"ops": box})
    bench.outbox.run_once()

    bench.restart()
    assert bench.outbox.run_once() == 0
    bench.settle(0.1)
    assert box.taken == ["msg_1", "msg_2"]


def test_a_failing_channel_holds_up_no_other() -> None:
    failing, healthy = Mailbox(), Mailbox()
    failing.always = passing()
    many = [owed(n, "ops", f"monitor-{n}") for n in range(500)]
    bench = Bench([*many, owed(900, "desk")], {"ops": failing, "desk": healthy})

    for _ in range(5):
        bench.outbox.run_once()

    assert healthy.taken == ["msg_900"]
    assert len(failing.tried) == 1, "the others are spared while the channel fails"


def test_one_message_that_a_channel_cannot_take_does_not_hold_up_its_other_monitors() -> None:
    class Poisoned(Mailbox):
        def send(self, delivery: Delivery, deadline: Any) -> None:
            self.always = passing() if delivery.id == "msg_1" else None
            super().send(delivery, deadline)

    box = Poisoned()
    bench = Bench([owed(1, monitor="a"), owed(2, monitor="b"), owed(3, monitor="a")], {"ops": box})

    bench.settle(1)

    assert bench.states() == {"msg_1": "owed", "msg_2": "sent", "msg_3": "owed"}


def test_retry_after_spares_the_whole_channel_as_long_as_asked() -> None:
    box = Mailbox(passing(retry_after=600))
    bench = Bench([owed(1, monitor="a"), owed(2, monitor="b")], {"ops": box})

    bench.settle(599 / 3600)
    assert [d.id for d in box.tried] == ["msg_1"]
    bench.settle(0.1)
    assert box.taken == ["msg_1", "msg_2"]


def test_72_hours_of_trouble_lose_nothing_and_keep_the_order() -> None:
    box = Mailbox()
    box.always = passing()
    bench = Bench([owed(n, monitor=f"m{n % 3}") for n in range(30)], {"ops": box})
    bench.settle(72, step=300)
    tries = len(box.tried)

    box.always = None
    bench.settle(2, step=60)

    assert set(bench.states().values()) == {"sent"}
    for lane in range(3):
        numbers = [int(name[4:]) for name in box.taken if int(name[4:]) % 3 == lane]
        assert numbers == sorted(numbers)
    assert tries <= 3 * 90, "the schedule is obeyed: about one try an hour for each monitor"


def test_after_a_week_it_has_failed_visibly() -> None:
    box = Mailbox()
    box.always = passing()
    bench = Bench([owed(1)], {"ops": box})
    bench.settle(24 * 7, step=600)
    assert bench.states() == {"msg_1": "owed"}
    bench.settle(24 * 2, step=600)

    row = bench.store.rows["msg_1"]
    assert row.state == "failed"
    assert row.error == "given up after 175 tries; the last: ops: the receiver answered 503"


def test_a_refused_layout_is_sent_plain_at_once_and_before_what_is_younger() -> None:
    box = Mailbox(REFUSED)
    bench = Bench([owed(1), owed(2)], {"ops": box})
    bench.settle(0.01)

    assert [(d.id, d.plain) for d in box.tried] == [("msg_1", False), ("msg_1", True), ("msg_2", False)]
    assert bench.states() == {"msg_1": "sent", "msg_2": "sent"}


def test_refused_plain_as_well_it_has_failed() -> None:
    bench = Bench([owed(1)], {"ops": Mailbox(REFUSED, REFUSED)})
    bench.settle(0.01)
    row = bench.store.rows["msg_1"]
    assert (row.state, row.error, row.plain) == ("failed", str(REFUSED), True)


@pytest.mark.parametrize("answers", [[DEAD], [REFUSED, REFUSED]])
def test_the_fallback_takes_over_from_a_dead_channel_with_the_same_id(answers: list[Exception]) -> None:
    dead, heir = Mailbox(*answers), Mailbox()
    bench = Bench([owed(1)], {"ops": dead, "desk": heir}, {"ops": "desk"})
    bench.settle(0.01)

    row = bench.store.rows["msg_1"]
    assert heir.taken == ["msg_1"]
    assert not heir.tried[0].plain, "the fallback gets the full layout"
    assert (row.state, row.channel, row.attempts) == ("sent", "desk", 1)
    assert "handed over to desk" in str(heir.tried[0].error)


def test_fallbacks_that_run_in_a_circle_end() -> None:
    one, two = Mailbox(), Mailbox()
    one.always = two.always = DEAD
    bench = Bench([owed(1)], {"ops": one, "desk": two}, {"ops": "desk", "desk": "ops"})
    bench.settle(0.1)
    assert bench.states() == {"msg_1": "failed"}
    assert len(one.tried) == len(two.tried) == 1


def test_a_channel_that_is_gone_from_the_configuration_loses_nothing_silently() -> None:
    box = Mailbox()
    bench = Bench([owed(1, "gone"), owed(2, "moved")], {"desk": box}, {"moved": "desk"})
    bench.settle(0.01)

    assert bench.states() == {"msg_1": "failed", "msg_2": "sent"}
    assert bench.store.rows["msg_1"].error == "this channel is not in the configuration"


def test_an_exception_of_a_notifier_is_a_passing_error_without_its_words() -> None:
    box = Mailbox(RuntimeError("POST https://hooks.example/secret-token failed"), None)
    bench = Bench([owed(1)], {"ops": box})
    bench.outbox.run_once()
    assert bench.store.rows["msg_1"].error == "ops: RuntimeError in its notifier"
    bench.settle(0.1)
    assert bench.states() == {"msg_1": "sent"}


@pytest.mark.parametrize("broken", ["read", "all"])
def test_a_store_that_cannot_be_read_is_borne(broken: str) -> None:
    box = Mailbox()
    bench = Bench([owed(1)], {"ops": box})
    bench.store.broken = broken
    assert bench.outbox.run_once() == 0
    bench.store.broken = ""
    assert bench.outbox.run_once() == 1


def test_what_cannot_be_remembered_is_not_sent_again_and_again() -> None:
    box = Mailbox()
    bench = Bench([owed(1)], {"ops": box})
    bench.store.broken = "write"
    bench.settle(0.1)
    assert box.taken == ["msg_1"]

    bench.store.broken = ""
    bench.settle(0.01)
    assert bench.states() == {"msg_1": "sent"}
    assert box.taken == ["msg_1"]


def test_while_the_store_is_in_trouble_tries_keep_to_their_schedule() -> None:
    box = Mailbox()
    box.always = passing()
    bench = Bench([owed(1)], {"ops": box})
    bench.store.broken = "write"
    bench.settle(1)
    assert 6 <= len(box.tried) <= 8


def test_a_row_that_vanished_stops_nothing() -> None:
    class Forgetful(MemoryStore):
        def record_try(self, delivery: Delivery) -> None:
            self.broken = "write" if delivery.id == "msg_1" else ""
            super().record_try(delivery)

    box = Mailbox()
    bench = Bench([], {"ops": box})
    bench.store = Forgetful([owed(1), owed(2)])
    bench.restart()
    bench.settle(0.01)
    assert box.taken == ["msg_1", "msg_2"]
    assert bench.store.rows["msg_2"].state == "sent"


def test_killed_after_sending_and_before_remembering_it_is_sent_again_with_its_id() -> None:
    class Killed(BaseException):
        pass

    class Fragile(MemoryStore):
        def record_try(self, delivery: Delivery) -> None:
            raise Killed

    box = Mailbox()
    bench = Bench([], {"ops": box})
    bench.store = Fragile([owed(1)])
    bench.restart()
    with pytest.raises(Killed):
        bench.outbox.run_once()

    bench.store = MemoryStore(bench.store.rows.values())
    bench.restart()
    bench.outbox.run_once()
    assert box.taken == ["msg_1", "msg_1"]


def test_a_channel_with_a_gap_gets_one_message_in_it_and_the_others_do_not_wait() -> None:
    from tests.alerts.receivers import Real

    slack, desk = Mailbox(gap=0.2), Mailbox()
    deliveries = [owed(n, "ops") for n in range(4)] + [owed(10 + n, "desk") for n in range(4)]
    outbox = Outbox(
        cast(Store, MemoryStore(deliveries)),
        {"ops": slack, "desk": desk},
        {name: ChannelRule(name) for name in ("ops", "desk")},
        Real(),
        lambda: 0.0,
    )
    clock = Real()
    began = clock.monotonic()
    outbox.run_once()
    assert clock.monotonic() - began >= 0.6
    assert len(slack.taken) == len(desk.taken) == 4


def test_a_stop_is_obeyed_between_two_messages() -> None:
    stop = threading.Event()

    class Stopping(Mailbox):
        def send(self, delivery: Delivery, deadline: Any) -> None:
            super().send(delivery, deadline)
            stop.set()

    box = Stopping(gap=60.0)
    bench = Bench([owed(n) for n in range(3)], {"ops": box})
    assert bench.outbox.run_once(stop) == 1
    assert bench.outbox.run_once(stop) == 0


def test_a_handed_over_message_waits_behind_what_its_new_lane_waits_for() -> None:
    dead, heir = Mailbox(), Mailbox(passing())
    dead.always = DEAD
    waiting = replace(owed(0, "desk"))
    bench = Bench([waiting, owed(1, "ops")], {"ops": dead, "desk": heir}, {"ops": "desk"})
    bench.settle(0.05)
    assert heir.taken == ["msg_0", "msg_1"]
