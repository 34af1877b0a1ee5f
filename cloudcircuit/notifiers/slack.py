"""Slack incoming webhooks: Block Kit for one alert, a digest for many, and a short plain form.

Whatever comes from outside (names, tags, owners, error texts) is escaped and cut to Slack's limits: 50 blocks, 150
characters in a header, 3000 in a section, 2000 in a field, 10 fields, no empty text. Characters are counted as
UTF-16 units after escaping, which is never less than Slack counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cloudcircuit.engine.facts import event_facts, facts, next_steps
from cloudcircuit.engine.sparkline import draw
from cloudcircuit.engine.text import cut, shown
from cloudcircuit.engine.wording import sign_of, sign_of_all
from cloudcircuit.errors import NotifyError
from cloudcircuit.model import Delivery, Secret
from cloudcircuit.notifiers.target import Answer, Target, raise_for_passing
from cloudcircuit.ports import Clock, Deadline

Block = dict[str, Any]
Envelope = Mapping[str, Any]

LARGEST = 20
"""How many alerts a digest shows; the others are counted."""

HEADER, SECTION, FIELD, NOTIFICATION = 150, 3000, 2000, 600

_SIGNS = {"critical": "🔴", "warning": "🟠", "info": "🔵", "resolved": "🟢"}
_WIDE = frozenset({"why", "when", "drivers", "same money", "what", "error", "monitors"})
"""Facts that get a line of their own; the others stand in two columns."""
_BRIEF = ("excess", "drivers", "effect", "owner")
"""What a digest says of each alert."""

_REFUSES_LAYOUT = frozenset({"invalid_blocks", "invalid_blocks_format", "invalid_payload", "no_text", "msg_too_long"})
_DEAD = frozenset({401, 403, 404, 410})


class SlackNotifier:
    """One incoming webhook. `allow_http` is for receivers of one's own that speak as Slack does."""

    gap = 1.0  # Slack takes one message a second

    def __init__(
        self, name: str, url: Secret, clock: Clock, *, allow_http: bool = False, ca_file: Path | None = None
    ) -> None:
        self._target = Target(name, url, clock, tls_only=True, allow_http=allow_http, ca_file=ca_file)

    def send(self, delivery: Delivery, deadline: Deadline) -> None:
        """Send a delivery, plain if it says so. Raises NotifyError."""
        payload = render_plain(delivery.envelope) if delivery.plain else render(delivery.envelope)
        self._raise_for(self._post(payload, deadline))

    def check(self, deadline: Deadline) -> str:
        """An empty text is refused by a live channel, and nobody sees it."""
        answer = self._post({"text": ""}, deadline)
        if _word(answer) != "no_text":
            self._raise_for(answer)
        return f"{self._target.name}: Slack knows this webhook; nothing was posted"

    def _post(self, payload: Mapping[str, Any], deadline: Deadline) -> Answer:
        from cloudcircuit.notifiers.http import post  # what sends is loaded when something is sent

        body = json.dumps(payload, allow_nan=False).encode()
        return post(self._target, body, {"Content-Type": "application/json"}, deadline)

    def _raise_for(self, answer: Answer) -> None:
        if answer.status == 200 and answer.body.strip() == b"ok":
            return
        raise_for_passing(self._target.name, answer)
        word = _word(answer)
        said = f"{self._target.name}: Slack answered {answer.status}" + (f" {word}" if word else "")
        if 200 <= answer.status < 300:  # a proxy or a portal speaks in its place
            raise NotifyError(f"{said}, not ok", retry_after=answer.retry_after)
        rejected = word in _REFUSES_LAYOUT or (word == "" and answer.status not in _DEAD)
        raise NotifyError(said, rejected=rejected, permanent=not rejected)


def _word(answer: Answer) -> str:
    """Slack's own error word. Any other body is not repeated: who knows what is in it."""
    text = answer.body[:64].decode("ascii", "replace").strip()
    return text if re.fullmatch(r"[a-z][a-z_]{1,60}", text) else ""


# --- what is sent ---------------------------------------------------------------------------------------


def render(envelope: Envelope) -> dict[str, Any]:
    """The message for an envelope: one alert in full, several as a digest, or a source's event."""
    alerts, event = envelope["alerts"], envelope["event"]
    if event is not None:
        blocks = _event(event)
    elif len(alerts) == 1:
        blocks = _alert(alerts[0])
    else:
        blocks = _digest(envelope)
    return _message(_notification(envelope), blocks)


def render_plain(envelope: Envelope) -> dict[str, Any]:
    """The short form, for a channel that refused the layout: one text, fenced so that nothing in it is a link."""
    alerts = envelope["alerts"]
    lines = [f"{_sign(alert)} {escaped(alert['title'], 120)}" for alert in alerts[:LARGEST]] if len(alerts) > 1 else []
    steps = [_escape(command) for _, command in next_steps(alerts[0])[:1]] if len(alerts) == 1 else []
    rest = [line.replace("`", "") for line in _rest(envelope)]
    text = "\n".join([_notification(envelope), *lines, *steps, *rest])
    return _message(f"```\n{text}\n```", [])


