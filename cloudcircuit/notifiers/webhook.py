"""Generic webhooks after Standard Webhooks: the whole envelope as JSON, with an id that stays and a signature."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC
from math import floor
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from cloudcircuit.errors import ConfigError, NotifyError
from cloudcircuit.model import Delivery, Secret
from cloudcircuit.notifiers.target import Target, raise_for_passing
from cloudcircuit.ports import Clock, Deadline

SHORT = 20
"""How many alerts the short form keeps."""

_REFUSES_BODY = frozenset({400, 413, 422})
_SHORT_KEYS = ("version", "id", "kind", "title", "at", "alert_severity", "monitor", "circuit", "currency", "link")


class WebhookNotifier:
    """One receiver. Without a `secret` nothing is signed; `whsec_…` signs each message anew, at the time it is sent.

    http:// is accepted to this machine alone, unless `allow_http` says otherwise.
    """

    def __init__(
        self,
        name: str,
        url: Secret,
        secret: Secret | None,
        clock: Clock,
        allow_http: bool = False,
        *,
        ca_file: Path | None = None,
    ) -> None:
        self._target = Target(name, url, clock, allow_http=allow_http, ca_file=ca_file)
        self._secret = secret
        self._clock = clock

    def send(self, delivery: Delivery, deadline: Deadline) -> None:
        """Send a delivery, short if it says so. Raises NotifyError."""
        from cloudcircuit.notifiers.http import post  # what sends is loaded when something is sent

        body = render(delivery.envelope, short=delivery.plain)
        answer = post(self._target, body.encode(), self._headers(delivery.id, body), deadline)
        if 200 <= answer.status < 300:
            return
        raise_for_passing(self._target.name, answer)
        rejected = answer.status in _REFUSES_BODY
        text = f"{self._target.name}: the receiver answered {answer.status}"
        raise NotifyError(text, rejected=rejected, permanent=not rejected)

    def check(self, deadline: Deadline) -> str:
        """A HEAD shows that it can be reached; whatever it answers to that is fine."""
        from cloudcircuit.notifiers.http import reach

        self._headers("msg_check", "")
        answer = reach(self._target, deadline)
        signed = "signed" if self._secret else "not signed: it has no secret"
        return f"{self._target.name}: reached (it answered {answer.status}; nothing was sent); messages are {signed}"

    def _headers(self, message_id: str, body: str) -> dict[str, str]:
        now = self._clock.now().astimezone(UTC)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "webhook-id": message_id,
            "webhook-timestamp": str(floor(now.timestamp())),
        }
        if self._secret is not None:
            headers["webhook-signature"] = self._signer(self._secret).sign(message_id, now, body)
        return headers

    def _signer(self, secret: Secret) -> Webhook:
        # Raised outside of the handlers: the frames of what went wrong hold the secret.
        try:
            return _webhook(secret)
        except ConfigError:
            problem, permanent = f"its secret is not there ({secret.reference})", False
        except ValueError:
            problem, permanent = "its secret is not whsec_ and base64", True
        raise NotifyError(f"{self._target.name}: {problem}", permanent=permanent)


def _webhook(secret: Secret) -> Webhook:
    text = secret.reveal().strip()
    if not re.fullmatch(r"whsec_[A-Za-z0-9+/]{4,}={0,2}", text):
        raise ValueError("not a signing secret")
    return Webhook(text)


def render(envelope: Mapping[str, Any], *, short: bool = False) -> str:
    """The body: the whole envelope, or its beginning for a receiver that refused it. Keys sorted, always valid JSON.

    The same envelope gives the same text after any number of restarts.
    """
    content = _shorten(envelope) if short else envelope
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _shorten(envelope: Mapping[str, Any]) -> dict[str, Any]:
    alerts = [{key: alert.get(key) for key in _SHORT_KEYS} for alert in envelope["alerts"][:SHORT]]
    event = envelope["event"] and {**envelope["event"], "source": None, "monitors": []}
    return {**envelope, "alerts": alerts, "event": event, "short": True}
