"""Telling people about the daemon itself: its configuration, its clock, its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from cloudcircuit.engine.alerts import envelopes
from cloudcircuit.errors import NotifyError, StoreError
from cloudcircuit.model import Commit, Entry, SourceAlert
from cloudcircuit.ports import Notifier
from cloudcircuit.service.house import House

log = structlog.get_logger("cloudcircuit.notice")

QUIET = 60.0
"""How long the same trouble is not logged again, in seconds."""

_SEND_SECONDS = 5.0


def tell(house: House, alert: SourceAlert, channels: Callable[[], Mapping[str, Notifier]]) -> None:
    """Owe an alert to its channels. Where the state takes nothing, send it at once and once: that cannot be owed."""
    owed = tuple(envelopes((), [alert], house.rules, alert.at, page=house.link))
    entry = Entry(alert.at, alert.kind.value, alert.subject, 0, {"text": alert.text})
    try:
        house.store.commit(Commit(history=(entry,), deliveries=owed))
    except StoreError:
        open_channels = channels()
        for delivery in owed:
            try:
                open_channels[delivery.channel].send(delivery, house.deadline(_SEND_SECONDS))
            except (NotifyError, KeyError) as error:
                log.warning("nobody heard", channel=delivery.channel, error=str(error))


@dataclass(slots=True)
class Troubles:
    """What goes wrong now, by where: so that a state that fails for hours is logged once a minute and told once."""

    _now: dict[str, tuple[str, float]] = field(default_factory=dict)

    def begin(self, where: str, text: str, at: float) -> bool:
        """Note a trouble, and say whether it is worth a line: it is new, different, or a minute old. `at` is
        monotonic."""
        before = self._now.get(where)
        if before is not None and before[0] == text and at - before[1] < QUIET:
            return False
        self._now[where] = (text, at)
        return True

    def end(self, where: str) -> None:
        self._now.pop(where, None)

    def __bool__(self) -> bool:
        return bool(self._now)
