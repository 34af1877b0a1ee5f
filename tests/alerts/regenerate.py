"""Writes the golden files anew: `python -m tests.alerts.regenerate`, then look at the difference."""

from __future__ import annotations

import json
from pathlib import Path

from cloudcircuit.notifiers import console, slack, webhook
from tests.alerts.situations import NAMES, delivery

GOLDEN = Path(__file__).parent / "golden"


def rendered(name: str) -> dict[str, str]:
    """What each channel makes of a situation, by the name of its golden file."""
    envelope = delivery(name).envelope
    return {
        f"{name}.txt": console.render(envelope),
        f"{name}.slack.json": _pretty(slack.render(envelope)),
        f"{name}.slack-plain.json": _pretty(slack.render_plain(envelope)),
        f"{name}.webhook.json": _pretty(json.loads(webhook.render(envelope))),
    }


def _pretty(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for old in GOLDEN.iterdir():
        old.unlink()
    for each in NAMES:
        for file, text in rendered(each).items():
            (GOLDEN / file).write_text(text, encoding="utf-8")
