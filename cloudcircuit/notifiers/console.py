"""What a person sees on a terminal or in a log: a few lines for each alert, to be read within a minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from cloudcircuit.engine.facts import event_facts, facts, next_steps
from cloudcircuit.engine.sparkline import draw
from cloudcircuit.engine.text import shown
from cloudcircuit.engine.wording import sign_of, sign_of_all
from cloudcircuit.errors import NotifyError
from cloudcircuit.model import Delivery
from cloudcircuit.ports import Deadline

Envelope = Mapping[str, Any]

IN_FULL = 5
"""So many alerts are shown with all their facts; more of them get one line each."""
MOST = 20

_SIGNS = {"critical": "●", "warning": "▲", "info": "■", "resolved": "✔"}
_COLOURS = {"critical": "1;31", "warning": "1;33", "info": "1;34", "resolved": "1;32"}
_LABEL = 10


class ConsoleNotifier:
    """Writes to a stream that the caller gives; in colour if it is a terminal."""

    def __init__(self, name: str, stream: TextIO) -> None:
        self._name = name
        self._stream = stream

    def send(self, delivery: Delivery, deadline: Deadline) -> None:  # noqa: ARG002  # the seam's signature
        """Write a delivery at once, so that two never mix. Raises NotifyError when the stream is gone."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        try:
            text = render(delivery.envelope, colour=self._stream.isatty())
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
            self._stream.flush()
        except (OSError, ValueError) as error:
            problem = f"{self._name}: the stream cannot be written ({type(error).__name__})"
            raise NotifyError(problem, permanent=True) from error

    def check(self, deadline: Deadline) -> str:  # noqa: ARG002  # the seam's signature
        where = "a terminal" if self._stream.isatty() else "a stream"
        return f"{self._name}: writes to {where}"


def render(envelope: Envelope, *, colour: bool = False) -> str:
    """The lines for an envelope, with an empty line at the end."""
    alerts, event = envelope["alerts"], envelope["event"]
    if event is not None:
        lines = [_title(sign_of_all(envelope), event["title"], colour), *_facts(event_facts(event), colour)]
    elif len(alerts) <= IN_FULL:
        chart = draw(alerts[0]) if len(alerts) == 1 else []
        lines = [line for alert in alerts for line in _alert(alert, chart, colour)]
    else:
        lines = _digest(envelope, colour)
    return "\n".join([*lines, "", ""])


def _alert(alert: Envelope, chart: Sequence[str], colour: bool) -> list[str]:
    """An alert by itself has its chart; among others it is short."""
    return [
        _title(_sign(alert), alert["title"], colour),
        *_facts(facts(alert), colour),
        *_facts([("chart" if place == 0 else "", line) for place, line in enumerate(chart)], colour),
        *_facts([("next", command) for _, command in next_steps(alert)[:1]], colour),
    ]


def _digest(envelope: Envelope, colour: bool) -> list[str]:
    head = _title(sign_of_all(envelope), envelope["title"], colour)
    found = envelope["alerts"]
    lines = [f"  {_title(_sign(a), a['title'], colour)}" for a in found[:MOST]]
    more = len(found) - MOST
    return [head, *lines, *([f"  … {more:,} more: cloudcircuit status lists them all"] if more > 0 else [])]


def _sign(alert: Envelope) -> str:
    return sign_of(alert["kind"], alert["alert_severity"])


def _title(sign: str, text: str, colour: bool) -> str:
    return _paint(f"{_SIGNS[sign]} {shown(text, 400)}", _COLOURS[sign], colour)


def _facts(found: Sequence[tuple[str, str]], colour: bool) -> list[str]:
    return [f"  {_paint(label.ljust(_LABEL), '2', colour)} {text}" for label, text in found]


def _paint(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text