def _message(text: str, blocks: Sequence[Block]) -> dict[str, Any]:
    message: dict[str, Any] = {"text": text, "unfurl_links": False, "unfurl_media": False}
    return {**message, "blocks": list(blocks)} if blocks else message


def _notification(envelope: Envelope) -> str:
    """What a phone shows."""
    return f"{_SIGNS[sign_of_all(envelope)]} {escaped(envelope['title'], NOTIFICATION)}"


def _alert(alert: Envelope) -> list[Block]:
    return [
        _header(f"{_sign(alert)} {alert['title']}"),
        *_lines(facts(alert)),
        *_chart(alert),
        _section(f"*What next*\n{_steps(alert)}"),
        *_link(alert),
        _context(_origin(alert)),
    ]


def _chart(alert: Envelope) -> list[Block]:
    """The chart of the last periods, in signs of one width."""
    lines = "\n".join(_escape(line) for line in draw(alert))
    return [_section(f"```\n{lines}\n```")] if lines else []


def _steps(alert: Envelope) -> str:
    """The commands, each whole or not at all."""
    steps, room = [], SECTION - 100
    for what, command in next_steps(alert):
        step = f"{what}: `{_escape(command)}`"
        room -= _units(step) + 1
        if room >= 0:
            steps.append(step)
    return "\n".join(steps) or "The name of this circuit cannot be copied: `cloudcircuit status` lists it."


def _digest(envelope: Envelope) -> list[Block]:
    entries = [_section(_entry(alert)) for alert in envelope["alerts"][:LARGEST]]
    rest = [_section(line) for line in _rest(envelope)]
    head = f"{_SIGNS[sign_of_all(envelope)]} {envelope['title']}"
    place = (envelope["environment"], envelope["monitor"], envelope["at"])
    return [_header(head), *entries, *rest, _context(" · ".join(shown(part, 120) for part in place))]


def _entry(alert: Envelope) -> str:
    known = dict(facts(alert))
    details = " · ".join(f"{label} {known[label]}" for label in _BRIEF if label in known)
    return f"{_sign(alert)} *{escaped(alert['title'], 400)}*" + (f"\n{escaped(details, 1200)}" if details else "")


def _event(event: Envelope) -> list[Block]:
    sign = _SIGNS[sign_of(event["kind"], event["severity"])]
    return [_header(f"{sign} {event['title']}"), *_lines(event_facts(event)), _context(event["at"])]


def _rest(envelope: Envelope) -> list[str]:
    """What a digest leaves out: the webhook has all of it, and so has the status command."""
    more = len(envelope["alerts"]) - LARGEST
    return [f"… {more:,} more: `cloudcircuit status` lists them all"] if more > 0 else []


def _sign(alert: Envelope) -> str:
    return _SIGNS[sign_of(alert["kind"], alert["alert_severity"])]


def _origin(alert: Envelope) -> str:
    decision = alert["decision"]
    parts = [alert["environment"], alert["monitor"], alert["circuit"], decision["id"] if decision else None]
    return " · ".join(shown(part, 120) for part in dict.fromkeys(parts) if part)


def _link(alert: Envelope) -> list[Block]:
    """A link that we made, and only if nothing in it can end it."""
    link = (alert["link"] or "").replace("&", "&amp;")
    if not re.fullmatch(r"https?://[!-~]+", link) or set(link) & set("<>|`") or len(link) > SECTION - 100:
        return []
    return [_section(f"<{link}|Open the circuit>")]


# --- blocks ---------------------------------------------------------------------------------------------


def _lines(found: Sequence[tuple[str, str]]) -> list[Block]:
    """Long facts in a section of lines, short ones in two columns of at most ten."""
    wide = [f"*{label.capitalize()}* {escaped(text, 900)}" for label, text in found if label in _WIDE]
    narrow = [f"*{label.capitalize()}*\n{escaped(text, 900)}" for label, text in found if label not in _WIDE]
    blocks = [_section("\n".join(wide))] if wide else []
    return [*blocks, *([_fields(narrow)] if narrow else [])]


def _header(text: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": cut(text, HEADER, _units), "emoji": False}}


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text, SECTION)}


def _fields(texts: Sequence[str]) -> Block:
    return {"type": "section", "fields": [_mrkdwn(text, FIELD) for text in texts[:10]]}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [_mrkdwn(escaped(text, 1000), SECTION)]}


def _mrkdwn(text: str, limit: int) -> Block:
    """`verbatim`: a URL or a @name in a text stays text."""
    return {"type": "mrkdwn", "text": cut(text, limit, _units), "verbatim": True}


def escaped(text: str, limit: int) -> str:
    """A text from outside: escaped, without back-ticks, and cut so that no escape is broken."""
    harmless = cut(shown(text, limit), limit, lambda part: _units(_escape(part)))
    return _escape(harmless)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
