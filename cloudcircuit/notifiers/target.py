"""Where a channel sends, and what came back: values that need none of the modules that send."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cloudcircuit.errors import NotifyError
from cloudcircuit.model import Secret
from cloudcircuit.ports import Clock

_PASSING = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Target:
    """Where a channel sends. `name` is the channel's own, and all that is ever said of it.

    `tls_only` refuses http:// even on this machine; `allow_http` accepts it everywhere. `ca_file` is a bundle of
    certificate authorities to trust instead of the public ones.
    """

    name: str
    url: Secret = field(repr=False)
    clock: Clock = field(repr=False)
    tls_only: bool = False
    allow_http: bool = False
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said: any status but a redirect. `retry_after` is in seconds. A body may echo a secret."""

    status: int
    body: bytes = field(repr=False)
    retry_after: float | None


def raise_for_passing(name: str, answer: Answer) -> None:
    """Raise NotifyError for a status that will pass: too many requests, a timeout, trouble at the receiver."""
    if answer.status in _PASSING or answer.status >= 500:
        text = f"{name}: the receiver answered {answer.status}"
        raise NotifyError(text, retry_after=answer.retry_after)
